"""Did the policy reach the optimum of its own objective, and not pass it? RL1, and the excess of DC2."""

from accord.audit.optimisation.excess import excess
from accord.audit.optimisation.reached import reached

CHECKS = (reached, excess)
