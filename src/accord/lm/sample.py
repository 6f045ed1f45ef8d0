"""Sampling completions, many at once.

A prompt is computed once for its samples; finished sequences leave the batch. Every sequence draws its own random
numbers from its own seed, so what it says does not depend on what else is sampled beside it (beyond rounding).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import DynamicCache

from accord.errors import ModelError
from accord.lm.causal import CausalModel
from accord.records import Sample, Sampling

__all__ = ["sample"]


BLOCK = 256  # weights summed together before the cumulative distribution is searched


@torch.no_grad()
def sample(
    causal: CausalModel, prompts: Sequence[Sequence[int]], n: int, sampling: Sampling, *, batch: int = 64
) -> list[list[Sample]]:
    """`n` samples of each prompt (token ids), in the order of the prompts.

    Log-probabilities are those of the distribution sampled from where top_p is 1 and top_k 0; otherwise they are
    those of the full distribution at that temperature, so that a truncated sampler shows as a ratio that is not 1.
    Greedy samples (temperature 0) carry the log-probabilities at temperature 1.
    Raises `ModelError` where a prompt leaves no room for `max_tokens` tokens, has a token the model does not know, or
    where the model's logits are not finite.
    """
    _check(causal, prompts, n, sampling)
    was_training = causal.model.training
    causal.model.eval()
    out: list[list[Sample]] = [[] for _ in prompts]
    step = max(1, batch // n)
    order = sorted(range(len(prompts)), key=lambda number: len(prompts[number]))
    try:
        for start in range(0, len(order), step):
            chunk = order[start : start + step]
            uniform_ST = _uniforms(chunk, n, sampling)
            made = _decode(causal, [prompts[i] for i in chunk], n, sampling, uniform_ST)
            for number, samples in zip(chunk, made, strict=True):
                out[number] = samples
    finally:
        causal.model.train(was_training)
    return out


def _check(causal: CausalModel, prompts: Sequence[Sequence[int]], n: int, sampling: Sampling) -> None:
    if n < 1:
        raise ValueError(f"{n} samples of a prompt; ask for one at least")
    vocabulary = causal.vocabulary
    for number, prompt in enumerate(prompts):
        if not prompt:
            raise ModelError(f"prompt {number} is empty")
        if not 0 <= min(prompt) <= max(prompt) < vocabulary:
            raise ModelError(f"prompt {number} has a token id outside the vocabulary of {vocabulary}")
        if len(prompt) + sampling.max_tokens > causal.context:
            raise ModelError(
                f"prompt {number}: {len(prompt)} tokens and {sampling.max_tokens} to write exceed the context of "
                f"{causal.context}; shorten the prompt or lower max_tokens"
            )


def _uniforms(chunk: list[int], n: int, sampling: Sampling) -> Tensor:
    """Numbers in [0, 1) for each sequence and step, from the seed, the prompt's place and the sample's."""
    seed = (sampling.seed or 0) % (1 << 64)
    # The places go into the spawn key: a plain tuple of numbers runs together, and streams of two seeds could meet.
    sources = [np.random.SeedSequence(seed, spawn_key=(number, index)) for number in chunk for index in range(n)]
    return torch.from_numpy(np.stack([np.random.default_rng(each).random(sampling.max_tokens) for each in sources]))


def _decode(
    causal: CausalModel, prompts: list[Sequence[int]], n: int, sampling: Sampling, uniform_ST: Tensor
) -> list[list[Sample]]:
    device = causal.device
    eos_id = causal.eos_id
    logits_SV, cache, mask_ST = _prefill(causal, prompts, n)
    count = len(prompts) * n
    uniform_ST = uniform_ST.to(device)
    position_S = mask_ST.sum(1)
    alive_S = torch.arange(count, device=device)
    token_SL = torch.zeros((count, sampling.max_tokens), dtype=torch.long, device=device)
    logprob_SL = torch.zeros((count, sampling.max_tokens), device=device)
    length_S = torch.full((count,), sampling.max_tokens, device=device)
    stopped_S = torch.zeros(count, dtype=torch.bool, device=device)
    for step in range(sampling.max_tokens):
        token_a, logprob_a = _draw(logits_SV, sampling, uniform_ST[alive_S, step])
        token_SL[alive_S, step] = token_a
        logprob_SL[alive_S, step] = logprob_a
        ended_a = token_a == eos_id
        length_S[alive_S[ended_a]] = step + 1
        stopped_S[alive_S[ended_a]] = True
        if step + 1 == sampling.max_tokens or bool(ended_a.all()):
            break
        if bool(ended_a.any()):
            keep_a = (~ended_a).nonzero()[:, 0]
            cache.batch_select_indices(keep_a)
            alive_S, token_a, mask_ST, position_S = (
                alive_S[keep_a],
                token_a[keep_a],
                mask_ST[keep_a],
                position_S[keep_a],
            )
        mask_ST = torch.cat([mask_ST, mask_ST.new_ones((len(alive_S), 1))], dim=1)
        output: Any = causal.model(
            input_ids=token_a[:, None],
            position_ids=position_S[:, None],
            attention_mask=mask_ST,
            past_key_values=cache,
            use_cache=True,
        )
        logits_SV = output.logits[:, -1]
        position_S = position_S + 1
    if not bool(torch.isfinite(logprob_SL).all()):
        raise ModelError(f"{causal.name}: its logits are not finite, so nothing can be sampled from it")
    samples = _samples(token_SL, logprob_SL, length_S, stopped_S)
    return [samples[start : start + n] for start in range(0, count, n)]


def _samples(token_SL: Tensor, logprob_SL: Tensor, length_S: Tensor, stopped_S: Tensor) -> list[Sample]:
    """The rows of a finished batch, each cut to its length."""
    return [
        Sample(
            token_ids=tuple(token_SL[row, :length].tolist()),
            logprobs=tuple(logprob_SL[row, :length].tolist()),
            stopped="eos" if ended else "length",
        )
        for row, (length, ended) in enumerate(zip(length_S.tolist(), stopped_S.tolist(), strict=True))
    ]


def _prefill(causal: CausalModel, prompts: list[Sequence[int]], n: int) -> tuple[Tensor, DynamicCache, Tensor]:
    """Logits after each prompt [S, V], cache and mask [S, T] for S = P * n sequences; padding on the left."""
    width = max(len(prompt) for prompt in prompts)
    ids_PT = torch.full((len(prompts), width), causal.pad_id, device=causal.device)
    mask_PT = torch.zeros((len(prompts), width), dtype=torch.long, device=causal.device)
    for row, prompt in enumerate(prompts):
        ids_PT[row, width - len(prompt) :] = torch.tensor(prompt, device=causal.device)
        mask_PT[row, width - len(prompt) :] = 1
    cache = DynamicCache(config=causal.model.config)
    output: Any = causal.model(
        input_ids=ids_PT,
        position_ids=(mask_PT.cumsum(1) - 1).clamp(min=0),
        attention_mask=mask_PT,
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=1,
    )
    cache.batch_repeat_interleave(n)
    return output.logits[:, -1].repeat_interleave(n, 0), cache, mask_PT.repeat_interleave(n, 0)


def _draw(logits_SV: Tensor, sampling: Sampling, uniform_S: Tensor) -> tuple[Tensor, Tensor]:
    """A token for each row and its log-probability, in float32."""
    score_SV = logits_SV.to(torch.float32, copy=True)
    if sampling.temperature == 0:
        token_S = score_SV.argmax(-1)
        return token_S, score_SV.gather(1, token_S[:, None])[:, 0] - score_SV.logsumexp(-1)
    score_SV.div_(sampling.temperature)
    kept_SV = _truncate(score_SV, sampling)
    token_S, total_S = _invert(kept_SV, uniform_S)
    if kept_SV is not score_SV:
        total_S = score_SV.logsumexp(-1)
    return token_S, score_SV.gather(1, token_S[:, None])[:, 0] - total_S


def _invert(score_SV: Tensor, uniform_S: Tensor) -> tuple[Tensor, Tensor]:
    """The token at `uniform_S` of the cumulative softmax of each row, and the row's log-sum-exp.

    Sums of blocks are searched first and then the block alone: a running sum over the vocabulary costs more than the
    rest of a step. The sums are carried in float64, and a token without weight is never drawn.
    """
    rows, vocabulary = score_SV.shape
    top_S1 = score_SV.amax(-1, keepdim=True)
    weight_SV = (score_SV - top_S1).exp_()
    weight_SKB = torch.nn.functional.pad(weight_SV, (0, -vocabulary % BLOCK)).view(rows, -1, BLOCK)
    sum_SK = weight_SKB.sum(-1).double().cumsum(-1)
    total_S1 = sum_SK[:, -1:]
    goal_S1 = torch.minimum(uniform_S[:, None] * total_S1, torch.nextafter(total_S1, torch.zeros_like(total_S1)))
    block_S1 = torch.searchsorted(sum_SK, goal_S1, right=True).clamp_(max=sum_SK.shape[1] - 1)
    before_S1 = torch.where(block_S1 > 0, sum_SK.gather(1, (block_S1 - 1).clamp(min=0)), 0.0)
    inside_SB = weight_SKB[torch.arange(rows, device=block_S1.device), block_S1[:, 0]].double().cumsum(-1)
    # The block's sum above and its running sum here differ by rounding: never search beyond the latter.
    end_S1 = inside_SB[:, -1:]
    goal_S1 = torch.minimum(goal_S1 - before_S1, torch.nextafter(end_S1, torch.zeros_like(end_S1)))
    token_S1 = block_S1 * BLOCK + torch.searchsorted(inside_SB, goal_S1, right=True).clamp_(max=BLOCK - 1)
    return token_S1[:, 0].clamp_(max=vocabulary - 1), (top_S1 + total_S1.log().float())[:, 0]


def _truncate(score_SV: Tensor, sampling: Sampling) -> Tensor:
    """-inf for what top-k and nucleus sampling (Holtzman et al. 2020) leave out; the same tensor where nothing is."""
    if sampling.top_k:
        kth_S1 = score_SV.topk(min(sampling.top_k, score_SV.shape[1]), -1).values[:, -1:]
        score_SV = score_SV.masked_fill(score_SV < kth_S1, -torch.inf)
    if sampling.top_p < 1:
        ordered_SV, index_SV = score_SV.sort(-1, descending=True)
        share_SV = ordered_SV.softmax(-1)
        outside_SV = share_SV.cumsum(-1) - share_SV >= sampling.top_p
        score_SV = score_SV.masked_fill(torch.zeros_like(outside_SV).scatter(1, index_SV, outside_SV), -torch.inf)
    return score_SV
