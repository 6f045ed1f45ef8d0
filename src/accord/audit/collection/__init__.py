"""How feedback was collected: DQ1 and X1 coverage, DQ2 cost, FT1 kinds of feedback, X5 machine-written answers."""

from accord.audit.checks import Check
from accord.audit.collection.circles import triads
from accord.audit.collection.cost_frontier import frontier
from accord.audit.collection.coverage import coverage
from accord.audit.collection.kinds import bits
from accord.audit.collection.machine_written import machine_written, untyped
from accord.audit.collection.options import options
from accord.audit.collection.settled_labels import redundancy
from accord.audit.collection.topic_gap import topics
from accord.audit.collection.uncovered_error import uncovered_error

CHECKS: tuple[Check, ...] = (
    *(coverage, topics, uncovered_error, frontier, redundancy, bits, options, triads, machine_written, untyped),
)
