"""How feedback was collected: DQ1 coverage, DQ2 cost, FT1 kinds of feedback, X5 machine-written answers."""

from accord.audit.checks import Check

CHECKS: tuple[Check, ...] = ()
