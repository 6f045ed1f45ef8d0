"""The reproductions, in the order in which they are listed."""

from typing import Any

from accord.errors import RecipeError
from accord.lab.exact_optimum import EXACT_OPTIMUM
from accord.lab.fault_matrix import FAULT_MATRIX
from accord.lab.is_rl_needed import IS_RL_NEEDED
from accord.lab.many_people import ONE_REWARD_MANY_PEOPLE
from accord.lab.not_knowing import I_DONT_KNOW
from accord.lab.overoptimisation import OVER_OPTIMISATION
from accord.lab.paraphrase import PARAPHRASE
from accord.lab.recollection import RECOLLECTION
from accord.lab.reproduce import Reproduction
from accord.lab.rewards import REWARDS_OF_FEEDBACK
from accord.lab.starts import WHICH_START
from accord.lab.trust import TRUST_BY_VOTES
from accord.lab.who_may_judge import WHO_MAY_JUDGE
from accord.registry import Registry

__all__ = ["REPRODUCTIONS"]

REPRODUCTIONS: Registry[Reproduction[Any]] = Registry("reproduction", error=RecipeError)
for _reproduction in (
    EXACT_OPTIMUM,
    IS_RL_NEEDED,
    TRUST_BY_VOTES,
    WHICH_START,
    REWARDS_OF_FEEDBACK,
    OVER_OPTIMISATION,
    ONE_REWARD_MANY_PEOPLE,
    PARAPHRASE,
    WHO_MAY_JUDGE,
    I_DONT_KNOW,
    RECOLLECTION,
    FAULT_MATRIX,
):
    REPRODUCTIONS.add(_reproduction.name, _reproduction)
