"""Check: the claims of a run worked out again, from its files; `remeasure` alone loads models."""

from accord.artefacts.finding import Finding, Verdict
from accord.audit.checks import Check
from accord.audit.evidence import Evidence
from accord.audit.settings import AuditSettings

# Last, and at once rather than on first use: the room has a module and a function of this name, and the module,
# whenever it is imported after the function was looked up, would take the function's place.
from accord.audit.examine import CHECKS, AuditReport, examine  # isort: skip

__all__ = ["CHECKS", "AuditReport", "AuditSettings", "Check", "Evidence", "Finding", "Verdict", "examine"]
