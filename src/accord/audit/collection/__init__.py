"""How feedback was collected: DQ1 coverage, DQ2 cost, FT1 kinds of feedback, X5 machine-written answers."""

from accord.audit.checks import Check
from accord.audit.collection.coverage import coverage
from accord.audit.collection.topic_gap import topics

CHECKS: tuple[Check, ...] = (coverage, topics)
