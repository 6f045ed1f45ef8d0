"""What the page says of how often a check errs, and what the measured rates are of."""

import pytest

from accord.artefacts import Finding, Verdict
from accord.audit import CHECKS
from accord.audit.error_rates import Count, ErrorRates, error_rates
from accord.lab import FAULTS
from accord.lab.planted.worlds import WORLDS
from accord.report import error_rates as words

TRIED = ErrorRates(
    healthy={"one": Count(fires=0, runs=200), "other": Count(fires=1, runs=200)},
    planted={"careless": {"one": Count(fires=19, runs=20), "other": Count(fires=20, runs=20)}},
)
UNPLANTED = ErrorRates(healthy={"one": Count(fires=0, runs=200)}, planted={})


def finding(check: str) -> Finding:
    return Finding("OV1", check, "Care was taken.", Verdict.NOT_ASSESSABLE, "", "", needs="people")


@pytest.mark.parametrize(
    ("check", "said"),
    [
        (
            "careless",
            "fired in 1 of 400 planted runs with nothing wrong [0.0 %, 1.4 %] and in 39 of 40 with the fault "
            "“careless” at full strength [86.8 %, 99.9 %]",
        ),
        (
            "time",
            "fired in 0 of 200 planted runs with nothing wrong [0.0 %, 1.8 %] and no planted fault is to set it off",
        ),
        ("own", ""),
    ],
)
def test_runs_of_all_worlds_are_added_up(check: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "error_rates", lambda: {"OV1 careless": TRIED, "OV1 time": UNPLANTED})
    assert words.errors_of(finding(check)) == said


def test_measured_rates_are_of_what_there_is() -> None:
    """Of checks, faults and worlds that are registered, each fault among those that must set the check off."""
    for check, rates in error_rates().items():
        assert check in CHECKS
        assert {*rates.healthy} <= {*WORLDS.names}
        assert all(check in FAULTS.get(fault).sets_off for fault in rates.planted)
