"""A finding says what it must, survives JSON, and never prints a fundamental challenge as passed."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accord.artefacts.finding import Finding, Verdict
from accord.audit.checks import near_zero, needed
from accord.stats import Estimate, mean

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
    facts=st.dictionaries(st.text(), ESTIMATES, max_size=3),
    source=st.text(),
    fundamental=st.booleans(),
)
QUIET = Finding("RG2", "turnover", "It is true.", Verdict.QUIET, "above 1", "It is 0.", Estimate(0.0, -0.1, 0.1, 9))


@given(FINDINGS)
def test_a_finding_survives_json(finding: Finding) -> None:
    assert Finding.from_json(json.loads(json.dumps(finding.to_json()))) == finding


@pytest.mark.parametrize("verdict", [Verdict.INCONCLUSIVE, Verdict.NOT_ASSESSABLE])
def test_an_open_verdict_says_what_it_needs(verdict: Verdict) -> None:
    with pytest.raises(ValueError, match="must say what it needs"):
        replace(QUIET, verdict=verdict)
    assert replace(QUIET, verdict=verdict, needs="about 90 samples").needs


def test_what_fires_names_a_remedy() -> None:
    with pytest.raises(ValueError, match="must name a remedy"):
        replace(QUIET, verdict=Verdict.FIRES)


def test_only_what_cannot_be_assessed_has_no_number() -> None:
    with pytest.raises(ValueError, match="rests on a number"):
        replace(QUIET, estimate=None)
    assert replace(QUIET, verdict=Verdict.NOT_ASSESSABLE, estimate=None, needs="a file").estimate is None


def test_a_fundamental_challenge_is_never_passed() -> None:
    assert QUIET.words == "quiet"
    assert replace(QUIET, fundamental=True).words == "not detected by this test"
    assert replace(QUIET, verdict=Verdict.FIRES, remedy="stop", fundamental=True).words == "fires"


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (-0.1, 0.1, Verdict.QUIET),
        (0.6, 0.9, Verdict.FIRES),
        (-0.9, -0.6, Verdict.FIRES),
        (0.4, 0.9, Verdict.INCONCLUSIVE),
        (-0.9, 0.1, Verdict.INCONCLUSIVE),
        (-0.9, 0.9, Verdict.INCONCLUSIVE),
        (None, None, Verdict.INCONCLUSIVE),
    ],
)
def test_the_interval_decides(low: float | None, high: float | None, verdict: Verdict) -> None:
    value = 0.0 if low is None or high is None else (low + high) / 2
    found, needs = near_zero(Estimate(value, low, high, 20), 0.5)
    assert found is verdict
    assert bool(needs) == (verdict is Verdict.INCONCLUSIVE)


def test_what_is_needed_is_enough() -> None:
    """With the number of observations that it asks for, the interval of the same data parts from the threshold."""
    values = [0.5, 0.3] * 6
    found = mean(values)
    verdict, needs = near_zero(found, 0.43)
    assert verdict is Verdict.INCONCLUSIVE
    wanted = int(needs.split()[1])
    assert wanted > len(values)
    assert near_zero(mean([*values * (2 * wanted // len(values))]), 0.43)[0] is Verdict.QUIET


def test_one_unit_alone_gives_no_interval_and_needs_others() -> None:
    assert "more than one independent unit" in needed(Estimate(0.3, None, None, 40), 0.5)
