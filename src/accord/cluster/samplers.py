"""Samplers: actors that hold the policy and write its samples, from weights that the learners hand to them.

A sample is a function of its prompt, its seed and the weights, so that it does not matter which actor writes it, nor
whether another one began to.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from torch import Tensor, nn

from accord.cluster.machine import enter
from accord.cluster.pool import Pool, open_pool, problem_of, shares
from accord.cluster.settings import Engine
from accord.cluster.weights import read_block, weights_block
from accord.lm.causal import CausalModel
from accord.lm.generate import generate
from accord.policy.samples_ahead import Handover, Written
from accord.records import Sample, Sampling

__all__ = ["ClusterSampler", "SamplerActor"]


class SamplerActor:
    """Writes samples; `open_model` gives the policy, with the weights that training moves."""

    def __init__(self, folder: str, open_model: Callable[..., CausalModel], arguments: Mapping[str, Any]) -> None:
        enter(folder, None)
        self._open: Callable[[], CausalModel] = partial(open_model, **arguments)
        self._causal: CausalModel | None = None
        self._head: nn.Linear | None = None
        self._weights_step = -1

    def sample(
        self,
        block: Sequence[Any],
        weights_step: int,
        prompts: Sequence[Sequence[int]],
        n: int,
        sampling: Sampling,
        first: int,
    ) -> Any:
        """Samples of prompts, the first of which is number `first` of all, by the weights of a block; and a time.

        That is when the weights had been read, by this machine's clock, in seconds; None where they were there.
        """
        return problem_of(lambda: self._sample(block, weights_step, prompts, n, sampling, first))

    def _sample(
        self,
        block: Sequence[Any],
        weights_step: int,
        prompts: Sequence[Sequence[int]],
        n: int,
        sampling: Sampling,
        first: int,
    ) -> tuple[list[list[Sample]], float | None]:
        import ray

        if self._causal is None:
            self._causal = self._open()
        taken = None
        if weights_step != self._weights_step:
            began = time.monotonic()
            self._weights_step = -1  # half of another step's, until they are read
            self._head = read_block(self._causal.model, ray.get(block[0]))
            self._weights_step, taken = weights_step, time.monotonic() - began
        return generate(self._causal, prompts, n, sampling, first=first, head=self._head), taken


class ClusterSampler:
    """A `RemoteSampler` of the actors of a cluster, among which the prompts are shared."""

    def __init__(
        self, engine: Engine, folder: str, open_model: Callable[..., CausalModel], arguments: Mapping[str, Any]
    ) -> None:
        self._pool: Pool = open_pool(
            engine, "sampler", SamplerActor, engine.samplers, engine.first_sampler, folder, open_model, arguments
        )
        self._block: Any = None
        self._size, self._put_seconds, self._weights_step = 0, 0.0, -1

    def begin(
        self,
        weights: Mapping[str, Tensor],
        weights_step: int,
        prompts: Sequence[Sequence[int]],
        n: int,
        sampling: Sampling,
    ) -> Callable[[], Written]:
        """As `RemoteSampler`. A step's weights are put into shared memory once, and each machine fetches them once."""
        import ray

        if weights_step != self._weights_step:
            began = time.monotonic()
            block = weights_block(weights)
            self._block, self._size = ray.put(block), block.nbytes
            self._weights_step, self._put_seconds = weights_step, time.monotonic() - began
        block, size, put = self._block, self._size, self._put_seconds  # held until the samples are there
        calls = [
            actor.sample.remote([block], weights_step, [prompts[place] for place in share], n, sampling, share[0])
            for actor, share in zip(self._pool.actors, shares(len(prompts), len(self._pool.actors)), strict=False)
        ]

        def wait() -> Written:
            answers = self._pool.wait(calls)
            groups = [group for written, _ in answers for group in written]
            taken = [seconds for _, seconds in answers if seconds is not None]
            hand = Handover(size, put + max(taken)) if taken and block is not None else None
            return Written(groups, weights_step, hand)

        return wait

    def close(self) -> None:
        """End the actors."""
        self._pool.close()
