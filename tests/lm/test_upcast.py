"""Whether a model packs is found out in float32: coarse rounding is no reason against it, a wrong structure is."""

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from accord.lm import attention, fused
from accord.lm.adapters import LoRA, add_lora
from accord.lm.causal import CausalModel
from accord.lm.loading import load, wrap
from accord.lm.tiny import tiny_tokenizer
from accord.lm.upcast import in_float32
from families import MODELS, PACKING, plain

IDS = torch.tensor([[1, 2, 3, 4, 5]])


def narrow(family: str) -> Any:
    return plain(family).to(torch.bfloat16)


def packs(model: Any) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return wrap(model, tiny_tokenizer(), "narrow").packs


@pytest.mark.parametrize("family", MODELS)
def test_a_family_packs_in_bfloat16_where_it_packs_in_float32(family: str) -> None:
    assert packs(narrow(family)) == (family in PACKING)


@pytest.mark.parametrize("everywhere", [True, False])
@pytest.mark.parametrize("family", ["llama", "qwen3", "gpt2"])
def test_rounding_is_held_against_the_models_own(
    family: str, everywhere: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A processor whose products of bfloat16 are a third off, and no two of its ways of computing agree.

    Where the model itself is rounded as coarsely, that is no other structure; where the fast path alone is, it is not
    taken.
    """
    generator = torch.Generator().manual_seed(0)

    def coarse(exact: Any) -> Any:
        def rounded(*everything: Any, **named: Any) -> tuple[Tensor, None]:
            read, _ = exact(*everything, **named)
            noise = 1 + torch.randn(read.shape, generator=generator) / 3
            return (read * noise.to(read.dtype) if read.dtype == torch.bfloat16 else read), None

        return rounded

    if everywhere:
        monkeypatch.setitem(ALL_ATTENTION_FUNCTIONS, "sdpa", coarse(ALL_ATTENTION_FUNCTIONS["sdpa"]))
    ours = coarse(attention.attend)
    monkeypatch.setattr(attention, "attend", ours)
    monkeypatch.setattr(fused, "attend", ours)
    assert packs(narrow(family)) == everywhere


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("family", ["llama", "qwen3", "gpt2"])
def test_a_slightly_wrong_structure_is_refused(
    family: str, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scores of attention a fiftieth too large: less than bfloat16 rounds by."""
    exact = attention.attend

    def wrong(module: Any, query: Tensor, *others: Any, **named: Any) -> tuple[Tensor, None]:
        return exact(module, query * 1.02, *others, **named)

    monkeypatch.setattr(attention, "attend", wrong)
    monkeypatch.setattr(fused, "attend", wrong)
    assert not packs(plain(family).to(dtype))


def test_numbers_that_overflow_only_in_bfloat16_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = attention.attend

    def overflows(*everything: Any, **named: Any) -> tuple[Tensor, None]:
        read, _ = exact(*everything, **named)
        return (read / 0 if read.dtype == torch.bfloat16 else read), None

    monkeypatch.setattr(attention, "attend", overflows)
    assert not packs(narrow("gpt2"))


@pytest.mark.parametrize("family", ["llama", "qwen2", "qwen3", "gpt2"])
def test_inside_it_computes_as_a_float32_copy_and_afterwards_as_before(family: str) -> None:
    model, copy = narrow(family), narrow(family).float()
    causal = CausalModel(model, tiny_tokenizer(), family)
    weights = {name: (weight.data_ptr(), weight.clone()) for name, weight in model.named_parameters()}
    before = causal.hidden(input_ids=IDS)
    with torch.no_grad(), in_float32(causal.backbone, model.get_input_embeddings(), causal.layers):
        inside = causal.hidden(input_ids=IDS)
    assert torch.equal(inside, CausalModel(copy, tiny_tokenizer(), family).hidden(input_ids=IDS))
    assert torch.equal(causal.hidden(input_ids=IDS), before)
    for name, weight in model.named_parameters():
        place, value = weights[name]
        assert weight.data_ptr() == place, name
        assert torch.equal(weight, value), name


def test_weights_come_back_where_a_layer_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    model = narrow("llama")
    monkeypatch.setattr(model.model.layers[1].mlp, "forward", lambda x: x @ x)
    causal = CausalModel(model, tiny_tokenizer(), "fails")
    with pytest.raises(RuntimeError), torch.no_grad(), in_float32(causal.backbone, model.model.embed_tokens, 2):
        causal.hidden(input_ids=IDS)
    assert {weight.dtype for weight in model.parameters()} == {torch.bfloat16}


def test_adapters_over_bfloat16_pack(tmp_path: Path) -> None:
    load("tiny").save(tmp_path / "base")
    add_lora(load(tmp_path / "base"), LoRA(rank=4)).save(tmp_path / "adapter")
    adapted = load(tmp_path / "adapter", dtype="bfloat16")
    assert adapted.has_adapters
    assert adapted.packs
