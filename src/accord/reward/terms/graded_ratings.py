"""Ratings as ordered answers: each evaluator's own thresholds on the reward, drawn to everybody's."""

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from accord.feedback import Dataset
from accord.records import Scale
from accord.reward.likelihoods import gaussian, ordinal_rating
from accord.reward.observations import Observation
from accord.reward.terms.acts import Evaluators
from accord.reward.terms.base import OwnNoise, Term
from accord.reward.terms.cuts import LEAST_STEP, cut_steps
from accord.reward.terms.reading import Reading, read_ratings

__all__ = ["GradedRatings", "levels_of"]

MOST_LEVELS = 21  # a scale with more is cut into as many levels of equal width as BINS
BINS = 10
PRIOR_STD = 2.0


class GradedRatings(Term):
    """Ratings under the cumulative logit model (`ordinal_rating`), a set of thresholds for each scale.

    Thresholds are a first one and steps, which `cut_steps` keeps above 0. Everybody's are normal about those of equally
    frequent levels with deviation 2, an evaluator's about everybody's with `evaluator_std`: who said little, or stands
    for several people, has the pool's. A scale of which one level alone was ever used says nothing.

    With `own_noise` ratings may be noisier than what else the reward is learnt from (`OwnNoise`).
    """

    name = "rating"

    def __init__(
        self,
        levels: Sequence[tuple[Scale, Sequence[float]]],
        evaluators: Evaluators,
        *,
        evaluator_std: float = 0.5,
        own_noise: bool = False,
    ) -> None:
        super().__init__()
        self.evaluators, self.evaluator_std = evaluators, evaluator_std
        self.levels = [list(values) for _, values in levels]
        self._scale = {scale: place for place, (scale, _) in enumerate(levels)}
        self._nearest: list[dict[float, int]] = [{} for _ in levels]  # found once: a fit reads every rating many times
        self.pool = nn.ParameterList([nn.Parameter(_even(len(values))) for values in self.levels])
        self.own = nn.ParameterList([nn.Parameter(torch.zeros(len(evaluators), len(u_K))) for u_K in self.pool])
        self.noise = OwnNoise() if own_noise else None

    @classmethod
    def of(cls, data: Dataset, *, evaluator_std: float = 0.5, own_noise: bool = False) -> "GradedRatings":
        """The term for a data set, of whose ratings the levels are taken."""
        said = [entry.judgement for split in data.feedback for entry in data.ratings(split)]
        scales = dict.fromkeys(rating.scale for rating in said)
        levels = [(scale, levels_of(scale, (r.value for r in said if r.scale == scale))) for scale in scales]
        return cls(levels, Evaluators(data), evaluator_std=evaluator_std, own_noise=own_noise)

    def read(self, data: Dataset, split: str) -> Reading:
        """The ratings of the split."""
        return read_ratings(data, split)

    def nll(self, score_AM: Tensor, observations: Sequence[Observation], places: Sequence[Sequence[int]]) -> Tensor:
        """`ordinal_rating` between each evaluator's thresholds."""
        device = score_AM.device
        score_OM = score_AM[torch.tensor(places, device=device)[:, 0]]
        evaluator_O = self.evaluators.places(observations, device)
        below_O, above_O = score_OM.new_zeros(len(observations)), score_OM.new_zeros(len(observations))
        scales = [self._scale[each.content.scale] for each in observations]
        for scale in set(scales):
            rows = [row for row, each in enumerate(scales) if each == scale]
            row_o = torch.tensor(rows, device=device)
            level_o = torch.tensor([self._level(scale, observations[row].content.value) for row in rows], device=device)
            end_oK = self._ends(scale)[evaluator_O[row_o]].to(score_OM.dtype)
            below_O = below_O.index_put((row_o,), end_oK.gather(1, level_o[:, None])[:, 0])
            above_O = above_O.index_put((row_o,), end_oK.gather(1, level_o[:, None] + 1)[:, 0])
        if self.noise is not None:
            score_OM = self.noise(score_OM)
        return ordinal_rating(score_OM, below_O[:, None], above_O[:, None])

    def penalty(self) -> Tensor:
        """Of everybody's thresholds, of what evaluators' differ from them, and of the noise."""
        pool, own = list(self.pool), list(self.own)
        if not pool:
            return torch.zeros(())
        usual = [_even(len(values)).to(pool[0].device) for values in self.levels]
        total = gaussian(pool, usual, PRIOR_STD) + gaussian(own, [torch.zeros_like(o) for o in own], self.evaluator_std)
        return total if self.noise is None else total + self.noise.penalty()

    def _ends(self, scale: int) -> Tensor:
        """The ends of levels by each evaluator and, last, the pool: [E + 1, K + 1], from -inf to inf."""
        u_K = self.pool[scale]
        u_EK = torch.cat([u_K + self.own[scale], u_K[None]])
        infinite_E1 = u_EK.new_full((len(u_EK), 1), math.inf)
        cut_EK = torch.cumsum(torch.cat([u_EK[:, :1], cut_steps(u_EK[:, 1:])], 1), 1)
        return torch.cat([-infinite_E1, cut_EK, infinite_E1], 1)

    def _level(self, scale: int, value: float) -> int:
        """The level whose value is nearest, the lower of two."""
        nearest = self._nearest[scale]
        if value not in nearest:
            values = self.levels[scale]
            nearest[value] = min(range(len(values)), key=lambda k: abs(values[k] - value))
        return nearest[value]


def levels_of(scale: Scale, values: Iterable[float]) -> list[float]:
    """The values that stand for the levels of a scale: its steps, else what was said; ten of equal width where many."""
    if scale.step is not None:
        count = math.floor((scale.high - scale.low) / scale.step + 1e-9) + 1
        if count <= MOST_LEVELS:
            return [scale.low + k * scale.step for k in range(count)]
    distinct = sorted(set(values))
    if len(distinct) <= MOST_LEVELS:
        return distinct
    return [scale.low + (k + 0.5) * (scale.high - scale.low) / BINS for k in range(BINS)]


def _even(levels: int) -> Tensor:
    """The parameters of thresholds between levels that are equally frequent at a reward of 0."""
    cut_K = torch.logit(torch.arange(1, levels) / levels)
    return torch.cat([cut_K[:1], torch.log(torch.expm1(cut_K.diff() - LEAST_STEP))])
