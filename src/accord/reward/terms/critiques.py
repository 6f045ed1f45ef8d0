"""Critiques: what is said of a completion in words, taken for praise or blame."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from accord.feedback import Dataset
from accord.reward.likelihoods import logistic
from accord.reward.observations import Observation
from accord.reward.sentiment import SentimentReader, sentiment_of
from accord.reward.terms.acts import observed
from accord.reward.terms.base import OwnNoise, Term
from accord.reward.terms.reading import Reading

__all__ = ["Critiques"]


class Critiques(Term):
    """Praise with probability F(intercept + reward), its share in a critique being (1 + sentiment) / 2.

    Each critique weighs by how far its readers agree. Of one that they take for nothing, or on which they agree in
    nothing, nothing is learnt. The prior of the intercept is normal about 0 with deviation 2.
    """

    name = "critique"

    def __init__(self, readers: Sequence[SentimentReader], *, own_noise: bool = False) -> None:
        super().__init__()
        self.readers = tuple(readers)
        self.intercept = nn.Parameter(torch.zeros(()))
        self.noise = OwnNoise() if own_noise else None

    def read(self, data: Dataset, split: str) -> Reading:
        """The critiques of the split in which readers find praise or blame."""
        observations = []
        for entry in data.critiques(split):
            sentiment = sentiment_of(entry.judgement.text, self.readers)
            if sentiment is not None:
                about = observed(data, split, entry.feedback, entry.feedback.completions, sentiment)
                observations.append(about.weighing(sentiment.agreement))
        return Reading(observations)

    def nll(self, score_AM: Tensor, observations: Sequence[Observation], places: Sequence[Sequence[int]]) -> Tensor:
        """`logistic` of the share that is praise."""
        device = score_AM.device
        if self.noise is not None:
            score_AM = self.noise(score_AM)
        praise_O = torch.tensor([(1 + each.content.value) / 2 for each in observations], device=device)
        score_OM = score_AM[torch.tensor(places, device=device)[:, 0]]
        return logistic(self.intercept + score_OM, praise_O[:, None])

    def penalty(self) -> Tensor:
        """Of the intercept, and of the noise where it is their own."""
        total = self.intercept.square() / 8
        return total if self.noise is None else total + self.noise.penalty()
