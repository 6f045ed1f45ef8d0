"""Log-probabilities of completions under a model, by teacher forcing."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from accord.lm.causal import CausalModel
from accord.lm.packed import Answer, PackedBatch, pack

__all__ = ["TokenLogprobs", "completion_logprobs", "token_logprobs"]


@dataclass(frozen=True)
class TokenLogprobs:
    """For the N completion tokens of a batch: log-probability, entropy of the next-token distribution (nats)."""

    logprob_N: Tensor
    entropy_N: Tensor


def token_logprobs(
    causal: CausalModel, batch: PackedBatch, hidden_XD: Tensor, *, temperature: float = 1.0, chunk: int = 1024
) -> TokenLogprobs:
    """Log-probabilities and entropies in float32 from the hidden states of all places, [B*T, D].

    Logits are made only where a completion token is predicted, `chunk` places at a time.
    """
    logprobs, entropies = [], []
    for source_n, target_n in zip(batch.source_N.split(chunk), batch.target_N.split(chunk), strict=True):
        logprob_nV = torch.log_softmax(causal.logits(hidden_XD[source_n]) / temperature, dim=-1)
        logprobs.append(logprob_nV.gather(1, target_n[:, None])[:, 0])
        with torch.no_grad():
            entropies.append(torch.special.entr(logprob_nV.detach().exp()).sum(-1))
    return TokenLogprobs(torch.cat(logprobs), torch.cat(entropies))


@torch.no_grad()
def completion_logprobs(
    causal: CausalModel,
    prompts: Sequence[Sequence[int]],
    completions: Sequence[Sequence[int]],
    *,
    temperature: float = 1.0,
    batch_tokens: int = 4096,
) -> list[Tensor]:
    """The log-probability of every token of every completion, in the order given; float32 on the CPU."""
    answers = [
        Answer(tuple(prompt), tuple(completion), key)
        for key, (prompt, completion) in enumerate(zip(prompts, completions, strict=True))
    ]
    out: list[Tensor] = [torch.empty(0)] * len(answers)
    for batch in pack(causal, answers, batch_tokens=batch_tokens):
        found = token_logprobs(causal, batch, batch.hidden(causal), temperature=temperature)
        parts = found.logprob_N.cpu().split(torch.bincount(batch.owner_N.cpu(), minlength=len(batch.keys)).tolist())
        for key, part in zip(batch.keys, parts, strict=True):
            out[key] = part
    return out
