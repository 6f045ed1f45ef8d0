"""Rewards under constraints, by Lagrange multipliers that training adapts.

The policy maximises E[r] - kl_coef KL(pi || ref) subject to E[c_k] >= at_least (or <= at_most) for components c_k of
the judge's score: the score becomes r + sum_k lambda_k s_k (c_k - limit_k), s_k being 1 for a lower limit and -1 for an
upper one, and after each step

    lambda_k <- max(0, lambda_k - rate s_k (mean of c_k - limit_k)),

gradient descent on the dual (Altman 1999; Ray et al. 2019; for language models Dai et al. 2023, arXiv 2310.12773, eqs.
10-11, and Moskovitz et al. 2023, arXiv 2310.04373). Any online algorithm learns from such a score. Where nothing meets
the limits the multipliers grow without end, and `multipliers` of the step tells.

Left out: the score divided by 1 + sum lambda (Dai et al.), which would change what the KL coefficient means.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from accord.deferred import deferred
from accord.errors import TrainingStopped

with deferred():
    from torch import Tensor

__all__ = ["Constraint", "constrained", "update_multipliers"]


class Constraint(BaseModel):
    """A limit on the mean of one component of the judge's scores; every judge has the component `length` (tokens)."""

    renamed: ClassVar[Mapping[str, str]] = {"part": "component", "start": "initial"}

    model_config = ConfigDict(frozen=True, extra="forbid")

    component: str = Field(min_length=1)
    at_least: float | None = None
    at_most: float | None = None
    rate: float = Field(default=0.1, gt=0, description="how fast the multiplier follows, a unit of the component")
    initial: float = Field(default=0.0, ge=0, description="the multiplier of the first step")

    @model_validator(mode="after")
    def _one_limit(self) -> Self:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError(f"the constraint on '{self.component}' needs at_least or at_most, and not both")
        return self

    def surplus(self, component_B: Tensor) -> Tensor:
        """By how much each sample is on the right side of the limit, [B]; negative beyond it."""
        if self.at_least is not None:
            return component_B - self.at_least
        assert self.at_most is not None
        return self.at_most - component_B


def constrained(
    score_B: Tensor, components: Mapping[str, Tensor], constraints: Sequence[Constraint], state: dict[str, Any]
) -> Tensor:
    """The scores, and what the constraints add to them at their present multipliers, [B].

    Raises `TrainingStopped` where the judge's scores lack a component.
    """
    for each in constraints:
        if each.component not in components:
            known = ", ".join(sorted(components)) or "none"
            raise TrainingStopped(
                f"no component '{each.component}' in the judge's scores, which a constraint is about; {known}"
            )
        score_B = score_B + state.get(each.component, each.initial) * each.surplus(components[each.component])
    return score_B


def update_multipliers(
    components: Mapping[str, Tensor], constraints: Sequence[Constraint], state: dict[str, Any]
) -> None:
    """Move each multiplier in `state` after a step, by the components of its samples' scores."""
    for each in constraints:
        gap = float(each.surplus(components[each.component]).mean())
        state[each.component] = max(0.0, state.get(each.component, each.initial) - each.rate * gap)
