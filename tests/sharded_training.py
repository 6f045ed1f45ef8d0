"""What two processes of torchrun do in tests/train/test_sharding.py: train in parts, beside a model that is whole."""

import logging
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, sys.argv[1])

import pytest
import torch

from accord.errors import TrainingStopped
from accord.lm.adapters import LoRA, add_lora
from accord.lm.causal import CausalModel
from accord.lm.fused import keep_apart
from accord.lm.generate import generate
from accord.lm.layers import freeze_below
from accord.lm.loading import wrap
from accord.lm.logprobs import token_logprobs
from accord.lm.packed import TokenizedCompletion, pack
from accord.lm.sharding import own_part, sharded_of, whole
from accord.lm.tiny import tiny_tokenizer
from accord.records import Sampling
from accord.train.checkpointing import weights_digest
from accord.train.optimiser import Optim, Optimiser
from accord.train.optimiser_state import keep_optimiser, take_up_optimiser
from accord.train.ranks import (
    check_alike,
    from_first,
    is_first,
    next_task,
    own_share,
    process_group,
    sharing,
    sum_numbers,
)
from accord.train.sharding import end_sharding, evened, shard_model
from family_configs import make

OPTIM = Optim(lr=1e-3, warmup_steps=0, lr_schedule="constant", keep_moments=True)
FREE = ("key_value.bias", "query_key_value.bias")
"""Biases of keys: attention does not depend on them, and they go where rounding takes them."""
CASES = ["llama", "gemma2", "gpt_neox", "qwen3_moe", "gpt2, adapters", "qwen3, frozen"]


@dataclass(frozen=True)
class Task:
    shards: bool = True


def opened(case: str) -> CausalModel:
    """The model of a case."""
    family, _, how = case.partition(", ")
    causal = wrap(make(family), tiny_tokenizer(), family)
    if how == "adapters":
        causal = add_lora(causal, LoRA(rank=2))
    if how == "frozen":
        freeze_below(causal, 1)
    if how == "bfloat16":
        causal.model.to(torch.bfloat16)
    return causal


def step(causal: CausalModel, optimiser: Optimiser) -> tuple[float, float]:
    """One step on 15 answers, in small batches of which processes have several, and not as many as one another."""
    answers = [
        TokenizedCompletion(tuple(range(1, 4 + row)), tuple(range(5 + k, 9 + 3 * k)), 3 * row + k)
        for row in range(5)
        for k in range(3)
    ]
    total, loss = sum(len(answer.completion) for answer in answers), 0.0
    for batch in evened(causal, pack(causal, own_share(answers), row_tokens=16, batch_tokens=32)):
        logprob_N = token_logprobs(causal, batch, batch.hidden(causal), entropy=False).logprob_N
        loss += optimiser.add(-logprob_N.sum() / total)
    norm = optimiser.step()
    return sum_numbers({"loss": loss})["loss"], norm


def written(causal: CausalModel) -> list[Any]:
    with whole(causal.model):
        return generate(causal, [(1, 2, 3), (4, 5)], 2, Sampling(max_tokens=6, seed=1))


def trained(causal: CausalModel) -> tuple[list[tuple[float, float]], list[Any], Optimiser]:
    """Two steps, texts, and a step."""
    optimiser = Optimiser(OPTIM, causal.trainable(), 3)
    numbers = [step(causal, optimiser), step(causal, optimiser)]
    texts = written(causal)
    return [*numbers, step(causal, optimiser)], texts, optimiser


def weights_of(causal: CausalModel) -> dict[str, torch.Tensor]:
    return {name: weight.detach() for name, weight in causal.model.named_parameters()}


def compare(case: str) -> None:
    """Train a case in parts; the first process holds it against the same model trained whole by itself."""
    causal = opened(case)
    before, digest = weights_of(causal), weights_digest(causal.model)
    before = {name: weight.clone() for name, weight in before.items()}
    kinds = [type(module) for module in causal.model.modules()]
    trainable = sum(weight.numel() for weight in causal.trainable())
    moved = shard_model(causal)
    assert len(moved) == len(before)
    assert sharded_of(causal.model) is not None
    assert weights_digest(causal.model) == digest
    assert {weight.dtype for weight in causal.trainable()} == {torch.float32}
    own = sum(own_part(weight).numel() for weight in causal.trainable())
    assert sum_numbers({"rows": own}) == {"rows": trainable}
    assert own < 0.7 * trainable
    with whole(causal.model):
        assert [type(module) for module in causal.model.modules()] == kinds
        assert all(torch.equal(weight, before[name]) for name, weight in weights_of(causal).items())
        causal.merged()
    numbers, texts, optimiser = trained(causal)
    moments = optimiser.tensors()
    assert sum(tensor.numel() for tensor in moments.values()) < 3 * own + 2 * len(moments)
    end_sharding(optimiser, causal.model)
    if is_first():
        EXPECTED[case](causal, numbers, texts)


class Expected:
    """What a case comes to, whole, in one process."""

    def __init__(self, case: str) -> None:
        self.case = case
        causal = opened(case)
        keep_apart(causal.model, apart="bfloat16" in case)  # bfloat16 rounds the faster layers otherwise
        self.numbers, self.texts, _ = trained(causal)
        self.weights = weights_of(causal)

    def __call__(self, causal: CausalModel, numbers: list[tuple[float, float]], texts: list[Any]) -> None:
        near = 1e-5 if "bfloat16" not in self.case else 2e-2
        off = (torch.tensor(numbers) - torch.tensor(self.numbers)).abs().max()
        assert off < near, (self.case, numbers, self.numbers)
        weights = weights_of(causal)
        assert weights.keys() == self.weights.keys()
        for name, weight in weights.items():
            assert weight.dtype == self.weights[name].dtype
            if not name.endswith(FREE):
                far = float((weight.float() - self.weights[name].float()).abs().max())
                assert far < near, (self.case, name, far)
        if near == 1e-5:
            ids = [[sample.token_ids for sample in group] for group in texts]
            assert ids == [[sample.token_ids for sample in group] for group in self.texts]


EXPECTED: dict[str, Expected] = {}


def keep_and_take_up(home: Path) -> None:
    """States that were kept in parts and whole, taken up in parts, whole, and as weights alone."""
    parts, ours = home / "parts", opened("llama")
    shard_model(ours)
    _, _, optimiser = trained(ours)
    from_first(lambda: parts.mkdir() or None)
    keep_optimiser(optimiser, parts if is_first() else None)
    state = {name: tensor.clone() for name, tensor in optimiser.tensors().items()}
    after = step(ours, optimiser)

    again = opened("llama")
    shard_model(again)
    other = Optimiser(OPTIM, again.trainable(), 3)
    take_up_optimiser(other, parts)
    assert other.done == 3
    assert all(torch.equal(tensor, state[name]) for name, tensor in other.tensors().items())
    assert step(again, other) == after
    check_alike(other.checksum, "weights")
    end_sharding(optimiser, ours.model)

    if is_first():
        alone = opened("llama")
        alone_optimiser = Optimiser(OPTIM, alone.trainable(), 3)
        take_up_optimiser(alone_optimiser, parts)
        (home / "whole").mkdir(), keep_optimiser(alone_optimiser, home / "whole")
        (home / "moments").mkdir(), optimiser.save_moments(home / "moments")
        take_up_optimiser(optimiser, parts, weights_alone=True)
        assert all(torch.equal(a, b) for a, b in zip(alone.trainable(), ours.trainable(), strict=True))
    from_first(lambda: None)
    third = opened("llama")
    shard_model(third)
    optimiser = Optimiser(OPTIM, third.trainable(), 3)
    take_up_optimiser(optimiser, home / "whole")
    assert all(torch.equal(tensor, state[name]) for name, tensor in optimiser.tensors().items())
    fourth = Optimiser(OPTIM, third.trainable(), 3)
    fourth.take_over_moments(home / "moments")
    shapes = {name: tensor.shape for name, tensor in fourth.tensors().items()}
    assert shapes == {name: tensor.shape for name, tensor in state.items()}


def stop() -> None:
    """A loss that is not finite in one process stops all of them, and no weight has moved."""
    causal = opened("llama")
    shard_model(causal)
    optimiser = Optimiser(OPTIM, causal.trainable(), 3)
    before = optimiser.checksum()
    answers = [TokenizedCompletion((1, 2), (3, 4), 0)]
    for batch in evened(causal, pack(causal, answers if not is_first() else [])):
        logprob_N = token_logprobs(causal, batch, batch.hidden(causal), entropy=False).logprob_N
        optimiser.add(logprob_N.sum() * (1.0 if is_first() else torch.nan))
    with pytest.raises(TrainingStopped, match="became nan"):
        optimiser.step()
    assert optimiser.checksum() == before


def stays_whole() -> None:
    """A model with layers of several dtypes is not dealt out, and a line says so."""
    causal = opened("llama")
    causal.model.to(torch.bfloat16)
    causal.model.model.layers[0].mlp.float()
    assert shard_model(causal) == {}


def main(home: Path) -> None:
    warnings.simplefilter("ignore")
    logging.basicConfig()
    with process_group() as launch:
        assert launch.count == 2, launch
        cases = [*CASES, "llama, bfloat16"]
        if launch.is_first:
            EXPECTED.update({case: Expected(case) for case in cases})
            with sharing(Task()):
                everything(cases, home)
        else:
            logging.getLogger("accord").setLevel(logging.ERROR)
            next_task()
            everything(cases, home)
            next_task()  # there is none


def everything(cases: list[str], home: Path) -> None:
    for case in cases:
        compare(case)
    keep_and_take_up(home)
    stop()
    stays_whole()


if __name__ == "__main__":
    main(Path.cwd())
