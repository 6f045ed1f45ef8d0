"""A term of a reward's log-likelihood: what one kind of judgement says of the scores."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from accord.feedback import Dataset
from accord.records import Completion
from accord.reward.observations import Observation

__all__ = ["Reading", "Term"]


@dataclass(frozen=True)
class Reading:
    """The observations of a split, and texts that evaluators wrote in them, by id, which the data set does not hold."""

    observations: list[Observation]
    written: Mapping[str, Completion] = field(default_factory=dict)


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
