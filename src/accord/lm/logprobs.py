"""Log-probabilities of completions under a model, by teacher forcing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from accord.lm.causal import CausalModel
from accord.lm.packed import PackedBatch, TokenizedCompletion, pack
from accord.lm.sizes import reading_tokens

__all__ = ["TokenLogprobs", "completion_logprobs", "token_divergences", "token_logprobs"]


ROWS = 64  # rows of logits worked on at a time: few enough to stay in the processor's cache


@dataclass(frozen=True)
class TokenLogprobs:
    """For the N completion tokens of a batch: log-probability, entropy of the next-token distribution (nats).

    Where the entropy was not asked for, `entropy_N` is NaN throughout.
    """

    logprob_N: Tensor
    entropy_N: Tensor


def token_logprobs(
    causal: CausalModel,
    batch: PackedBatch,
    hidden_XD: Tensor,
    *,
    temperature: float = 1.0,
    chunk: int = 1024,
    entropy: bool = True,
) -> TokenLogprobs:
    """Log-probabilities and entropies in float32 from the hidden states of all positions, [B*T, D].

    Logits are made only where a completion token is predicted, `chunk` positions at a time. The entropy carries no
    gradient; leaving it out (`entropy=False`) saves a pass over the vocabulary. Temperature 0, greedy sampling, has no
    log-probabilities of its own: those at 1 are given, as the sampler does.
    """
    temperature = temperature or 1.0
    logprobs, entropies = [], []
    for source_n, target_n in zip(batch.source_N.split(chunk), batch.target_N.split(chunk), strict=True):
        logits_nV = causal.raw_logits(hidden_XD[source_n])
        logprob_n, entropy_n = _Chosen.apply(logits_nV, target_n, temperature, entropy)  # type: ignore[no-untyped-call]
        logprobs.append(logprob_n)
        entropies.append(entropy_n)
    return TokenLogprobs(torch.cat(logprobs), torch.cat(entropies))


class _Chosen(torch.autograd.Function):
    """log softmax(logits / temperature) rows one token of each row, and the entropy of each row.

    Only the logits, as the head made them, and a number a row are kept for the backward pass, whose gradient is
    (one-hot - softmax) / temperature. All arithmetic is in float32.
    """

    @staticmethod
    def forward(
        ctx: Any, logits_NV: Tensor, target_N: Tensor, temperature: float, entropy: bool
    ) -> tuple[Tensor, Tensor]:
        logprob_N = torch.empty(len(logits_NV), device=logits_NV.device)
        entropy_N = torch.full_like(logprob_N, torch.nan)
        total_N = torch.empty_like(logprob_N)
        for first in range(0, len(logits_NV), ROWS):
            rows = slice(first, first + ROWS)
            scaled_nV = _scaled(logits_NV[rows], temperature)
            total_N[rows] = total_n = scaled_nV.logsumexp(-1)
            logprob_N[rows] = scaled_nV.gather(1, target_N[rows, None])[:, 0] - total_n
            if entropy:
                # H = log Z - E[score]; a token of probability zero adds nothing, though its score is -inf.
                probability_nV = (scaled_nV - total_n[:, None]).exp_()
                entropy_N[rows] = total_n - torch.nan_to_num_(scaled_nV.mul_(probability_nV), nan=0.0).sum(-1)
        ctx.save_for_backward(logits_NV, target_N, total_N)
        ctx.temperature = temperature
        ctx.mark_non_differentiable(entropy_N)
        return logprob_N, entropy_N

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        gradient_N = gradients[0]
        logits_NV, target_N, total_N = ctx.saved_tensors
        out_NV = torch.empty_like(logits_NV)
        for first in range(0, len(logits_NV), ROWS):
            rows = slice(first, first + ROWS)
            weight_n1 = gradient_N[rows, None] / ctx.temperature
            part_nV = (_scaled(logits_NV[rows], ctx.temperature) - total_N[rows, None]).exp_().mul_(-weight_n1)
            out_NV[rows] = part_nV.scatter_add_(1, target_N[rows, None], weight_n1)
        return out_NV, None, None, None


def token_divergences(
    causal: CausalModel,
    batch: PackedBatch,
    hidden_XD: Tensor,
    teacher: CausalModel,
    taught_ND: Tensor,
    *,
    chunk: int = 1024,
) -> Tensor:
    """KL(teacher || model) of the next-token distributions at each completion token of a batch, [N] nats, in float32.

    hidden_XD  the model's hidden states of all positions, [B*T, D]
    taught_ND  the teacher's, where it predicts the same tokens in the same order; no gradient flows to it

    Over the whole vocabulary, which both must share. Logits are made `chunk` positions at a time.
    """
    divergences = []
    for source_n, taught_nD in zip(batch.source_N.split(chunk), taught_ND.split(chunk), strict=True):
        with torch.no_grad():
            taught_nV = teacher.raw_logits(taught_nD)
        divergences.append(_Divergence.apply(causal.raw_logits(hidden_XD[source_n]), taught_nV))  # type: ignore[no-untyped-call]
    return torch.cat(divergences)


class _Divergence(torch.autograd.Function):
    """sum_v p_v (log p_v - log q_v) of each row, p = softmax(teacher's logits), q = softmax(logits).

    Its gradient, q - p, is all that is kept for the backward pass, in the logits' dtype. All arithmetic is in float32.
    """

    @staticmethod
    def forward(ctx: Any, logits_NV: Tensor, taught_NV: Tensor) -> Tensor:
        kl_N = torch.empty(len(logits_NV), device=logits_NV.device)
        gap_NV = torch.empty_like(logits_NV)
        for first in range(0, len(logits_NV), ROWS):
            rows = slice(first, first + ROWS)
            own_nV = torch.log_softmax(logits_NV[rows].float(), -1)
            taught_nV = torch.log_softmax(taught_NV[rows].float(), -1)
            p_nV = taught_nV.exp()
            # What the teacher never says adds nothing, though its log-probability is -inf.
            kl_N[rows] = torch.where(p_nV > 0, p_nV * (taught_nV - own_nV), 0.0).sum(-1)
            gap_NV[rows] = own_nV.exp_().sub_(p_nV)
        ctx.save_for_backward(gap_NV)
        return kl_N

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (gap_NV,) = ctx.saved_tensors
        return gradients[0][:, None].to(gap_NV.dtype) * gap_NV, None


def _scaled(logits_NV: Tensor, temperature: float) -> Tensor:
    """A float32 copy, divided by the temperature."""
    return logits_NV.to(torch.float32, copy=True).div_(temperature)


@torch.no_grad()
def completion_logprobs(
    causal: CausalModel,
    prompts: Sequence[Sequence[int]],
    completions: Sequence[Sequence[int]],
    *,
    temperature: float = 1.0,
    batch_tokens: int | None = None,
) -> list[Tensor]:
    """The log-probability of every token of every completion, in the order given; float32 on the CPU."""
    answers = [
        TokenizedCompletion(tuple(prompt), tuple(completion), key)
        for key, (prompt, completion) in enumerate(zip(prompts, completions, strict=True))
    ]
    logprobs: list[Tensor] = [torch.empty(0)] * len(answers)
    for batch in pack(causal, answers, batch_tokens=batch_tokens or reading_tokens(causal)):
        tokens = token_logprobs(causal, batch, batch.hidden(causal), temperature=temperature, entropy=False)
        parts = tokens.logprob_N.cpu().split(torch.bincount(batch.owner_N.cpu(), minlength=len(batch.keys)).tolist())
        for key, part in zip(batch.keys, parts, strict=True):
            logprobs[key] = part
    return logprobs
