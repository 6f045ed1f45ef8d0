"""Frozen layers that a policy and its reference share: the numbers of separate passes, in any order."""

import copy
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from accord.lm import frozen_prefix
from accord.lm.adapters import LoRA, add_lora
from accord.lm.causal import CausalModel
from accord.lm.frozen_prefix import forget_prefix, share_prefix
from accord.lm.layers import freeze_below, layers_of
from accord.lm.logprobs import token_logprobs
from accord.lm.packed import TokenizedCompletion, pack
from accord.lm.recomputation import recompute_layers
from families import MODELS, ours

TEXTS = [((1, 2, 3), (7, 8, 9)), ((1, 2, 3), (10,)), ((4, 5), (11, 12)), ((6,), (3, 3, 3, 3))]
ANSWERS = [TokenizedCompletion(prompt, completion, key) for key, (prompt, completion) in enumerate(TEXTS)]


def read(causal: CausalModel, answers: list[TokenizedCompletion], row_tokens: int) -> Tensor:
    """The log-probability of each of the answers."""
    total_A = torch.zeros(len(answers))
    for batch in pack(causal, [replace(each, key=n) for n, each in enumerate(answers)], row_tokens=row_tokens):
        logprob_N = token_logprobs(causal, batch, batch.hidden(causal), entropy=False).logprob_N
        total_A = total_A.index_add(0, torch.tensor(batch.keys)[batch.owner_N], logprob_N)
    return total_A


@contextmanager
def counted(causal: CausalModel) -> Iterator[list[int]]:
    """How often the first layer computes inside the block."""
    counts: list[int] = []
    hook = next(layers_of(causal)[0].children()).register_forward_hook(lambda *_: counts.append(1))
    yield counts
    hook.remove()


def numbers(policy: CausalModel, reference: CausalModel) -> list[Tensor]:
    """What a step reads of a policy that has moved: both models in one layout, the policy's graph in another, again."""
    forget_prefix(policy)
    with torch.no_grad():
        found = [read(policy, ANSWERS, 12), read(reference, ANSWERS, 12)]
    loss_A = read(policy, ANSWERS[::-1][:3], 5)
    gradients = torch.autograd.grad((loss_A * torch.arange(3).cos()).sum(), policy.trainable(), allow_unused=True)
    return [*found, loss_A.detach(), *(each for each in gradients if each is not None)]


def moved(policy: CausalModel) -> None:
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in policy.trainable():
            weight.add_(torch.randn(weight.shape, generator=generator) * 0.05)


@pytest.mark.filterwarnings("ignore:bloom. its attention cannot be reached")
@pytest.mark.parametrize("how", ["last layer", "adapters", "recomputed"])
@pytest.mark.parametrize("family", MODELS)
def test_numbers_and_gradients_are_those_of_separate_passes(family: str, how: str) -> None:
    policy = ours(family)
    if how == "adapters":
        policy = add_lora(policy, LoRA(rank=2), layers=1)
        assert not [name for name, _ in policy.model.named_parameters() if "lora_" in name and ".0." in name]
    freeze_below(policy, 1)
    if family == "bloom":
        policy.model.transformer.word_embeddings_layernorm.requires_grad_(False)
    if how == "recomputed":
        recompute_layers(policy)
    reference = policy.without_adapters() if policy.has_adapters else ours(family)
    moved(policy)
    with counted(policy) as counts:
        wanted = numbers(policy, reference)
        apart = len(counts) + (0 if policy.has_adapters else 1)
        share_prefix(policy, reference)
        assert policy.prefix is not None
        assert policy.prefix is reference.prefix
        assert layers_of(policy)[0] is layers_of(reference)[0]
        counts.clear()
        found = numbers(policy, reference)
    assert len(counts) < apart
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)
    twin = copy.deepcopy(policy.model)
    torch.testing.assert_close(twin(torch.tensor([[1, 2]])).logits, policy.model(torch.tensor([[1, 2]])).logits)


def test_what_is_trained_from_the_first_layer_on_or_began_elsewhere_shares_nothing() -> None:
    whole, elsewhere = ours("llama"), ours("llama", seed=1)
    share_prefix(whole, ours("llama"))
    freeze_below(whole, 1)
    share_prefix(whole, elsewhere)
    assert whole.prefix is elsewhere.prefix is None
    adapted = add_lora(ours("llama"), LoRA(rank=2))
    share_prefix(adapted, adapted.without_adapters())
    assert adapted.prefix is None


def test_a_family_whose_layers_carry_more_than_states_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """The last layer reads what the first one left behind, as where layers share keys and values."""
    policy, left = ours("llama"), {}
    first, last = layers_of(policy)
    first.mlp.register_forward_hook(lambda _, inputs, output: left.update(inner=output) or None)
    last.register_forward_pre_hook(lambda _, inputs: (inputs[0] + left["inner"], *inputs[1:]))
    reference = replace(policy, model=copy.deepcopy(policy.model))
    freeze_below(policy, 1)
    kinds = [type(layer) for layer in layers_of(policy)]
    with caplog.at_level(logging.WARNING, logger="accord"):
        share_prefix(policy, None)
    assert policy.prefix is None
    assert "frozen layers are computed anew in each pass" in caplog.text
    assert [type(layer) for layer in layers_of(policy)] == kinds
    assert reference.prefix is None


def test_dropout_in_frozen_layers_is_drawn_anew_and_states_stay_within_their_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    form: dict[str, Any] = {"attn_pdrop": 0.5, "resid_pdrop": 0.5, "embd_pdrop": 0.5}
    policy = ours("gpt2")
    for module in policy.model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = form["attn_pdrop"]
    freeze_below(policy, 1)
    share_prefix(policy, None)
    calm = read(policy, ANSWERS, 12)
    policy.model.train()
    assert not torch.allclose(read(policy, ANSWERS, 12), read(policy, ANSWERS, 12))
    policy.model.eval()
    torch.testing.assert_close(read(policy, ANSWERS, 12), calm)
    monkeypatch.setattr(frozen_prefix, "MOST_BYTES", 1)
    other = ours("gpt2")
    freeze_below(other, 1)
    share_prefix(other, None)
    with counted(other) as counts:
        for _ in range(2):
            torch.testing.assert_close(read(other, ANSWERS, 12), calm)
    assert len(counts) == 2 * len(pack(other, ANSWERS, row_tokens=12))
