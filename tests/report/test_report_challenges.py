"""The audit by challenge: the primary check speaks for it, and what else fires is named."""

from dataclasses import replace

from accord.artefacts import Finding, Verdict
from accord.report.challenges import challenge_rows
from accord.stats import Estimate


def finding(challenge: str, check: str, verdict: Verdict, *, primary: bool = False) -> Finding:
    open_ = verdict in {Verdict.INCONCLUSIVE, Verdict.NOT_ASSESSABLE}
    estimate = Estimate(0.1, 0.0, 0.2, 9)
    words = ("It holds.", verdict, "above 0", "It is so.", estimate, "more" * open_, "Mend it.")
    return Finding(challenge, check, *words, primary=primary)


def test_the_primary_check_speaks_for_its_challenge() -> None:
    careless = finding("OV1", "careless", Verdict.QUIET, primary=True)
    time, change = finding("OV1", "time", Verdict.FIRES), finding("OV1", "change", Verdict.INCONCLUSIVE)
    (row,) = challenge_rows([careless, time, change])
    assert (row.id, row.words, row.kind, row.further) == ("OV1", "quiet", "quiet", ("time",))


def test_a_fundamental_challenge_is_never_said_to_be_passed() -> None:
    quiet = replace(finding("PM2", "one reward", Verdict.QUIET, primary=True), fundamental=True)
    (row,) = challenge_rows([quiet])
    assert row.words == "not detected by this test"


def test_without_a_primary_check_the_gravest_verdict_stands() -> None:
    rows = challenge_rows(
        [
            finding("RG2", "gain", Verdict.QUIET),
            finding("RG2", "turnover", Verdict.FIRES),
            finding("DC2", "a", Verdict.QUIET),
        ]
    )
    assert [(row.id, row.kind, row.further) for row in rows] == [("RG2", "fires", ()), ("DC2", "quiet", ())]
