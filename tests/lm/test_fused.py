"""Fused layers: blocks of weights that stay parameters, gradients checked numerically, nothing left behind."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch

from accord.lm.adapters import LoRA, add_lora
from accord.lm.fused import _MLP, _Attention, _block, _Gated, _Norm, _Normed, _Projected, _Turned, fuse, unfuse
from accord.lm.layers import layers_of
from accord.lm.loading import load
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


def test_layers_with_adapters_use_their_own_code_and_merge() -> None:
    adapted = add_lora(ours("llama"), LoRA(rank=2), seed=1)
    with torch.no_grad():
        for name, weight in adapted.model.named_parameters():
            if "lora_B" in name:
                weight.fill_(0.05)
    wanted = adapted.model(IDS).logits
    torch.testing.assert_close(adapted.merged().model(IDS).logits, wanted, atol=1e-4, rtol=1e-4)


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
