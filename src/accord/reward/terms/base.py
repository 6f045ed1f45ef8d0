"""A term of a reward's log-likelihood: what one kind of judgement says of the scores."""

from abc import abstractmethod
from collections.abc import Sequence

from torch import nn

from accord.deferred import deferred
from accord.feedback import Dataset
from accord.reward.observations import Observation
from accord.reward.terms.reading import Reading

with deferred():
    import torch
    from torch import Tensor

__all__ = ["OwnNoise", "Term"]


class Term(nn.Module):
    """How likely one kind of judgement is, given scores: factors of a likelihood over observations.

    Parameters of its own (how often evaluators call a tie, where their thresholds are) are learnt with the scores.
    `name` is that of the kind of judgement, and tells terms of a joint likelihood apart.
    """

    name: str

    @abstractmethod
    def read(self, data: Dataset, split: str) -> Reading:
        """What a split says of this kind."""

    @abstractmethod
    def nll(self, score_AM: Tensor, observations: Sequence[Observation], places: Sequence[Sequence[int]]) -> Tensor:
        """Negative log-likelihood of each of O observations by each head, [O, M], nats.

        `score_AM` are scores of A completions by M heads, float32; `places[o]` are the rows of the completions that
        observation o is about, in its order.
        """

    def margins(
        self, score_AM: Tensor, observations: Sequence[Observation], places: Sequence[Sequence[int]]
    ) -> tuple[Tensor, Tensor] | None:
        """Of kinds that say which of two is better: chosen less rejected, [O, M], and whether neither was, [O]."""
        return None

    def penalty(self) -> Tensor:
        """-log of the prior of the term's own parameters, up to a constant; 0 where there are none."""
        return torch.zeros(())


class OwnNoise(nn.Module):
    """How much more surely one kind of judgement follows the reward than the others: r counts e^`log_slope` times.

    Each kind of feedback as a choice with a rationality of its own (Jeon, Milli & Dragan 2020, arXiv 2002.04833). The
    prior of `log_slope` is normal about 0 with deviation 1. A kind alone cannot tell it from the width of the rewards.
    """

    def __init__(self) -> None:
        super().__init__()
        self.log_slope = nn.Parameter(torch.zeros(()))

    def forward(self, score_AM: Tensor) -> Tensor:
        """The scores as this kind has them."""
        return self.log_slope.exp() * score_AM

    def penalty(self) -> Tensor:
        """-log of its prior."""
        return self.log_slope.square() / 2
