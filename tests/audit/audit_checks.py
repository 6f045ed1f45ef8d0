"""One check by its id, on one run, for the tests of the audit."""

from accord.audit import CHECKS, AuditSettings, Evidence, Finding, Verdict
from accord.interfaces import Judge
from accord.run import RunDirectory

__all__ = ["finding_of", "verdict_of"]


def finding_of(check: str, run: RunDirectory, **judges: Judge) -> Finding:
    """The finding of the check with that id (`RG2 turnover`), at default thresholds."""
    return CHECKS.get(check).run(Evidence(run, judges), AuditSettings())


def verdict_of(check: str, run: RunDirectory, **judges: Judge) -> Verdict:
    """Its verdict."""
    return finding_of(check, run, **judges).verdict
