"""Samples of many prompts: the engine run until all of them are written."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from accord.errors import ModelError
from accord.lm.causal import CausalModel
from accord.lm.engine import Engine, Failure, Request, Token
from accord.lm.sizes import sequences_at_a_time
from accord.records import Sample, Sampling

__all__ = ["LocalSampler", "generate"]


@torch.no_grad()
def generate(
    causal: CausalModel,
    prompts: Sequence[Sequence[int]],
    n: int,
    sampling: Sampling,
    *,
    batch: int | None = None,
    first: int = 0,
    head: nn.Linear | None = None,
) -> list[list[Sample]]:
    """`n` samples of each prompt (token ids), in the order of the prompts; `batch` sequences are written at a time.

    Where `batch` is unset it is 64, or more where the model is so small that calls and not products take the time;
    on a GPU as many as it has room for.
    Where the prompts are a part of more, `first` is the place of the first one among all: each sample then draws from
    the random stream that it has there.
    `head` (of one output) reads a value from the state before each token.
    Log-probabilities are those of `accord.lm.token_sampling`. Raises `ModelError` where a prompt is empty, leaves no
    room for `max_tokens` tokens or has a token the model does not know, or where the model's logits are not finite.
    """
    if n < 1:
        raise ValueError(f"{n} samples of a prompt; ask for one at least")
    requests = [
        Request((number, index), tuple(prompt), sampling, stream=(number, index))
        for number, prompt in enumerate(prompts, first)
        for index in range(n)
    ]
    if not requests:
        return []
    was_training = causal.model.training
    causal.model.eval()
    try:
        length = max(len(prompt) for prompt in prompts) + sampling.max_tokens
        slots = min(batch or sequences_at_a_time(causal, length), len(requests))
        engine = Engine(causal, slots=slots, length=length, head=head)
        for request in requests:
            _submit(engine, request, request.stream)
        tokens: dict[object, list[Token]] = {request.key: [] for request in requests}
        while engine.busy:
            for token in engine.step():
                if isinstance(token, Failure):
                    raise token.error
                tokens[token.key].append(token)
    finally:
        causal.model.train(was_training)
    samples = [_sample(tokens[request.key]) for request in requests]
    return [samples[first : first + n] for first in range(0, len(samples), n)]


@dataclass(frozen=True)
class LocalSampler:
    """A `Sampler` of a model in this process, whose weights it reads as they are when it is asked."""

    causal: CausalModel

    def sample(self, prompts: Sequence[Sequence[int]], n: int, sampling: Sampling) -> list[list[Sample]]:
        """As `generate`."""
        return generate(self.causal, prompts, n, sampling)


def _submit(engine: Engine, request: Request, stream: object) -> None:
    number = stream[0] if isinstance(stream, tuple) else stream
    try:
        engine.submit(request)
    except ModelError as error:
        raise ModelError(f"prompt {number}: {error}") from error


def _sample(tokens: list[Token]) -> Sample:
    end = tokens[-1].end
    assert end is not None
    values = tuple(token.value for token in tokens if token.value is not None)
    return Sample(
        token_ids=tuple(token.token_id for token in tokens),
        logprobs=tuple(token.logprob for token in tokens),
        finish_reason=end,
        values=values or None,
    )
