"""Fewer layers, and fewer trained ones."""

from pathlib import Path

import pytest
import torch

from accord.errors import ModelError
from accord.lm.adapters import LoRA
from accord.lm.layers import cut_layers, freeze_below, layers_of
from accord.lm.loading import load
from accord.lm.settings import ModelSettings
from families import PACKING, ours

IDS = torch.tensor([[5, 6, 7, 8]])


@pytest.mark.parametrize("family", PACKING)
def test_a_cut_model_is_read_after_its_last_layer_and_opens_again(family: str, tmp_path: Path) -> None:
    causal = ours(family)
    whole = causal.model(IDS, output_hidden_states=True).hidden_states
    cut_layers(causal, 1)
    norm = next(module for name, module in causal.model.named_modules() if name.endswith((".norm", ".ln_f")))
    torch.testing.assert_close(causal.hidden(input_ids=IDS), norm(whole[1]), atol=1e-5, rtol=1e-4)
    causal.save(tmp_path / "cut")
    again = load(tmp_path / "cut")
    assert len(layers_of(again)) == 1
    torch.testing.assert_close(again.hidden(input_ids=IDS), causal.hidden(input_ids=IDS))


@pytest.mark.parametrize("family", PACKING)
def test_frozen_layers_get_no_gradient_and_the_others_their_own(family: str) -> None:
    causal, free = ours(family), ours(family)
    freeze_below(causal, 1)
    for each in (causal, free):
        each.hidden(input_ids=IDS).square().sum().backward()
    last = layers_of(causal)[-1]
    frozen = {id(weight) for weight in causal.model.parameters()} - {id(weight) for weight in last.parameters()}
    theirs = dict(free.model.named_parameters())
    trained = 0
    for name, weight in causal.model.named_parameters():
        if weight.grad is None:
            assert id(weight) in frozen
        else:
            torch.testing.assert_close(weight.grad, theirs[name].grad, atol=1e-5, rtol=1e-4)
            trained += 1
    assert trained >= sum(1 for _ in last.parameters())
    assert all(weight.grad is None for weight in layers_of(causal)[0].parameters())


def test_adapters_of_frozen_layers_are_frozen_too() -> None:
    causal = ModelSettings(dtype="float32", trained_layers=1, lora=LoRA(rank=2)).open("tiny", train=True)
    trained = [name for name, weight in causal.model.named_parameters() if weight.requires_grad]
    assert trained
    assert all("layers.1." in name and "lora" in name for name in trained)


def test_layers_that_are_not_there() -> None:
    for made in (lambda: cut_layers(load("tiny"), 3), lambda: freeze_below(load("tiny"), 3)):
        with pytest.raises(ModelError, match="tiny has 2 layers, not 3"):
            made()
