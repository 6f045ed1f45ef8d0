"""For many people: the policy under which the group that is served worst is served best.

With the components of the judge's score as the groups' rewards r_g, training seeks

    max_pi min_g E[r_g] - c KL(pi || ref)
        = min_w max_pi sum_g w_g E[r_g] - c KL(pi || ref),    w a distribution, c the `kl_coef`

(Chakraborty et al. 2024, arXiv 2402.08925, eq. 10; the two sides agree, as the objective is concave in pi and linear in
w). The score of a sample is sum_g w_g r_g, and after each step w_g <- w_g exp(-rate E[r_g]), normalised: mirror descent
on w, which settles between groups where choosing the worst one at every step, as the paper does, goes to and fro. Any
online algorithm learns from such a score. Rewards of groups must be in one unit, which is not something the data can
say: compare what each group gains over its start.
"""

from collections.abc import Mapping
from math import exp
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from accord.deferred import deferred
from accord.errors import TrainingStopped

with deferred():
    from torch import Tensor

__all__ = ["MaxMin"]


class MaxMin(BaseModel):
    """The groups, by the names of the components of the judge's scores, and how fast their weights move."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    groups: tuple[str, ...] = Field(min_length=2)
    rate: float = Field(default=0.2, gt=0, description="how fast weights move, a unit of reward")

    def weights(self, state: dict[str, Any]) -> dict[str, float]:
        """What each group counts at present; they sum to 1."""
        return {group: float(state.get(group, 1 / len(self.groups))) for group in self.groups}

    def scores(self, components: Mapping[str, Tensor], state: dict[str, Any]) -> Tensor:
        """The weighted sum of the groups' rewards, [B]. Raises `TrainingStopped` where the judge lacks a group."""
        if missing := [group for group in self.groups if group not in components]:
            known = ", ".join(sorted(components)) or "none"
            raise TrainingStopped(
                f"no component '{missing[0]}' in the judge's scores, which is a group of maxmin; {known}"
            )
        score_B = 0.0 * components[self.groups[0]]
        for group, weight in self.weights(state).items():
            score_B = score_B + weight * components[group]
        return score_B

    def update_weights(self, components: Mapping[str, Tensor], state: dict[str, Any]) -> None:
        """Move the weights in `state` after a step, by the components of its samples' scores."""
        scaled = {
            group: weight * exp(-self.rate * float(components[group].mean()))
            for group, weight in self.weights(state).items()
        }
        total = sum(scaled.values())
        state.update({group: value / total for group, value in scaled.items()})
