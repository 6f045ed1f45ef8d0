"""A finding says what it must, survives JSON, and never prints a fundamental challenge as passed."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accord.artefacts.finding import Finding, IdList, Verdict
from accord.stats import Estimate

NUMBER = st.floats(-1e6, 1e6)
ESTIMATES = st.builds(
    Estimate, NUMBER, st.none() | NUMBER, st.none() | NUMBER, st.integers(1, 10**6), st.none() | st.integers(1, 99)
)
FINDINGS = st.builds(
    Finding,
    challenge=st.sampled_from(["RG2", "P-EOS"]),
    check=st.text(),
    claim=st.text(),
    verdict=st.sampled_from(Verdict),
    threshold=st.text(),
    result=st.text(),
    estimate=ESTIMATES,
    needs=st.text(min_size=1),
    remedy=st.text(min_size=1),
    evidence=st.lists(st.text(), max_size=3).map(tuple),
    ids=st.dictionaries(st.sampled_from(["feedback", "evaluators"]), st.lists(st.text()).map(IdList.of)),
    facts=st.dictionaries(st.text(), ESTIMATES, max_size=3),
    source=st.text(),
    title=st.text(),
    fundamental=st.booleans(),
)
QUIET = Finding("RG2", "turnover", "It is true.", Verdict.QUIET, "above 1", "It is 0.", Estimate(0.0, -0.1, 0.1, 9))


@given(FINDINGS)
def test_a_finding_survives_json(finding: Finding) -> None:
    assert Finding.from_json(json.loads(json.dumps(finding.to_json()))) == finding


def test_a_finding_from_before_ids_and_titles_is_read() -> None:
    content = {name: value for name, value in QUIET.to_json().items() if name not in {"ids", "title"}}
    assert Finding.from_json(content) == QUIET


@pytest.mark.parametrize("verdict", [Verdict.INCONCLUSIVE, Verdict.NOT_ASSESSABLE])
def test_an_open_verdict_says_what_it_needs(verdict: Verdict) -> None:
    with pytest.raises(ValueError, match="must say what it needs"):
        replace(QUIET, verdict=verdict)
    assert replace(QUIET, verdict=verdict, needs="about 90 samples").needs


def test_what_fires_names_a_remedy() -> None:
    with pytest.raises(ValueError, match="RG2 turnover: FIRES must name a remedy"):
        replace(QUIET, verdict=Verdict.FIRES)


def test_no_number_is_infinite() -> None:
    with pytest.raises(ValueError, match=r"RG2 turnover: its estimate is nan .*, which is no number"):
        replace(QUIET, estimate=Estimate(float("nan"), None, None, 4))
    with pytest.raises(ValueError, match=r"RG2 turnover: reach is 1\.000 .*, which is no number"):
        replace(QUIET, facts={"reach": Estimate(1.0, 0.0, float("inf"), 4)})


def test_only_what_cannot_be_assessed_has_no_number() -> None:
    with pytest.raises(ValueError, match="rests on a number"):
        replace(QUIET, estimate=None)
    unassessed = replace(QUIET, verdict=Verdict.NOT_ASSESSABLE, estimate=None, needs="a file")
    assert Finding.from_json(unassessed.to_json()) == unassessed


def test_a_fundamental_challenge_is_never_passed() -> None:
    assert QUIET.words == QUIET.to_json()["words"] == "quiet"
    assert replace(QUIET, fundamental=True).words == "not detected by this test"
    assert replace(QUIET, verdict=Verdict.FIRES, remedy="stop", fundamental=True).words == "fires"
    assert replace(QUIET, verdict=Verdict.INCONCLUSIVE, needs="more", fundamental=True).words == "inconclusive"
    assert replace(QUIET, verdict=Verdict.NOT_ASSESSABLE, needs="a file").words == "not assessable"


@given(st.lists(st.text(max_size=2), max_size=200))
def test_a_list_of_ids_is_bounded_and_says_how_many_there_are(ids: list[str]) -> None:
    some = IdList.of(ids)
    assert some.count == len(set(ids))
    assert some.ids == tuple(dict.fromkeys(ids))[: IdList.MOST]
