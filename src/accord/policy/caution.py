"""Caution: learn from what a judge is sure of, where it says how much it does not know.

A judge whose scores have members r_1 ... r_S (`Scores.members_NS`: an ensemble, or draws from a posterior) is optimised
at the low end of what they say. With `caution` b, in units of the score,

    -b log (1/S) sum_s exp(-r_s / b),

the certainty equivalent under constant absolute risk aversion 1/b (Pratt 1964, Econometrica 32): never above the mean,
nor below the worst member; it falls as b falls. As b grows it becomes the mean, at b = 0 it is the worst member (Coste
et al. 2023, arXiv 2310.02743, who optimise either), and for members of normal spread it is mean - variance / (2 b).
With `caution_quantile` q it is the q-quantile of the members instead.

One rule says what caution means wherever a judge has components: each number that training would have high is taken at
its low end, each that it would have low at its high end. So every group of `maxmin` counts by its own members, a
constraint `at_least` holds for the cautious value, and one `at_most` for b log mean exp(r / b). A component without
members (`length`, a rule) has no doubt and is taken as it is. Penalties and KL are added afterwards.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from accord.deferred import deferred
from accord.errors import TrainingStopped
from accord.interfaces import Scores
from accord.policy.settings import PolicySettings

with deferred():
    import torch

    from accord.policy.constraints import Constraint
    from accord.policy.rollout import Rollout

__all__ = ["Cautious", "LearntFrom", "certainty_equivalent"]

Floats = NDArray[np.float64]


def certainty_equivalent(member_NS: Floats, caution: float) -> Floats:
    """-b log mean_s exp(-r_s / b) of S members' scores, [N]; at b = `caution` = 0 the least of them.

    Raises `ValueError` where there are no members, or `caution` is negative or not finite.
    """
    if member_NS.ndim != 2 or member_NS.shape[1] == 0:
        raise ValueError(f"members of shape {member_NS.shape}")
    if not 0 <= caution < np.inf:
        raise ValueError(f"caution = {caution}")
    worst_N: Floats = member_NS.min(1)
    if caution == 0:
        return worst_N
    with np.errstate(over="ignore"):  # a difference that is infinite at a tiny b counts nothing
        above_NS = (member_NS - worst_N[:, None]) / caution
    # As 1 - mean exp(-above), whose digits are all there where b is large and the mean is nearly 1.
    equivalent_N: Floats = worst_N - caution * np.log1p(np.expm1(-above_NS).mean(1))
    return equivalent_N


class Cautious(PolicySettings):
    """Settings of algorithms that can take a judge's scores at their low end."""

    caution: float | None = Field(
        default=None,
        ge=0,
        allow_inf_nan=False,
        description="b of -b log mean exp(-r / b) over the judge's members; 0: the worst of them; unset: their mean",
    )
    caution_quantile: float | None = Field(
        default=None, ge=0, le=1, description="instead of caution, this quantile of the judge's members"
    )

    @model_validator(mode="after")
    def _one_caution(self) -> Self:
        if self.caution is not None and self.caution_quantile is not None:
            raise ValueError("caution and caution_quantile are two ways to say one thing; leave one out")
        return self

    @property
    def is_cautious(self) -> bool:
        """Whether scores are taken at their low end."""
        return self.caution is not None or self.caution_quantile is not None

    def low_end(self, scores: Scores, of: str) -> Floats:
        """Each score as it is learnt from, [N]; the judge's own without caution.

        `of` says in the error whose scores they are. Raises `TrainingStopped` where they have no members.
        """
        if not self.is_cautious:
            return scores.value_N
        if scores.members_NS is None:
            raise TrainingStopped(
                f"{of} has no members, so nothing says how sure it is; give its reward ensemble_size = 5, or leave "
                "caution out"
            )
        return self._low_end(scores.members_NS)

    def _low_end(self, member_NS: Floats) -> Floats:
        if self.caution_quantile is not None:
            low_N: Floats = np.quantile(member_NS, self.caution_quantile, axis=1)
            return low_N
        assert self.caution is not None
        return certainty_equivalent(member_NS, self.caution)

    def learnt_from(self, rollout: Rollout, *, groups: Sequence[str], limits: Sequence[Constraint]) -> "LearntFrom":
        """What a step learns from: the score, or with `groups` those components, and what `limits` are about."""
        if not self.is_cautious:
            return LearntFrom(rollout.score_B, rollout.components, rollout.components)
        judged = rollout.judged
        if judged is None:
            raise TrainingStopped("caution needs all that the judge said, of which only the scores were kept")

        def tensor(value_N: Floats) -> torch.Tensor:
            return torch.tensor(value_N).to(rollout.score_B)

        low = {
            name: tensor(self.low_end(judged.components[name], f"the component '{name}' of the judge's score"))
            for name in groups
            if name in judged.components
        }
        limited = dict(rollout.components)
        for each in limits:
            component = judged.components.get(each.component)
            if component is not None and component.members_NS is not None:
                sign = 1 if each.at_most is None else -1
                limited[each.component] = tensor(sign * self._low_end(sign * component.members_NS))
        score_B = rollout.score_B if groups else tensor(self.low_end(judged, "the judge"))
        return LearntFrom(score_B, {**rollout.components, **low}, limited)


@dataclass(frozen=True)
class LearntFrom:
    """The numbers of B samples that a step learns from: `score_B`, the components of groups, those of constraints."""

    score_B: torch.Tensor
    components: Mapping[str, torch.Tensor]
    limited: Mapping[str, torch.Tensor]
