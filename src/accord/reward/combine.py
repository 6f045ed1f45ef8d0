"""Ways to make several rewards one number, as `[combine]` of a recipe names them: settings and pure functions.

The parts are `[reward]`, by the name `reward`, and every `[rewards.NAME]`. With v_k the score of part k, w_k its weight
(1 where none is given) and z_k = v_k, or (v_k - m_k) / s_k where parts are standardised,

    weighted_sum  sum_k w_k z_k
    worst         min_k w_k z_k
    veto          sum_k w_k z_k, but `floor` where some v_k < limit_k
    gate          w_g z_g + [v_g >= at_least] sum_(k != g) w_k z_k
    constraint    sum_(k not limited) w_k z_k - price sum_(k limited) max(0, limit_k - v_k)

Limits are in the parts' own units, so that they mean what they say however parts are standardised. Where parts come as
S draws each (an ensemble, a posterior), the formula holds of each draw, and the score is the mean over draws.

A price that training finds itself is a Lagrange multiplier: `constraints` of the policy.
"""

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from typing import Annotated, ClassVar, Literal, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from accord.errors import RecipeError, nearest
from accord.registry import Registry

__all__ = [
    "COMBINATIONS",
    "MAIN",
    "Combination",
    "Constraint",
    "Gate",
    "Veto",
    "WeightedSum",
    "Worst",
    "register_combination",
]

MAIN = "reward"
"""How `[reward]` is called among the parts."""
Finite = Annotated[float, Field(allow_inf_nan=False)]
Draws = Mapping[str, NDArray[np.float64]]
"""Scores of N completions in S draws by part, [N, S]."""


class Combination(BaseModel):
    """How the parts of a reward become one; a recipe picks the class by its `kind`, and `objective` is its formula."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    objective: ClassVar[str] = ""

    kind: str
    weights: dict[str, Finite] = Field(default={}, description="of parts, by name; 1 where none is given")
    normalise: Literal["none", "standardise"] = Field(
        default="none",
        description="`standardise`: less its mean, by its standard deviation, on the completions of the train split",
    )

    @abstractmethod
    def fold(self, value: Draws, normal: Draws) -> NDArray[np.float64]:
        """The formula, [N, S]: `value` are the scores v of the parts, `normal` the scores z."""

    def check(self, parts: Sequence[str]) -> None:
        """Raises `RecipeError` with the nearest name where a part is named that there is none of, or there are none."""
        if len(parts) < 2:
            raise RecipeError("recipe.combine: fewer than two rewards; add [reward], [rewards.NAME], or leave it out")
        for key, name in self.named_parts():
            if name not in parts:
                raise RecipeError(f"recipe.combine.{key}: no reward '{name}'{nearest(name, list(parts))}")

    def named_parts(self) -> Iterable[tuple[str, str]]:
        """The parts that the settings name, each behind its key."""
        return (("weights", name) for name in self.weights)

    def weight(self, name: str) -> float:
        """The weight of a part."""
        return self.weights.get(name, 1.0)

    def standardises(self, name: str) -> bool:
        """Whether the formula takes a part in standard deviations from its mean."""
        return self.normalise == "standardise"

    def total(self, normal: Draws, names: Iterable[str]) -> NDArray[np.float64]:
        """The weighted sum of some parts, [N, S]; 0 of none."""
        return reduce(np.add, (self.weight(name) * normal[name] for name in names), np.zeros((1, 1)))


class WeightedSum(Combination):
    """The weighted sum of all parts."""

    objective: ClassVar[str] = "sum_k w_k z_k"

    kind: Literal["weighted_sum"] = "weighted_sum"

    def fold(self, value: Draws, normal: Draws) -> NDArray[np.float64]:
        """sum_k w_k z_k."""
        return self.total(normal, normal)


class Worst(Combination):
    """The worst of several parts; what they are worth in one another's units is the weights' matter."""

    objective: ClassVar[str] = "min_k w_k z_k"

    kind: Literal["worst"] = "worst"

    def fold(self, value: Draws, normal: Draws) -> NDArray[np.float64]:
        """min_k w_k z_k."""
        return reduce(np.minimum, (self.weight(name) * normal[name] for name in normal))


class Veto(Combination):
    """The weighted sum, unless a part is below its limit."""

    objective: ClassVar[str] = "sum_k w_k z_k, but `floor` where some v_k < limit_k"

    kind: Literal["veto"] = "veto"
    limits: dict[str, Finite] = Field(min_length=1, description="parts that may veto, each with its least score")
    floor: Finite = Field(description="the score of what is vetoed")

    def named_parts(self) -> Iterable[tuple[str, str]]:
        """Those with weights, and those that may veto."""
        yield from super().named_parts()
        yield from (("limits", name) for name in self.limits)

    def fold(self, value: Draws, normal: Draws) -> NDArray[np.float64]:
        """The floor where some v_k < limit_k, else sum_k w_k z_k."""
        vetoed = reduce(np.logical_or, (value[name] < limit for name, limit in self.limits.items()))
        return np.where(vetoed, self.floor, self.total(normal, normal))


class Gate(Combination):
    """One part alone, until it is good enough; then the others count too: style where the answer is right."""

    objective: ClassVar[str] = "w_g z_g, and sum_(k != g) w_k z_k where v_g >= at_least"

    kind: Literal["gate"] = "gate"
    gate: str = Field(default=MAIN, description="the part that opens it")
    at_least: Finite = Field(description="the gate's least score at which the others count")

    def named_parts(self) -> Iterable[tuple[str, str]]:
        """Those with weights, and the gate."""
        yield from super().named_parts()
        yield "gate", self.gate

    def fold(self, value: Draws, normal: Draws) -> NDArray[np.float64]:
        """w_g z_g, and sum_(k != g) w_k z_k where v_g >= at_least."""
        rest = self.total(normal, [name for name in normal if name != self.gate])
        return self.total(normal, [self.gate]) + np.where(value[self.gate] >= self.at_least, rest, 0.0)


class Constraint(Combination):
    """The weighted sum of some parts, less a price of what the others lack of their limits."""

    objective: ClassVar[str] = "sum_(k not limited) w_k z_k - price sum_(k limited) max(0, limit_k - v_k)"

    kind: Literal["constraint"] = "constraint"
    limits: dict[str, Finite] = Field(min_length=1, description="parts that only have to reach their limit")
    price: float = Field(gt=0, allow_inf_nan=False, description="of a unit of what is lacking")

    @model_validator(mode="after")
    def _weights_of_what_is_summed(self) -> Self:
        if both := sorted(self.weights.keys() & self.limits.keys()):
            raise ValueError(
                f"'{both[0]}' has a limit, so it counts by the price, and its weight by nothing; leave its weight out"
            )
        return self

    def standardises(self, name: str) -> bool:
        """Only what has no limit: limits are in the part's own units."""
        return super().standardises(name) and name not in self.limits

    def named_parts(self) -> Iterable[tuple[str, str]]:
        """Those with weights, and those with limits."""
        yield from super().named_parts()
        yield from (("limits", name) for name in self.limits)

    def fold(self, value: Draws, normal: Draws) -> NDArray[np.float64]:
        """The weighted sum of the parts without limits, less price sum_k max(0, limit_k - v_k)."""
        lacking = reduce(np.add, (np.maximum(limit - value[name], 0.0) for name, limit in self.limits.items()))
        return self.total(normal, [name for name in normal if name not in self.limits]) - self.price * lacking


C = TypeVar("C", bound=Combination)
COMBINATIONS: Registry[type[Combination]] = Registry("way to combine rewards", error=RecipeError)
"""Settings classes by `kind`."""


def register_combination(settings: type[C]) -> type[C]:
    """Make a way to combine rewards known to recipes; may be used as a decorator of the settings class."""
    COMBINATIONS.add(str(settings.model_fields["kind"].default), settings)
    return settings


for _settings in (WeightedSum, Worst, Veto, Gate, Constraint):
    register_combination(_settings)
