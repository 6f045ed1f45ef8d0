"""Was the feedback given with care? OV1: mistakes from lack of time, attention or care.

What is known of each evaluator is computed in `feedback`; here it meets thresholds.
"""

from accord.audit.oversight import deception, difficulty
from accord.audit.oversight.careless import careless
from accord.audit.oversight.changes import change
from accord.audit.oversight.known import control
from accord.audit.oversight.observation import hidden, shown
from accord.audit.oversight.position import position
from accord.audit.oversight.repeats import repeats
from accord.audit.oversight.sessions import fatigue, time
from accord.audit.oversight.straight_lines import straight_lines

CHECKS = (
    *(careless, straight_lines, time, fatigue, change, control, position, repeats, hidden, shown),
    *difficulty.CHECKS,
    *deception.CHECKS,
)
