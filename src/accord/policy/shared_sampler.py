"""A sampler whose prompts are dealt out over the processes that share a stage."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from accord.lm.causal import CausalModel
from accord.lm.generate import generate
from accord.lm.sharding import whole
from accord.records import Sample, Sampling
from accord.train.ranks import gather, own_share

__all__ = ["SharedSampler"]


@dataclass(frozen=True)
class SharedSampler:
    """A `Sampler` of a model that every process has, whose weights it reads as they are when it is asked.

    Each process writes for its share of the prompts, and all have all samples then. Every sample draws from the random
    stream that it has where one process writes them all. A model that lies in parts is whole meanwhile, in all of them.
    `head` reads a value before each token.
    """

    causal: CausalModel
    head: nn.Linear | None = None

    def sample(self, prompts: Sequence[Sequence[int]], n: int, sampling: Sampling) -> list[list[Sample]]:
        """As `accord.lm.generate.generate`."""
        places = own_share(range(len(prompts)))
        first = places[0] if places else 0
        with whole(self.causal.model):
            own_prompts = [prompts[place] for place in places]
            own = generate(self.causal, own_prompts, n, sampling, first=first, head=self.head)
        return [group for groups in gather(own) for group in groups]
