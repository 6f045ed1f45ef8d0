"""Was the feedback given with care? OV1: mistakes from lack of time, attention or care.

What is known of each evaluator is computed in `feedback`; here it meets thresholds.
"""

from accord.audit.oversight import deception, difficulty
from accord.audit.oversight.careless import careless
from accord.audit.oversight.known import control
from accord.audit.oversight.patterns import position, straight_lines
from accord.audit.oversight.sessions import fatigue, time

CHECKS = (careless, straight_lines, time, fatigue, control, position, *difficulty.CHECKS, *deception.CHECKS)
