"""Log-probabilities of completions under a model, by teacher forcing.

Logits are the largest tensors of a step: N predictions over V tokens. They are made in chunks of bounded size, and
at most `LOGIT_BYTES` of them are kept for the backward pass, in the dtype in which the head made them; what is beyond
that is made again when its gradient is due, and let go. Where layers are computed again (`recomputation`) so are all
logits. Which of them are kept changes no number.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from accord.lm.causal import CausalModel
from accord.lm.native.proven import kernels_of
from accord.lm.packed import PackedBatch, TokenizedCompletion, pack
from accord.lm.recomputation import recomputes
from accord.lm.sizes import reading_tokens

__all__ = ["TokenLogprobs", "completion_logprobs", "logit_bytes", "token_divergences", "token_logprobs"]


ROWS = {"cpu": 64}  # rows of logits worked on at a time: few enough to stay in the processor's cache
ROWS_ELSEWHERE = 256  # a float32 copy of which is some 150 MB at most
LOGIT_BYTES = 1 << 28  # bytes of logits kept for the backward pass
T = TypeVar("T")
CHUNK, MOST, LEAST = 1 << 27, 1024, 64  # bytes of logits made at a time, and how many rows that may be


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
    chunk: int | None = None,
    entropy: bool = True,
) -> TokenLogprobs:
    """Log-probabilities and entropies in float32 from the hidden states of all positions, [B*T, D].

    Logits are made only where a completion token is predicted, `chunk` positions at a time (unset: as many as `CHUNK`
    bytes hold). The entropy carries no gradient; leaving it out (`entropy=False`) saves a pass over the vocabulary.
    Temperature 0, greedy sampling, has no log-probabilities of its own: those at 1 are given, as the sampler does.
    """
    temperature = temperature or 1.0

    def chosen(hidden_nD: Tensor, target_n: Tensor) -> tuple[Tensor, Tensor]:
        found: tuple[Tensor, Tensor] = _Chosen.apply(  # type: ignore[no-untyped-call]
            causal.raw_logits(hidden_nD), target_n, temperature, entropy, causal.kernels
        )
        return found

    size = chunk or _chunk(causal, hidden_XD)
    pairs = zip(batch.source_N.split(size), batch.target_N.split(size), strict=True)
    chunks = ((hidden_XD[source_n], target_n) for source_n, target_n in pairs)
    logprobs, entropies = zip(*_chunk_by_chunk(causal, chosen, chunks), strict=True)
    return TokenLogprobs(torch.cat(logprobs), torch.cat(entropies))


def logit_bytes(causal: CausalModel) -> tuple[float, float]:
    """What logits take where a gradient is wanted: bytes a prediction, with their gradient, and at most in all."""
    row = _row_bytes(causal, causal.dtype)
    kept = 0 if recomputes(causal) else LOGIT_BYTES
    # A chunk's logits are joined by their gradient and, a part of the rows at a time, by a copy in float32.
    return 2.0 * row, kept + 3.0 * max(CHUNK, LEAST * row)


def _row_bytes(causal: CausalModel, dtype: torch.dtype) -> int:
    """Bytes that the logits of one prediction keep; those that are capped keep what they were capped from as well."""
    copies = 1 if causal.softcap is None else 2
    return copies * causal.vocabulary * dtype.itemsize


def _chunk(causal: CausalModel, hidden_XD: Tensor) -> int:
    """How many rows of logits are made at a time."""
    rows = CHUNK // _row_bytes(causal, hidden_XD.dtype)
    return min(MOST, max(LEAST, rows // LEAST * LEAST))


def _chunk_by_chunk(
    causal: CausalModel, function: Callable[..., T], chunks: Iterable[tuple[Tensor, Tensor]]
) -> Iterator[T]:
    """A function of each chunk's hidden states [n, D] and something else; at most `LOGIT_BYTES` of logits are kept."""
    room = 0 if recomputes(causal) else LOGIT_BYTES
    for hidden_nD, other_n in chunks:
        room -= len(hidden_nD) * _row_bytes(causal, hidden_nD.dtype)
        if room >= 0 or not torch.is_grad_enabled():
            yield function(hidden_nD, other_n)
        else:
            made: T = checkpoint(function, hidden_nD, other_n, use_reentrant=False)
            yield made


class _Chosen(torch.autograd.Function):
    """log softmax(logits / temperature) rows one token of each row, and the entropy of each row.

    Only the logits, as the head made them, and a number a row are kept for the backward pass, whose gradient is
    (one-hot - softmax) / temperature. All arithmetic is in float32. On a CPU with a C compiler it is two kernels.
    """

    @staticmethod
    def forward(
        ctx: Any, logits_NV: Tensor, target_N: Tensor, temperature: float, entropy: bool, native: bool
    ) -> tuple[Tensor, Tensor]:
        kernels = kernels_of(logits_NV) if native and logits_NV.is_contiguous() else None
        ctx.temperature, ctx.kernels = temperature, kernels
        if kernels is not None:
            logprob_N, entropy_N, total_N = kernels.chosen(logits_NV, target_N.contiguous(), temperature, entropy)
            ctx.save_for_backward(logits_NV, target_N.contiguous(), total_N)
            ctx.mark_non_differentiable(entropy_N)
            return logprob_N, entropy_N
        logprob_N = torch.empty(len(logits_NV), device=logits_NV.device)
        entropy_N = torch.full_like(logprob_N, torch.nan)
        total_N = torch.empty_like(logprob_N)
        for rows in _parts(logits_NV):
            scaled_nV = _scaled(logits_NV[rows], temperature)
            total_N[rows] = total_n = scaled_nV.logsumexp(-1)
            logprob_N[rows] = scaled_nV.gather(1, target_N[rows, None])[:, 0] - total_n
            if entropy:
                # H = log Z - E[score]; a token of probability zero adds nothing, though its score is -inf.
                probability_nV = (scaled_nV - total_n[:, None]).exp_()
                entropy_N[rows] = total_n - torch.nan_to_num_(scaled_nV.mul_(probability_nV), nan=0.0).sum(-1)
        ctx.save_for_backward(logits_NV, target_N, total_N)
        ctx.mark_non_differentiable(entropy_N)
        return logprob_N, entropy_N

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        gradient_N = gradients[0]
        logits_NV, target_N, total_N = ctx.saved_tensors
        if ctx.kernels is not None:
            out_NV = ctx.kernels.chosen_back(logits_NV, target_N, total_N, gradient_N, ctx.temperature)
            return out_NV, None, None, None, None
        out_NV = torch.empty_like(logits_NV)
        for rows in _parts(logits_NV):
            weight_n1 = gradient_N[rows, None] / ctx.temperature
            part_nV = (_scaled(logits_NV[rows], ctx.temperature) - total_N[rows, None]).exp_().mul_(-weight_n1)
            out_NV[rows] = part_nV.scatter_add_(1, target_N[rows, None], weight_n1)
        return out_NV, None, None, None, None


def token_divergences(
    causal: CausalModel,
    batch: PackedBatch,
    hidden_XD: Tensor,
    teacher: CausalModel,
    taught_ND: Tensor,
    *,
    chunk: int | None = None,
) -> Tensor:
    """KL(teacher || model) of the next-token distributions at each completion token of a batch, [N] nats, in float32.

    hidden_XD  the model's hidden states of all positions, [B*T, D]
    taught_ND  the teacher's, where it predicts the same tokens in the same order; no gradient flows to it

    Over the whole vocabulary, which both must share. Logits are made and kept as those of `token_logprobs` are.
    """

    def divergence(hidden_nD: Tensor, taught_nD: Tensor) -> Tensor:
        with torch.no_grad():
            taught_nV = teacher.raw_logits(taught_nD)
        found: Tensor = _Divergence.apply(causal.raw_logits(hidden_nD), taught_nV)  # type: ignore[no-untyped-call]
        return found

    size = chunk or _chunk(causal, hidden_XD)
    pairs = zip(batch.source_N.split(size), taught_ND.split(size), strict=True)
    chunks = ((hidden_XD[source_n], taught_nD) for source_n, taught_nD in pairs)
    return torch.cat(list(_chunk_by_chunk(causal, divergence, chunks)))


class _Divergence(torch.autograd.Function):
    """sum_v p_v (log p_v - log q_v) of each row, p = softmax(teacher's logits), q = softmax(logits).

    Its gradient, q - p, is all that is kept for the backward pass, in the logits' dtype. All arithmetic is in float32.
    """

    @staticmethod
    def forward(ctx: Any, logits_NV: Tensor, taught_NV: Tensor) -> Tensor:
        kl_N = torch.empty(len(logits_NV), device=logits_NV.device)
        gap_NV = torch.empty_like(logits_NV)
        for rows in _parts(logits_NV):
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


def _parts(logits_NV: Tensor) -> Iterator[slice]:
    """The rows, as many at a time as suits the device."""
    size = ROWS.get(logits_NV.device.type, ROWS_ELSEWHERE)
    return (slice(first, first + size) for first in range(0, len(logits_NV), size))


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
