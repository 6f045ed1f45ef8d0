"""The algorithms by their `kind`: what recipes take, what the report and the tables tell of, what the lab compares.

An algorithm of the user's own is registered from an extension, a file that a recipe names in `extensions`:

    @accord.policy.register
    class Hinge(accord.policy.Pairwise):
        kind: Literal["hinge"] = "hinge"
        ...
"""

from typing import TypeVar

from accord.errors import ExtensionError, RecipeError
from accord.policy.abstaining import Abstaining
from accord.policy.best_of_n import BestOfN
from accord.policy.conditional import Conditional
from accord.policy.context_distillation import ContextDistillation
from accord.policy.curated import Curated
from accord.policy.dpo import DPO
from accord.policy.group_soup import GroupSoup
from accord.policy.grpo import GRPO
from accord.policy.ipo import IPO
from accord.policy.kto import KTO
from accord.policy.orpo import ORPO
from accord.policy.ppo import PPO
from accord.policy.pro import PRO
from accord.policy.reinforce import REINFORCE
from accord.policy.reinforce_pp import ReinforcePP
from accord.policy.rloo import RLOO
from accord.policy.rrhf import RRHF
from accord.policy.settings import PolicySettings
from accord.policy.sft import SFT
from accord.policy.simpo import SimPO
from accord.registry import Registry

__all__ = ["ALGORITHMS", "register"]

ALGORITHMS: Registry[type[PolicySettings]] = Registry("algorithm", error=RecipeError)

P = TypeVar("P", bound=PolicySettings)


def register(algorithm: type[P]) -> type[P]:
    """Make an algorithm known by its `kind`, and return it: a decorator.

    Raises `ExtensionError` where the kind is taken, or the class does not say what the report and the lab need.
    """
    kind = str(algorithm.model_fields["kind"].default)
    if not kind:
        raise ExtensionError(f'{algorithm.__name__}: it has no name; give it a field, kind: Literal["name"] = "name"')
    if not algorithm.sentence:
        raise ExtensionError(f"algorithm '{kind}': it has no `sentence` for the report to tell what it did")
    if algorithm.lab_defaults is not None and algorithm.anchor and algorithm.anchor not in algorithm.model_fields:
        raise ExtensionError(
            f"algorithm '{kind}': its anchor '{algorithm.anchor}' is not one of its settings; name the setting that "
            'holds the policy near its start, or anchor = ""'
        )
    ALGORITHMS.add(kind, algorithm)
    return algorithm


for _algorithm in (
    SFT,
    PPO,
    REINFORCE,
    ReinforcePP,
    RLOO,
    GRPO,
    GroupSoup,
    DPO,
    IPO,
    KTO,
    SimPO,
    ORPO,
    RRHF,
    PRO,
    BestOfN,
    Curated,
    Conditional,
    Abstaining,
    ContextDistillation,
):
    register(_algorithm)
