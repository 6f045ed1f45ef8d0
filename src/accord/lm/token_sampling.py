"""Drawing the next token of many sequences, each with settings and random numbers of its own.

Log-probabilities are those of the distribution sampled from where top_p is 1 and top_k 0; otherwise those of the full
distribution at that temperature, so that a truncated sampler shows as a ratio that is not 1. Greedy draws
(temperature 0) carry the log-probabilities at temperature 1. All arithmetic is in float32, running sums in float64.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from accord.lm.native.kernels import DRAW_BLOCK, Kernels
from accord.records import Sampling

__all__ = ["COLDEST", "SampledTokens", "sample_tokens"]

BLOCK = DRAW_BLOCK  # weights summed together before the cumulative distribution is searched
AT_ONCE = 400_000  # logits worked on at a time: few enough to stay in the processor's cache
NUCLEUS = 512  # how many of the likeliest tokens are looked at before a nucleus is sought among all
COLDEST = 1e-30  # of a temperature: what is colder draws no otherwise, and overflows
ROUNDING = 1e-6  # of a float32 probability: a nucleus that holds exactly its share takes no further token


@dataclass(frozen=True)
class SampledTokens:
    """For each row: the token, its log-probability, and log-sum-exp of the scores at the row's temperature."""

    token_S: Tensor
    logprob_S: Tensor
    total_S: Tensor


def sample_tokens(
    logits_SV: Tensor, samplings: Sequence[Sampling], uniform_S: Tensor, kernels: Kernels | None = None
) -> SampledTokens:
    """A token for each row of logits by inverting its cumulative distribution at `uniform_S`, numbers in [0, 1).

    With `kernels` of the logits' dtype the weights are theirs where no row leaves tokens out.
    """
    device = logits_SV.device
    temperature_S = torch.tensor([max(sampling.temperature or 1.0, COLDEST) for sampling in samplings], device=device)
    greedy_S = torch.tensor([sampling.temperature == 0 for sampling in samplings], device=device)
    cut = [i for i, sampling in enumerate(samplings) if sampling.temperature and (sampling.top_k or sampling.top_p < 1)]
    if kernels is not None and not cut:
        return _sample_weighed(logits_SV, temperature_S, greedy_S, uniform_S, kernels)
    step = max(1, AT_ONCE // logits_SV.shape[1]) if device.type == "cpu" else len(logits_SV)
    parts = []
    for first in range(0, len(logits_SV), step):
        rows = slice(first, first + step)
        score_nV = logits_SV[rows].to(torch.float32, copy=True).div_(temperature_S[rows, None])
        best_n1 = score_nV.argmax(-1, keepdim=True)
        kept_nV = _truncated(score_nV, samplings, [i - first for i in cut if first <= i < first + step], first)
        drawn_n1, total_n1 = _invert(kept_nV, score_nV.gather(1, best_n1), uniform_S[rows])
        if kept_nV is not score_nV:
            total_n1 = score_nV.logsumexp(-1, keepdim=True)
        token_n1 = torch.where(greedy_S[rows, None], best_n1, drawn_n1)
        parts.append((token_n1, score_nV.gather(1, token_n1) - total_n1, total_n1))
    token_S1, logprob_S1, total_S1 = (torch.cat(sampling) for sampling in zip(*parts, strict=True))
    return SampledTokens(token_S1[:, 0], logprob_S1[:, 0], total_S1[:, 0])


def _sample_weighed(
    logits_SV: Tensor, temperature_S: Tensor, greedy_S: Tensor, uniform_S: Tensor, kernels: Kernels
) -> SampledTokens:
    """The same from block sums that a kernel gives: scores are made for the drawn block alone."""
    best_S, top_S, sum_SK = kernels.weighed(logits_SV, temperature_S)
    last = logits_SV.shape[1] - 1

    def inside(block_S1: Tensor) -> Tensor:
        place_SB = block_S1 * BLOCK + torch.arange(BLOCK)
        score_SB = logits_SV.gather(1, place_SB.clamp(max=last)).float() / temperature_S[:, None]
        return (score_SB - top_S[:, None]).exp_().masked_fill_(place_SB > last, 0.0)

    drawn_S1, total_S1 = _search(sum_SK, inside, uniform_S)
    token_S1 = torch.where(greedy_S, best_S, drawn_S1[:, 0].clamp_(max=last))[:, None]
    total_S1 = top_S[:, None] + total_S1.log().float()
    logprob_S1 = logits_SV.gather(1, token_S1).float() / temperature_S[:, None] - total_S1
    return SampledTokens(token_S1[:, 0], logprob_S1[:, 0], total_S1[:, 0])


def _invert(score_SV: Tensor, top_S1: Tensor, uniform_S: Tensor) -> tuple[Tensor, Tensor]:
    """The token at `uniform_S` of the cumulative softmax of each row, and the row's log-sum-exp; both [S, 1]."""
    rows, vocabulary = score_SV.shape
    padded = vocabulary + -vocabulary % BLOCK
    weight_SV = score_SV.new_zeros((rows, padded)) if padded != vocabulary else torch.empty_like(score_SV)
    torch.sub(score_SV, top_S1, out=weight_SV[:, :vocabulary])
    weight_SV[:, :vocabulary].exp_()
    weight_SKB = weight_SV.view(rows, -1, BLOCK)
    row_S = torch.arange(rows, device=score_SV.device)
    token_S1, total_S1 = _search(weight_SKB.sum(-1), lambda block_S1: weight_SKB[row_S, block_S1[:, 0]], uniform_S)
    return token_S1.clamp_(max=vocabulary - 1), top_S1 + total_S1.log().float()


def _search(sum_SK: Tensor, inside: Callable[[Tensor], Tensor], uniform_S: Tensor) -> tuple[Tensor, Tensor]:
    """The token at `uniform_S` of the running sum of each row's weights, and the row's sum; both [S, 1].

    Sums of blocks are searched first and then the weights `inside` the block alone: a running sum over the vocabulary
    costs more than the rest of a step. A token without weight is never drawn.
    """
    running_SK = sum_SK.double().cumsum(-1)
    total_S1 = running_SK[:, -1:]
    goal_S1 = torch.minimum(uniform_S[:, None] * total_S1, torch.nextafter(total_S1, torch.zeros_like(total_S1)))
    block_S1 = torch.searchsorted(running_SK, goal_S1, right=True).clamp_(max=running_SK.shape[1] - 1)
    before_S1 = torch.where(block_S1 > 0, running_SK.gather(1, (block_S1 - 1).clamp(min=0)), 0.0)
    inside_SB = inside(block_S1).double().cumsum(-1)
    # The block's sum above and its running sum here differ by rounding: never search beyond the latter.
    end_S1 = inside_SB[:, -1:]
    goal_S1 = torch.minimum(goal_S1 - before_S1, torch.nextafter(end_S1, torch.zeros_like(end_S1)))
    return block_S1 * BLOCK + torch.searchsorted(inside_SB, goal_S1, right=True).clamp_(max=BLOCK - 1), total_S1


def _truncated(score_SV: Tensor, samplings: Sequence[Sampling], rows: list[int], first: int) -> Tensor:
    """-inf for what top-k and nucleus sampling (Holtzman et al. 2020) leave out; the same tensor where nothing is."""
    if not rows:
        return score_SV
    truncated_SV = score_SV.clone()
    for row in rows:
        sampling = samplings[first + row]
        if sampling.top_k:
            kth = truncated_SV[row].topk(min(sampling.top_k, score_SV.shape[1])).values[-1]
            truncated_SV[row].masked_fill_(truncated_SV[row] < kth, -torch.inf)
        if sampling.top_p < 1:
            _nucleus(truncated_SV[row], sampling.top_p)
    return truncated_SV


def _nucleus(score_V: Tensor, share: float) -> None:
    """Leave the fewest likeliest tokens that hold `share` of the probability; in place.

    The likeliest few hundred nearly always hold it, and finding them needs no sort of the vocabulary.
    """
    for size in (min(NUCLEUS, len(score_V)), len(score_V)):
        top = score_V.topk(size)
        weight = (top.values - score_V.logsumexp(-1)).exp().double()
        before = weight.cumsum(-1) - weight
        if size == len(score_V) or float(before[-1] + weight[-1]) >= share:
            outside = before >= share * (1 - ROUNDING)
            nucleus = top.indices[~outside]
            values = score_V[nucleus]
            score_V.fill_(-torch.inf)
            score_V[nucleus] = values
            return
