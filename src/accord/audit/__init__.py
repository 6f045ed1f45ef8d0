"""Check: the claims of a run worked out again, from its files; `remeasure` alone loads models."""

from accord.artefacts.finding import Collection, Finding, Verdict
from accord.audit.challenges import CHALLENGES, Challenge
from accord.audit.checks import AUDIT_LEDGER, CHECKS, LEDGER, Check, Outcome, artefact, check, judge, register_check
from accord.audit.evidence import Evidence
from accord.audit.settings import AuditSettings, Thresholds
from accord.audit.verdicts import Ruling

# Last, and at once rather than on first use: the room has a module and a function of this name, and the module,
# whenever it is imported after the function was looked up, would take the function's place.
from accord.audit.examine import AuditReport, examine  # isort: skip

__all__ = [
    "AUDIT_LEDGER",
    "CHALLENGES",
    "CHECKS",
    "LEDGER",
    "AuditReport",
    "AuditSettings",
    "Challenge",
    "Check",
    "Collection",
    "Evidence",
    "Finding",
    "Outcome",
    "Ruling",
    "Thresholds",
    "Verdict",
    "artefact",
    "check",
    "examine",
    "judge",
    "register_check",
]
