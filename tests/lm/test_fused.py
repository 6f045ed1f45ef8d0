"""Fused layers: blocks of weights that stay parameters, gradients checked numerically, nothing left behind."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch

from accord.lm.adapters import LoRA, add_lora
from accord.lm.causal import CausalModel
from accord.lm.fused import (
    _MLP,
    _Attention,
    _block,
    _Gated,
    _GatedProduct,
    _Norm,
    _Normed,
    _Projected,
    _Turned,
    fuse,
    unfuse,
)
from accord.lm.fused_adapters import _Adapted, _FusedAdapter, unfuse_adapters
from accord.lm.layers import layers_of
from accord.lm.loading import load, wrap
from accord.lm.products import multiply
from accord.lm.tiny import tiny_tokenizer
from accord.train.optimiser import Optim, Optimiser
from families import ours, plain

IDS = torch.tensor([[5, 6, 7, 8], [9, 3, 2, 1]])


def drawn(*shape: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(sum(shape))
    return torch.randn(*shape, dtype=torch.float64, generator=generator).requires_grad_()


def test_gradients_against_differences() -> None:
    """In float64; the norm computes in float32 inside and is held against autograd instead."""
    gate, up, down = drawn(7, 5), drawn(7, 5), drawn(4, 7)
    assert torch.autograd.gradcheck(
        lambda x, g, u, d: _Gated.apply(x, g, u, d, torch.cat([g, u]).detach()), (drawn(3, 5), gate, up, down)
    )
    weights, biases = (drawn(2, 5), drawn(3, 5)), (drawn(2), drawn(3))
    assert torch.autograd.gradcheck(
        lambda x, v, w, a, b: _Projected.apply(x, v, w, a, b, torch.cat([v, w]).detach()),
        (drawn(6, 5), *weights, *biases),
    )
    angle = drawn(1, 3, 1, 4).detach()
    angle = torch.cat([angle, angle], -1)
    assert torch.autograd.gradcheck(lambda x: _Turned.apply(x, angle.cos(), angle.sin()), (drawn(2, 3, 2, 8),))


def test_the_norm_against_autograd() -> None:
    x, weight = drawn(3, 8).float().detach().requires_grad_(), drawn(8).float().detach().requires_grad_()
    wanted = weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5))
    found = _Normed.apply(x, weight, 1e-5)
    torch.testing.assert_close(found, wanted)
    side = torch.linspace(-1, 2, 24).view(3, 8)
    for one, other in zip(*(torch.autograd.grad((y * side).sum(), (x, weight)) for y in (found, wanted)), strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


def test_weights_are_views_of_a_block_and_move_with_the_optimiser() -> None:
    causal = ours("llama")
    causal.model.train()
    before = causal.hidden(input_ids=IDS)
    mlp: Any = layers_of(causal)[0].mlp
    assert isinstance(mlp, _MLP)
    block = _block(mlp, mlp.gate_proj, mlp.up_proj)
    assert block is not None
    assert block.data_ptr() == mlp.gate_proj.weight.data_ptr()
    optimiser = Optimiser(Optim(lr=1e-2, warmup_steps=0), causal.trainable(), 3)
    optimiser.add(before.square().mean())
    optimiser.step()
    after = causal.hidden(input_ids=IDS)
    assert not torch.allclose(before, after)
    theirs = plain("llama")
    theirs.load_state_dict(causal.model.state_dict())
    torch.testing.assert_close(theirs.model(IDS).last_hidden_state, after, atol=1e-5, rtol=1e-4)


def test_copies_saved_models_and_other_types_are_whole(tmp_path: Path) -> None:
    causal = ours("qwen3")
    wanted = causal.hidden(input_ids=IDS)
    causal.save(tmp_path / "model")
    torch.testing.assert_close(load(tmp_path / "model").hidden(input_ids=IDS), wanted)
    twin = copy.deepcopy(causal.model)
    with torch.no_grad():
        for weight in causal.model.parameters():
            weight.zero_()
    torch.testing.assert_close(twin(IDS).logits, load(tmp_path / "model").model(IDS).logits)
    causal = load(tmp_path / "model")
    causal.model.to(torch.bfloat16)
    assert float((causal.hidden(input_ids=IDS).float() - wanted).detach().abs().max()) < 0.2


def adapters_of(family: str, dtype: torch.dtype = torch.float32) -> CausalModel:
    """A family with adapters that add something."""
    adapted = add_lora(wrap(plain(family).to(dtype), tiny_tokenizer(), family), LoRA(rank=2), seed=1)
    with torch.no_grad():
        for name, weight in adapted.model.named_parameters():
            if "lora_B" in name:
                weight.copy_(torch.arange(weight.numel()).cos().view_as(weight) * 0.2)
    return adapted


@pytest.mark.parametrize("family", ["llama", "qwen2", "qwen3", "gemma2", "gpt2"])
def test_adapters_in_the_projections_are_pefts_own_switched_off_and_merged_too(family: str) -> None:
    """GPT-2's layers are no plain linear ones, and stay peft's."""
    adapted = adapters_of(family)
    fused = sum(isinstance(module, _FusedAdapter) for module in adapted.model.modules())
    assert (fused > 0) == (family != "gpt2")

    def numbers() -> list[torch.Tensor]:
        hidden = adapted.hidden(input_ids=IDS)
        loss = (hidden * torch.arange(hidden.numel()).cos().view_as(hidden)).sum()
        off = adapted.without_adapters().hidden(input_ids=IDS)
        return [hidden, off, *torch.autograd.grad(loss, adapted.trainable())]

    found = numbers()
    torch.testing.assert_close(adapted.merged().hidden(input_ids=IDS), found[0], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(adapted.without_adapters().merged().hidden(input_ids=IDS), found[1])
    unfuse_adapters(adapted.model)
    for one, other in zip(found, numbers(), strict=True):
        torch.testing.assert_close(one, other, atol=2e-5 * float(other.detach().abs().max()), rtol=1e-4)


def test_adapters_on_some_projections_on_biased_ones_and_in_numbers() -> None:
    """Gradients against differences, in float64: of three projections, the second without an adapter."""
    low = [drawn(2, 5), None, drawn(1, 5), drawn(3, 2), None, drawn(4, 1)]
    block, bias, form = drawn(9, 5).detach(), drawn(9).detach(), ((3, 2, 4), (2.0, 1.0, 0.5))
    given = [each for each in low if each is not None]

    def projected(x: torch.Tensor, *some: torch.Tensor) -> torch.Tensor:
        left = iter(some)
        found: torch.Tensor = _Adapted.apply(
            x, block, bias, form, *(each if each is None else next(left) for each in low)
        )
        return found

    assert torch.autograd.gradcheck(projected, (drawn(6, 5), *given))
    assert torch.autograd.gradcheck(_GatedProduct.apply, (drawn(4, 6),))


def test_what_adapters_add_in_their_first_steps_is_not_lost_in_bfloat16() -> None:
    """A change far smaller than what can be told of the sum: on average of many tokens it is there all the same."""
    generator = torch.Generator().manual_seed(0)
    x, block = (torch.randn(*size, generator=generator) for size in ((4096, 32), (16, 32)))
    down, up = torch.randn(1, 32, generator=generator), torch.full((16, 1), 3e-4)
    narrow = [each.to(torch.bfloat16) for each in (x, block, down, up)]
    x, block, down, up = (each.float() for each in narrow)
    change = (x @ down.mT) @ up.mT
    form = ((16,), (1.0,))
    plainly = multiply(narrow[0], narrow[1].mT)
    moved = {
        "once": _Adapted.apply(narrow[0], narrow[1], None, form, *narrow[2:]),
        "twice": plainly + change.to(torch.bfloat16),
    }
    share = {
        name: float(((each - plainly).float() * change).sum() / change.square().sum()) for name, each in moved.items()
    }
    assert share["once"] == pytest.approx(1.0, abs=0.2)
    assert share["twice"] < 0.5


def test_adapters_are_in_the_models_dtype_and_what_is_saved_is_what_was_trained(tmp_path: Path) -> None:
    plain("llama").save_pretrained(tmp_path / "base")
    tiny_tokenizer().save_pretrained(tmp_path / "base")
    adapted = add_lora(load(tmp_path / "base", dtype="bfloat16"), LoRA(rank=2), seed=1)
    assert {weight.dtype for weight in adapted.trainable()} == {torch.bfloat16}
    optimiser = Optimiser(Optim(lr=1e-2, warmup_steps=0), adapted.trainable(), 3)
    optimiser.add(adapted.hidden(input_ids=IDS).square().mean())
    optimiser.step()
    masters = [each for name, each in optimiser.tensors().items() if name.startswith("master.")]
    assert {each.dtype for each in masters} == {torch.float32}
    for weight, master in zip(adapted.trainable(), masters, strict=True):
        assert torch.equal(weight, master.to(torch.bfloat16))
    adapted.save(tmp_path / "adapters")
    again = load(tmp_path / "adapters", dtype="bfloat16")
    assert torch.equal(again.hidden(input_ids=IDS), adapted.hidden(input_ids=IDS))
    merged = load(tmp_path / "adapters", dtype="bfloat16", merge=True)
    assert torch.equal(merged.hidden(input_ids=IDS), adapted.merged().hidden(input_ids=IDS))


def test_fusing_can_be_undone() -> None:
    model = plain("qwen2")
    kinds = [type(module) for module in model.modules()]
    fuse(model)
    assert any(isinstance(module, _Attention) for module in model.modules())
    assert any(isinstance(module, _Norm) for module in model.modules())
    unfuse(model)
    assert [type(module) for module in model.modules()] == kinds


@pytest.mark.parametrize("family", ["gpt2", "gemma3"])
def test_other_families_stay_as_they_are(family: str) -> None:
    model = plain(family)
    kinds = [type(module) for module in model.modules()]
    fuse(model)
    assert [type(module) for module in model.modules()] == kinds
