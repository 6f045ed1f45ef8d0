"""Could the policy reach the optimum of its own objective, did it, did it go on trying, did it pass it? RL1, DC2."""

from accord.audit.optimisation.excess import excess
from accord.audit.optimisation.exploration import exploration
from accord.audit.optimisation.good_answers import coverage
from accord.audit.optimisation.reached import reached

CHECKS = (reached, coverage, exploration, excess)
