"""Make the model better by feedback: one file an algorithm, pure losses and advantages."""

from typing import TYPE_CHECKING, Any

from accord.extras import import_module

if TYPE_CHECKING:
    from accord.policy.abstaining import Abstaining, matches, threshold
    from accord.policy.advantages import (
        every_token,
        gae,
        group_relative,
        kl_penalised,
        leave_one_out,
        returns_to_go,
        update_kl_coef,
        whitened,
    )
    from accord.policy.best_of_n import BestOfN, best_of, best_of_kl, soft_best_of
    from accord.policy.caution import Cautious, certainty_equivalent
    from accord.policy.conditional import Conditional, controlled
    from accord.policy.constraints import Constraint
    from accord.policy.context_distillation import ContextDistillation
    from accord.policy.curated import Curated, select
    from accord.policy.dpo import DPO
    from accord.policy.evaluate import compare, describe, distinct, win_rate
    from accord.policy.group_soup import GroupSoup
    from accord.policy.grpo import GRPO
    from accord.policy.ipo import IPO
    from accord.policy.kto import KTO
    from accord.policy.losses import (
        direct_preference,
        kl_estimate,
        kl_to_reference,
        negative_log_likelihood,
        ppo_policy,
        ppo_value,
        reinforce,
    )
    from accord.policy.materials import Materials
    from accord.policy.maxmin import MaxMin
    from accord.policy.online import Online
    from accord.policy.optimum import KLObjective
    from accord.policy.orpo import ORPO
    from accord.policy.pairwise import Pairwise
    from accord.policy.ppo import PPO
    from accord.policy.pro import PRO
    from accord.policy.ranked import Ranked
    from accord.policy.registry import ALGORITHMS, register
    from accord.policy.reinforce import REINFORCE
    from accord.policy.reinforce_pp import ReinforcePP
    from accord.policy.rloo import RLOO
    from accord.policy.rollout import Rollout, generate_rollouts, measure
    from accord.policy.rrhf import RRHF
    from accord.policy.settings import PolicySettings
    from accord.policy.sft import SFT
    from accord.policy.simpo import SimPO
    from accord.policy.supervised import Supervised
    from accord.policy.weight_averaging import extrapolate, pareto_front, soup

__all__ = [
    "ALGORITHMS",
    "DPO",
    "GRPO",
    "IPO",
    "KTO",
    "ORPO",
    "PPO",
    "PRO",
    "REINFORCE",
    "RLOO",
    "RRHF",
    "SFT",
    "Abstaining",
    "BestOfN",
    "Cautious",
    "Conditional",
    "Constraint",
    "ContextDistillation",
    "Curated",
    "GroupSoup",
    "KLObjective",
    "Materials",
    "MaxMin",
    "Online",
    "Pairwise",
    "PolicySettings",
    "Ranked",
    "ReinforcePP",
    "Rollout",
    "SimPO",
    "Supervised",
    "best_of",
    "best_of_kl",
    "certainty_equivalent",
    "compare",
    "controlled",
    "describe",
    "direct_preference",
    "distinct",
    "every_token",
    "extrapolate",
    "gae",
    "generate_rollouts",
    "group_relative",
    "kl_estimate",
    "kl_penalised",
    "kl_to_reference",
    "leave_one_out",
    "matches",
    "measure",
    "negative_log_likelihood",
    "pareto_front",
    "ppo_policy",
    "ppo_value",
    "register",
    "reinforce",
    "returns_to_go",
    "select",
    "soft_best_of",
    "soup",
    "threshold",
    "update_kl_coef",
    "whitened",
    "win_rate",
]

_HOME = {
    "Abstaining": "abstaining",
    "matches": "abstaining",
    "threshold": "abstaining",
    "kl_estimate": "losses",
    "soup": "weight_averaging",
    "extrapolate": "weight_averaging",
    "Ranked": "ranked",
    "RRHF": "rrhf",
    "PRO": "pro",
    "soft_best_of": "best_of_n",
    "best_of_kl": "best_of_n",
    "best_of": "best_of_n",
    "BestOfN": "best_of_n",
    "Cautious": "caution",
    "certainty_equivalent": "caution",
    "Conditional": "conditional",
    "ContextDistillation": "context_distillation",
    "Curated": "curated",
    "select": "curated",
    "SimPO": "simpo",
    "Pairwise": "pairwise",
    "KLObjective": "optimum",
    "ORPO": "orpo",
    "KTO": "kto",
    "IPO": "ipo",
    "Constraint": "constraints",
    "DPO": "dpo",
    "GroupSoup": "group_soup",
    "ALGORITHMS": "registry",
    "register": "registry",
    "Materials": "materials",
    "PolicySettings": "settings",
    "MaxMin": "maxmin",
    "pareto_front": "weight_averaging",
    "GRPO": "grpo",
    "Online": "online",
    "PPO": "ppo",
    "REINFORCE": "reinforce",
    "RLOO": "rloo",
    "ReinforcePP": "reinforce_pp",
    "Rollout": "rollout",
    "SFT": "sft",
    "Supervised": "supervised",
    "update_kl_coef": "advantages",
    "compare": "evaluate",
    "controlled": "conditional",
    "describe": "evaluate",
    "direct_preference": "losses",
    "distinct": "evaluate",
    "every_token": "advantages",
    "gae": "advantages",
    "group_relative": "advantages",
    "kl_penalised": "advantages",
    "kl_to_reference": "losses",
    "leave_one_out": "advantages",
    "measure": "rollout",
    "negative_log_likelihood": "losses",
    "ppo_policy": "losses",
    "ppo_value": "losses",
    "reinforce": "losses",
    "returns_to_go": "advantages",
    "generate_rollouts": "rollout",
    "whitened": "advantages",
    "win_rate": "evaluate",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
