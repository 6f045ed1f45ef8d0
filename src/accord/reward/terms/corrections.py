"""Corrections: what an evaluator made of a completion is better than it was, and where it was changed."""

from collections.abc import Sequence

import torch
from torch import Tensor

from accord.feedback import Dataset
from accord.records import Completion
from accord.reward.changes import changed_ranges
from accord.reward.likelihoods import bradley_terry
from accord.reward.observations import Observation
from accord.reward.terms.acts import observed
from accord.reward.terms.base import OwnNoise, Term
from accord.reward.terms.reading import Reading

__all__ = ["Corrections"]


class Corrections(Term):
    """A correction preferred to its original, under Bradley and Terry. `content` of an observation is what was changed.

    A correction that changes nothing says that there was nothing to correct, and is no observation.
    """

    name = "correction"

    def __init__(self, *, own_noise: bool = False) -> None:
        super().__init__()
        self.noise = OwnNoise() if own_noise else None

    def read(self, data: Dataset, split: str) -> Reading:
        """The corrections of the split, with their texts as completions."""
        observations, written = [], {}
        for entry in data.corrections(split):
            original = entry.feedback.completions[0]
            changes = changed_ranges(data.completions[original].text, entry.judgement.text)
            if changes:
                corrected = Completion(prompt=entry.feedback.prompt, text=entry.judgement.text)
                written[corrected.id] = corrected
                observations.append(observed(data, split, entry.feedback, (corrected.id, original), changes))
        return Reading(observations, written)

    def nll(self, score_AM: Tensor, observations: Sequence[Observation], places: Sequence[Sequence[int]]) -> Tensor:
        """`bradley_terry` of the correction over the original."""
        if self.noise is not None:
            score_AM = self.noise(score_AM)
        margin_OM, tie_O = self.margins(score_AM, observations, places)
        return bradley_terry(margin_OM, tie_O[:, None])

    def margins(
        self, score_AM: Tensor, observations: Sequence[Observation], places: Sequence[Sequence[int]]
    ) -> tuple[Tensor, Tensor]:
        """Corrected less original; never a tie."""
        corrected_O, original_O = torch.tensor(places, device=score_AM.device).reshape(-1, 2).T
        return score_AM[corrected_O] - score_AM[original_O], torch.zeros_like(corrected_O, dtype=torch.bool)

    def penalty(self) -> Tensor:
        """Of the noise, where it is their own."""
        return super().penalty() if self.noise is None else self.noise.penalty()
