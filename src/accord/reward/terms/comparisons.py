"""Pairs: one of two completions was preferred, or neither."""

from bisect import bisect_left
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from accord.feedback import Dataset
from accord.records import Pair
from accord.reward.likelihoods import (
    bradley_terry,
    davidson,
    gaussian,
    graded_comparison,
    lapsed,
    noise_corrected,
    rao_kupper,
    thurstone,
    with_margin,
)
from accord.reward.observations import Observation
from accord.reward.terms.answering import Answering
from accord.reward.terms.base import Term
from accord.reward.terms.cuts import cut_steps
from accord.reward.terms.reading import Reading, pairs_of, read_pairs

__all__ = ["Comparisons"]

USUAL = Answering()
GRADES = 7  # stated strengths are taken as they are where there are so few
BINS = 5  # else in so many bins of equal width
PRIOR_STD = 2.0  # of log nu, and of thresholds before `softplus`
USUAL_LAPSE = -3.0  # the prior mean of a lapse's log-odds: about 5 %


class Comparisons(Term):
    """Comparisons of two, from the pairs of a data set (of comparisons, rankings and ratings), or from its comparisons.

    The latter count what everybody said once, by their weight, where other terms read rankings and ratings. Ties that
    are an outcome have a parameter, `tie`: log nu of Davidson, or what `softplus` makes a threshold of. Its prior, like
    those of the steps between cuts, is normal about 0 with deviation 2; that of the log-odds of a fitted lapse has mean
    -3 and deviation 1.
    """

    name = "comparison"

    def __init__(self, answering: Answering = USUAL, *, strengths: Sequence[float] = (), acts: bool = False) -> None:
        super().__init__()
        self.answering, self.acts = answering, acts
        self.grades = _grades(strengths) if answering.strength == "ordinal" else []
        self.tie = nn.Parameter(torch.zeros(())) if answering.ties != "half" else None
        self.steps = nn.Parameter(torch.zeros(len(self.grades) - 1)) if len(self.grades) > 1 else None
        self.lapse = nn.Parameter(torch.tensor(USUAL_LAPSE)) if answering.lapse == "fitted" else None

    @classmethod
    def of(cls, data: Dataset, answering: Answering, *, acts: bool = False) -> "Comparisons":
        """The term for a data set, whose stated strengths are the grades of an ordinal answer."""
        splits = data.feedback if acts else data.pairs
        pairs = (pair for split in splits for pair in pairs_of(data, split, acts))
        return cls(answering, strengths=[p.margin for p in pairs if p.margin is not None and not p.tie], acts=acts)

    def read(self, data: Dataset, split: str) -> Reading:
        """The pairs of the split."""
        return read_pairs(data, split, acts=self.acts)

    def nll(self, score_AM: Tensor, observations: Sequence[Observation], places: Sequence[Sequence[int]]) -> Tensor:
        """The likelihood that `answering` names, of the margins."""
        margin_PM, tie_P = self.margins(score_AM, observations, places)
        tie_P1 = tie_P[:, None]
        pairs = [each.content for each in observations]
        nll_of = self._model(pairs, tie_P1)
        share_P1 = self._random(pairs, tie_P1)
        said_PM = self._mistaken(nll_of(margin_PM), lambda: nll_of(-margin_PM), share_P1)
        if self.tie is not None:
            return said_PM
        opposite_PM = self._mistaken(nll_of(-margin_PM), lambda: nll_of(margin_PM), share_P1)
        return torch.where(tie_P1, (said_PM + opposite_PM) / 2, said_PM)

    def margins(
        self, score_AM: Tensor, observations: Sequence[Observation], places: Sequence[Sequence[int]]
    ) -> tuple[Tensor, Tensor]:
        """Chosen less rejected, and which are ties."""
        chosen_P, rejected_P = torch.tensor(places, device=score_AM.device).reshape(-1, 2).T
        tie_P = torch.tensor([observation.content.tie for observation in observations], device=score_AM.device)
        return score_AM[chosen_P] - score_AM[rejected_P], tie_P

    def penalty(self) -> Tensor:
        """Of the parameter of ties, the steps between cuts and the lapse."""
        free = [each for each in (self.tie, self.steps) if each is not None]
        total = gaussian(free, [torch.zeros_like(each) for each in free], PRIOR_STD) if free else torch.zeros(())
        return total if self.lapse is None else total + (self.lapse - USUAL_LAPSE).square() / 2

    @property
    def cuts(self) -> Tensor:
        """What a margin must exceed to be called better by at least each grade, [L]."""
        assert self.tie is not None
        steps = [] if self.steps is None else [cut_steps(self.steps)]
        return torch.cumsum(torch.cat([softplus(self.tie)[None], *steps]), 0)

    def _model(self, pairs: Sequence[Pair], tie_P1: Tensor) -> Callable[[Tensor], Tensor]:
        """The negative log-likelihood as a function of margins; of half ties that of a preference."""
        never_P1 = torch.zeros_like(tie_P1)
        match self.answering:
            case Answering(strength="margin", margin_scale=scale):
                least_P1 = self._tensor([scale * (pair.margin or 0.0) for pair in pairs], tie_P1)
                least_P1 = torch.where(tie_P1, 0.0, least_P1)
                return lambda margin_PM: with_margin(margin_PM, never_P1, least_P1)
            case Answering(strength="ordinal"):
                return self._ordinal(pairs, tie_P1)
            case Answering(noise="normal", ties="half"):
                return lambda margin_PM: thurstone(margin_PM, never_P1)
            case Answering(noise="normal"):
                return lambda margin_PM: thurstone(margin_PM, tie_P1, self.cuts[0])
            case Answering(ties="davidson"):
                assert self.tie is not None
                log_nu = self.tie
                return lambda margin_PM: davidson(margin_PM, tie_P1, log_nu)
            case Answering(ties="rao_kupper"):
                return lambda margin_PM: rao_kupper(margin_PM, tie_P1, self.cuts[0])
            case _:
                return lambda margin_PM: bradley_terry(margin_PM, never_P1)

    def _ordinal(self, pairs: Sequence[Pair], tie_P1: Tensor) -> Callable[[Tensor], Tensor]:
        """Graded where a strength was stated; else that it is better, by whatever."""
        grades = [-1 if p.tie or p.margin is None else bisect_left(self.grades, _stated(p.margin)) for p in pairs]
        grade_P1 = self._tensor(grades, tie_P1).clamp(max=len(self.grades) - 1)
        graded_P1 = self._tensor([p.tie or p.margin is not None for p in pairs], tie_P1)

        def nll(margin_PM: Tensor) -> Tensor:
            graded_PM = graded_comparison(margin_PM, grade_P1, self.cuts)
            return torch.where(graded_P1, graded_PM, rao_kupper(margin_PM, tie_P1, self.cuts[0]))

        return nll

    def _random(self, pairs: Sequence[Pair], tie_P1: Tensor) -> Tensor:
        """One divided by the share of answers at random that are each of these: "better, by whatever" is several."""
        if self.tie is None:
            return torch.full_like(tie_P1, 2.0, dtype=torch.float32)
        grades = max(1, len(self.grades))
        several = [1 if pair.tie or pair.margin is not None else grades for pair in pairs]
        return (1 + 2 * grades) / self._tensor(several, tie_P1)

    def _mistaken(self, nll_PM: Tensor, opposite: Callable[[], Tensor], outcomes_P1: Tensor) -> Tensor:
        """With the answers that are given by mistake."""
        answering = self.answering
        if answering.flip_rate:
            return noise_corrected(nll_PM, opposite(), answering.flip_rate)
        if not answering.lapse:
            return nll_PM
        lapse = torch.tensor(answering.lapse) if self.lapse is None else self.lapse.sigmoid()
        return lapsed(nll_PM, lapse.to(nll_PM.device), outcomes_P1)

    @staticmethod
    def _tensor(numbers: Sequence[float] | Sequence[bool], like_P1: Tensor) -> Tensor:
        return torch.tensor(numbers, device=like_P1.device)[:, None]


def _grades(strengths: Sequence[float]) -> list[float]:
    """The upper ends of the grades that stated strengths fall into."""
    distinct = sorted({_stated(each) for each in strengths})
    return distinct if len(distinct) <= GRADES else [(bin + 1) / BINS for bin in range(BINS)]


def _stated(strength: float) -> float:
    """A strength without the rounding of differences of ratings: .3 and .7 - .4 are one."""
    return round(strength, 6)
