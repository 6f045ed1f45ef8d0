"""What still holds when it is asked of all tests at once, and what explains what."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from accord.artefacts import Finding, Verdict
from accord.audit.multiplicity import corrected, holm, surely_rejected
from accord.stats import Estimate

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=12)


def finding(
    challenge: str, check: str, p: float | None, *, primary: bool = False, verdict: Verdict = Verdict.FIRES
) -> Finding:
    needs = "more" if verdict in {Verdict.INCONCLUSIVE, Verdict.NOT_ASSESSABLE} else ""
    return Finding(
        challenge, check, "It holds.", verdict, "above 0", "It is so.", Estimate(1.0, 0.5, 1.5, 9), needs, "Mend it.",
        primary=primary, p_value=p,
    )  # fmt: skip


def test_holm_as_the_paper_has_it() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@given(P_VALUES)
def test_holm_lies_between_the_value_and_bonferroni_and_keeps_the_order(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    for value, after in zip(p_values, adjusted, strict=True):
        assert value <= after <= min(1.0, len(p_values) * value) + 1e-12
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    assert [adjusted[place] for place in order] == sorted(adjusted)


def test_what_fires_only_by_itself_is_inconclusive() -> None:
    others = [finding(f"X{i}", "main", 0.5, primary=True, verdict=Verdict.QUIET) for i in range(9)]
    weak, strong = finding("A1", "main", 0.02, primary=True), finding("A2", "main", 0.001, primary=True)
    first, second, *rest = corrected([weak, strong, *others], {})
    assert (first.verdict, second.verdict) == (Verdict.INCONCLUSIVE, Verdict.FIRES)
    assert first.adjusted_p == pytest.approx(0.2)
    assert "among all tests of the report so much has a probability of 0.2" in first.needs
    assert all(one.verdict is Verdict.QUIET for one in rest)


def test_secondary_checks_are_a_family_of_their_challenge() -> None:
    p_values = [0.02, 0.04, 0.9]
    verdicts = (Verdict.FIRES, Verdict.FIRES, Verdict.QUIET)
    of_a = [
        finding("A1", f"c{i}", p, verdict=verdict)
        for i, (p, verdict) in enumerate(zip(p_values, verdicts, strict=True))
    ]
    first, second, _ = corrected(of_a, {})
    assert [first.adjusted_p, second.adjusted_p] == pytest.approx(false_discovery_control(p_values)[:2].tolist())
    assert (first.verdict, second.verdict) == (Verdict.INCONCLUSIVE, Verdict.INCONCLUSIVE)
    alone, *_ = corrected([of_a[0], finding("B1", "c", 0.9, verdict=Verdict.QUIET)], {})
    assert alone.verdict is Verdict.FIRES


def test_what_no_chance_is_in_is_no_test_among_the_others() -> None:
    certain = [finding(f"P-{i}", "main", None, primary=True) for i in range(9)]
    weak, *rest = corrected([finding("A1", "main", 0.02, primary=True), *certain], {})
    assert weak.verdict is Verdict.FIRES
    assert all(one.verdict is Verdict.FIRES and one.adjusted_p is None for one in rest)


def test_a_challenge_apart_is_no_test_among_the_others() -> None:
    many = [finding(f"A{i}", "main", 0.5, primary=True, verdict=Verdict.QUIET) for i in range(9)]
    alone, *_ = corrected([finding("P-EOS", "stopping", 0.02, primary=True), *many], {}, apart={"P-EOS"})
    assert (alone.verdict, alone.adjusted_p) == (Verdict.FIRES, 0.02)


@given(P_VALUES, st.booleans())
def test_what_bonferroni_rejects_stands_in_a_report_whatever_the_others_find(
    p_values: list[float], primary: bool
) -> None:
    findings = [finding(f"A{i}" if primary else "A", str(i), p, primary=primary) for i, p in enumerate(p_values)]
    for single, among in zip(findings, corrected(findings, {}), strict=True):
        surely = surely_rejected(single, len(findings))
        assert among.verdict is Verdict.FIRES or surely.verdict is Verdict.INCONCLUSIVE
        assert (surely.adjusted_p or 0.0) >= (among.adjusted_p or 0.0) - 1e-12


def test_a_finding_that_another_one_explains_says_so() -> None:
    cause, effect = finding("OV1", "careless", 1e-6, primary=True), finding("RE1", "calibration", 1e-6)
    explained = {"RE1 calibration": ("OV1 careless", "PM2 one reward"), "OV1 careless": ("RE1 calibration",)}
    assert [one.explained_by for one in corrected([cause, effect], {"RE1 calibration": ("OV1 careless",)})] == [
        (),
        ("OV1 careless",),
    ]
    (alone,) = corrected([effect], explained)
    assert alone.explained_by == ()
