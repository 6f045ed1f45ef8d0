"""Mode collapse: a sound reward model, and far too much of it."""

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from accord.lab.faults.base import Fault, register_fault

if TYPE_CHECKING:
    from accord.lab.planted.planting import Planting

__all__ = ["ModeCollapse"]


@register_fault
class ModeCollapse(Fault):
    """The policy is pressed until it writes the same few words.

    The strength is the pressure at the last step.
    """

    name: ClassVar = "mode-collapse"
    strengths: ClassVar = (6.0, 12.0)
    sets_off: ClassVar = ("DC2 diversity", "DC2 entropy")

    touches: ClassVar = {
        "RL1 reached": "the planted policy's texts stay as long as its start's, which its objective would not have",
        "RG2 turnover": "so much pressure finds whatever the reward model has wrong",
        "RG2 divergence": "so much pressure finds whatever the reward model has wrong",
    }
    cure: ClassVar = "a stronger KL penalty: a quarter of the pressure"
    gold: ClassVar = "the effective number of words that the policy writes (exp of its entropy a word)"

    def pressure(self, healthy: float) -> float:
        return self.strength / 4 if self.cured else self.strength

    def measure_gold(self, planting: "Planting") -> float:
        logprob_V = planting.policies[-1].logprob_V
        return float(np.exp(-np.exp(logprob_V) @ logprob_V))
