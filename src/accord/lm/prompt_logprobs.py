"""Log-probabilities of the tokens of a prompt under a model, each after those before it, with the likeliest there."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from accord.errors import ModelError
from accord.lm.causal import CausalModel
from accord.lm.packed import PackedBatch, TokenizedCompletion, pack

__all__ = ["PromptLogprobs", "check_readable", "prompt_logprobs"]

ROWS = 256  # rows of logits that are there at a time


@dataclass(frozen=True)
class PromptLogprobs:
    """Of each token of a prompt but the first, before which nothing stands: its log-probability, and the likeliest.

    logprobs  nats at temperature 1, float32, one fewer than there are tokens
    top       as many token ids with their log-probabilities as were asked for, the likeliest first
    """

    logprobs: tuple[float, ...] = ()
    top: tuple[tuple[tuple[int, float], ...], ...] = ()


def check_readable(causal: CausalModel, prompt: Sequence[int]) -> None:
    """Raise `ModelError` where a token after the first has no probability: the tokenizer does not know it."""
    if unwritten := [token for token in prompt[1:] if not 0 <= token < causal.known]:
        raise ModelError(f"the prompt has the token id {unwritten[0]}, which no text has: it has no log-probability")


@torch.no_grad()
def prompt_logprobs(
    causal: CausalModel, prompts: Sequence[tuple[int, ...]], top: int = 0
) -> Iterator[dict[int, PromptLogprobs]]:
    """Of each prompt (token ids), by its place: those of one pass of the model after the other.

    Raises `ModelError` for an empty prompt, a token that has no probability, what exceeds the model's context, and
    logits that are not finite.
    """
    yield {place: PromptLogprobs() for place, prompt in enumerate(prompts) if len(prompt) == 1}
    read = [
        TokenizedCompletion(tuple(prompt[:1]), tuple(prompt[1:]), place)
        for place, prompt in enumerate(prompts)
        if len(prompt) != 1
    ]
    for batch in pack(causal, read):
        yield _of_batch(causal, batch, top)


@torch.no_grad()
def _of_batch(causal: CausalModel, batch: PackedBatch, top: int) -> dict[int, PromptLogprobs]:
    hidden_XD = batch.hidden(causal)
    logprobs: list[float] = []
    likeliest: list[tuple[tuple[int, float], ...]] = []
    for source_n, target_n in zip(batch.source_N.split(ROWS), batch.target_N.split(ROWS), strict=True):
        logprob_nV = causal.logits(hidden_XD[source_n]).log_softmax(-1)
        if bool(logprob_nV.isnan().any()):
            raise ModelError(f"{causal.name}: its logits are not finite, so nothing has a probability")
        logprobs += logprob_nV.gather(1, target_n[:, None])[:, 0].tolist()
        likeliest += _likeliest(logprob_nV, top)
    sizes = torch.bincount(batch.owner_N, minlength=len(batch.keys)).tolist()
    found: dict[int, PromptLogprobs] = {}
    first = 0
    for key, size in zip(batch.keys, sizes, strict=True):
        own = slice(first, first + size)
        found[key] = PromptLogprobs(tuple(logprobs[own]), tuple(likeliest[own]))
        first += size
    return found


def _likeliest(logprob_nV: Tensor, top: int) -> list[tuple[tuple[int, float], ...]]:
    values, ids = logprob_nV.topk(min(top, logprob_nV.shape[1]))
    return [tuple(zip(*row, strict=True)) for row in zip(ids.tolist(), values.tolist(), strict=True)]
