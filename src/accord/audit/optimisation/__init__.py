"""Could the policy reach the optimum of its own objective, did it, and did it pass it? RL1, and the excess of DC2."""

from accord.audit.optimisation.excess import excess
from accord.audit.optimisation.good_answers import coverage
from accord.audit.optimisation.reached import reached

CHECKS = (reached, coverage, excess)
