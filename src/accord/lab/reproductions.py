"""All reproductions, by name."""

from accord.lab.exact_optimum import EXACT_OPTIMUM
from accord.lab.is_rl_needed import IS_RL_NEEDED

__all__ = ["REPRODUCTIONS"]

REPRODUCTIONS = {each.name: each for each in (EXACT_OPTIMUM, IS_RL_NEEDED)}
