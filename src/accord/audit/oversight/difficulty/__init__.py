"""Can people judge what is hard? OV3, on items whose right answer is known."""

from accord.audit.oversight.difficulty.against_experts import assistance, pools
from accord.audit.oversight.difficulty.by_bin import difficulty

CHECKS = (difficulty, pools, assistance)
