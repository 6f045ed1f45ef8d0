"""Ratings as numbers: each evaluator's own shift and slope of the reward, and noise."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from accord.feedback import Dataset
from accord.records import Rating
from accord.reward.likelihoods import gaussian, normal_rating
from accord.reward.observations import Observation
from accord.reward.terms.acts import Evaluators
from accord.reward.terms.base import OwnNoise, Term
from accord.reward.terms.reading import Reading, read_ratings

__all__ = ["RatingRegression", "share_of_scale"]


class RatingRegression(Term):
    """Ratings in widths of their scale, standardised over the split, by a normal regression on the reward.

    The reward of the pool has shift 0 and slope 1, so it is in standard deviations of ratings. An evaluator's `shift`
    and `log_slope` are drawn to these (normal, `evaluator_std`; a single answer moves them little); who stands for
    several people has the pool's. The prior of `log_std`, of the noise, is normal about 0 with deviation 1, which keeps
    it from 0 where all ratings are alike. With `own_noise` the pool's slope is learnt too (`OwnNoise`), where something
    else sets the scale of the reward.
    """

    name = "rating"
    centre: Tensor
    spread: Tensor

    def __init__(self, evaluators: Evaluators, *, evaluator_std: float = 0.5, own_noise: bool = False) -> None:
        super().__init__()
        self.evaluators, self.evaluator_std = evaluators, evaluator_std
        self.shift = nn.Parameter(torch.zeros(len(evaluators)))
        self.log_slope = nn.Parameter(torch.zeros(len(evaluators)))
        self.log_std = nn.Parameter(torch.zeros(()))
        self.noise = OwnNoise() if own_noise else None
        self.register_buffer("centre", torch.zeros(()))
        self.register_buffer("spread", torch.ones(()))

    def read(self, data: Dataset, split: str) -> Reading:
        """The ratings of the split, from which the centre and the spread of all are taken as well."""
        ratings = data.ratings(split)
        if ratings:
            share_O = torch.tensor([share_of_scale(entry.judgement) for entry in ratings])
            spread = share_O.std(correction=0)
            self.centre, self.spread = share_O.mean(), torch.where(spread > 1e-6, spread, 1.0)
        return read_ratings(data, split)

    def nll(self, score_AM: Tensor, observations: Sequence[Observation], places: Sequence[Sequence[int]]) -> Tensor:
        """`normal_rating` by each evaluator's shift and slope."""
        device = score_AM.device
        share_O = torch.tensor([share_of_scale(each.content) for each in observations], device=device)
        if self.noise is not None:
            score_AM = self.noise(score_AM)
        place_O = self.evaluators.places(observations, device)
        return normal_rating(
            score_AM[torch.tensor(places, device=device)[:, 0]],
            ((share_O - self.centre) / self.spread)[:, None],
            shift_O=_with_pool(self.shift)[place_O, None],
            log_slope_O=_with_pool(self.log_slope)[place_O, None],
            log_std=self.log_std,
        )

    def penalty(self) -> Tensor:
        """Of the evaluators' shifts and slopes, of the deviation, and of the pool's slope where it has one."""
        own = [self.shift, self.log_slope]
        total = gaussian(own, [torch.zeros_like(each) for each in own], self.evaluator_std) + self.log_std.square() / 2
        return total if self.noise is None else total + self.noise.penalty()


def share_of_scale(rating: Rating) -> float:
    """Where on its scale a rating is: 0 at the low end, 1 at the high one."""
    return (rating.value - rating.scale.low) / (rating.scale.high - rating.scale.low)


def _with_pool(own_E: Tensor) -> Tensor:
    """The evaluators' numbers, and the pool's behind them."""
    return torch.cat([own_E, own_E.new_zeros(1)])
