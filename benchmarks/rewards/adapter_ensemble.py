"""What an ensemble of adapters costs: a training step of five members beside one of one, in time and in memory.

Both learn the same comparisons with the same decoder (smollm2-135m), trained whole but for the shared weights of the
last layers of the ensemble. Steps take turns, so that whatever else the machine does befalls both; ratios are medians
of the turns' ratios. Time is that of this process's CPU where there is no accelerator, so that others on the machine
count little. Memory is what a step needs at its highest, weights and optimiser included, as tensors: weights, moments,
gradients and what the forward pass keeps.
"""

from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from accord.lm.adapter_ensemble import AdapterEnsemble
from accord.lm.loading import load
from accord.lm.packed import PackedBatch, TokenizedCompletion, pack
from accord.lm.reward_model import ScalarHeadModel
from accord.reward.likelihoods import bradley_terry
from accord.train import Optim, Optimiser

MEMBERS = 5
TURNS = 5
TOKENS = 640  # of a step


def measure(
    data: Path, seeds: range, *, base: str = "smollm2-135m", layers: tuple[int, ...] = (1, 2, 3)
) -> dict[str, Any]:
    """Ratios of five members to one, for several numbers of layers with adapters."""
    return {f"{count} layers": _compared(base, count, seeds.start) for count in layers}


def _compared(base: str, layers: int, seed: int) -> dict[str, Any]:
    form: dict[str, Any] = {"name": "reward", "seed": seed}
    one = ScalarHeadModel.fresh(load(base, dtype="float32"), **form)
    five = AdapterEnsemble.over(load(base, dtype="float32"), members=MEMBERS, layers=layers, rank=8, alpha=16.0, **form)
    (batch,) = pack(one.causal, _answers(seed), row_tokens=160, batch_tokens=TOKENS + 64)[:1]
    steps = [_step(one, batch), _step(five, batch)]
    for step in steps:
        step()
    ratios = []
    for _ in range(TURNS):
        seconds = [_timed(step) for step in steps]
        ratios.append(seconds[1] / seconds[0])
    bytes_of = [_bytes(judge, batch) for judge in (one, five)]
    return {
        "time": round(median(ratios), 3),
        "times": [round(each, 3) for each in ratios],
        "memory": round(bytes_of[1] / bytes_of[0], 3),
        "gigabytes": [round(each / 1e9, 3) for each in bytes_of],
        "tokens": batch.tokens,
    }


def _step(judge: ScalarHeadModel, batch: PackedBatch) -> Callable[[], None]:
    optimiser = Optimiser(Optim(lr=1e-5), judge.trainable(), 100, heads=judge.head.parameters())

    def step() -> None:
        optimiser.add(_loss(judge, batch))
        optimiser.step()

    return step


def _loss(judge: ScalarHeadModel, batch: PackedBatch) -> Tensor:
    raw_AM = judge.at_end(batch)
    margin_PM = raw_AM[::2][: len(raw_AM) // 2] - raw_AM[1::2]
    return bradley_terry(margin_PM, torch.zeros(len(margin_PM), 1, dtype=torch.bool)).mean()


def _timed(step: Callable[[], None]) -> float:
    began = process_time()
    step()
    return process_time() - began


def _bytes(judge: ScalarHeadModel, batch: PackedBatch) -> float:
    """Weights, gradients, two moments each, and what the forward pass keeps for the backward pass."""
    weights = {each.data_ptr(): each.numel() * each.element_size() for each in judge.causal.model.parameters()}
    trained = sum(each.numel() * 4 for each in judge.trainable())
    storage_of: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if tensor.data_ptr() not in weights:
            storage_of[storage.data_ptr()] = storage.nbytes()
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = _loss(judge, batch)
        kept = sum(storage_of.values())
    del loss
    return float(sum(weights.values()) + 3 * trained + kept)


def _answers(seed: int) -> list[TokenizedCompletion]:
    """Pairs of answers of 40 tokens to prompts of 40, drawn at random: what they say costs nothing."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randint(100, 40_000, (TOKENS // 120, 3, 40), generator=generator).tolist()
    return [
        TokenizedCompletion(tuple(prompt), tuple(answer), 2 * row + side)
        for row, (prompt, *answers) in enumerate(drawn)
        for side, answer in enumerate(answers)
    ]
