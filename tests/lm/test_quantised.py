"""Adapters over weights in four bits: what is saved is what was trained, wherever it is opened; the base stays."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from accord import extras
from accord.errors import MissingExtraError, ModelError
from accord.lm.adapters import LoRA
from accord.lm.causal import CausalModel
from accord.lm.layers import layers_of
from accord.lm.loading import load
from accord.lm.logprobs import completion_logprobs
from accord.lm.quantised import dequantise, quantise, quantised_in
from accord.lm.settings import ModelSettings
from accord.lm.tiny import tiny_tokenizer
from accord.lm.writer import ModelWriter
from accord.policy import SFT
from accord.policy.materials import SupervisedExample
from accord.records import Completion, Prompt, Sampling
from accord.run import RunDirectory
from accord.train.optimiser import Optim
from families import plain

PROMPTS, ANSWERS = [[1, 2, 3], [4, 5]], [[7, 8, 9], [10, 11]]
NF4 = LoRA(rank=4, quantised="nf4")


@pytest.fixture
def bitsandbytes() -> None:
    if extras.missing(extras.QUANTISED):
        pytest.skip("bitsandbytes (the extra `quantised`) is not installed")


def saved(family: str, folder: Path) -> Path:
    plain(family).save_pretrained(folder / "base")
    tiny_tokenizer().save_pretrained(folder / "base")
    return folder / "base"


def logprobs(causal: CausalModel) -> torch.Tensor:
    return torch.cat(completion_logprobs(causal, PROMPTS, ANSWERS))


@pytest.mark.usefixtures("bitsandbytes")
@pytest.mark.parametrize("family", ["llama", "qwen2", "gemma2"])
def test_what_is_opened_again_is_what_was_trained(family: str, tmp_path: Path) -> None:
    base = saved(family, tmp_path)
    causal = ModelSettings(dtype="float32", lora=NF4).open(base, train=True)
    query: Any = layers_of(causal)[0].self_attn
    layer = query.q_proj.base_layer
    assert layer.weight.dtype == torch.uint8
    assert layer.weight.nbytes == layer.in_features * layer.out_features / 2
    assert all("lora_" in name for name, each in causal.model.named_parameters() if each.requires_grad)
    generator = torch.Generator().manual_seed(0)
    for name, each in causal.model.named_parameters():
        if "lora_B" in name:
            each.data.copy_(torch.randn(each.shape, generator=generator) * 0.05)
    trained, rounded, whole = logprobs(causal), logprobs(causal.without_adapters()), logprobs(load(base))
    assert 0.01 < float((rounded - whole).abs().max()) < 1.0
    causal.save(tmp_path / "adapters")
    assert quantised_in(tmp_path / "adapters")
    assert (tmp_path / "adapters/adapter_model.safetensors").is_file()
    torch.testing.assert_close(logprobs(load(tmp_path / "adapters")), trained, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(logprobs(load(tmp_path / "adapters", merge=True)), trained, atol=1e-5, rtol=1e-5)
    causal.save(tmp_path / "merged", merge=True)
    assert not quantised_in(tmp_path / "merged")
    assert {each.dtype for each in load_file(tmp_path / "merged/model.safetensors").values()} == {torch.float32}
    torch.testing.assert_close(logprobs(load(tmp_path / "merged")), trained, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(logprobs(load(base)), whole, atol=0, rtol=0)


@pytest.mark.usefixtures("bitsandbytes")
@pytest.mark.parametrize("width", [2, 30, 32, 64, 96, 100, 128, 192])
def test_weights_are_the_nearest_of_the_sixteen_whatever_the_width(width: int) -> None:
    """By hand: of each 64 numbers the largest is the scale (itself in eight bits), and the rest are codes of it."""
    generator = torch.Generator().manual_seed(width)
    model = TinyHolder(width)
    weight_OI = torch.randn(16, width, generator=generator)
    model.inner.weight.data.copy_(weight_OI)
    quantise(model, "cpu")
    layer: Any = model.inner
    x_NI = torch.randn(3, width, generator=generator, requires_grad=True)
    out_NO = layer(x_NI)
    (gradient_NI,) = torch.autograd.grad(out_NO.sum(), x_NI)
    code, padded = layer.weight.quant_state.code, torch.nn.functional.pad(weight_OI.flatten(), (0, -16 * width % 64))
    block_KB = padded.view(-1, 64)
    scale_K1 = block_KB.abs().amax(1, keepdim=True)
    near_KB = code[((block_KB / scale_K1)[:, :, None] - code).abs().argmin(2)] * scale_K1
    wanted_OI = near_KB.flatten()[: 16 * width].view(16, width)
    torch.testing.assert_close(out_NO, x_NI @ wanted_OI.T, atol=0.02 * width**0.5, rtol=0.01)
    torch.testing.assert_close(gradient_NI, wanted_OI.sum(0).expand(3, -1), atol=0.1, rtol=0.01)
    with torch.no_grad():
        torch.testing.assert_close(layer.eval()(x_NI), out_NO, atol=1e-5, rtol=1e-5)
    dequantise(model)
    torch.testing.assert_close(model.inner(x_NI), out_NO, atol=1e-5, rtol=1e-5)


class TinyHolder(nn.Module):
    """A linear layer as a model holds it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner: nn.Module = nn.Linear(width, 16, bias=False)
        self.config = SimpleNamespace(model_type="llama")

    def get_output_embeddings(self) -> None:
        """There are none."""


@pytest.mark.usefixtures("bitsandbytes")
def test_a_stage_learns_writes_and_goes_on(tmp_path: Path) -> None:
    """In two goes, with layers that are computed again and moments in 8 bits, bit for bit what one go makes."""
    base = saved("llama", tmp_path)
    examples = [SupervisedExample(Prompt.ask("a"), Completion(prompt="p", text="b" * (3 + n))) for n in range(12)]
    settings = SFT(
        base=str(base),
        dtype="float32",
        lora=NF4,
        checkpointing=True,
        batch_size=4,
        epochs=3,
        save_every=2,
        optim=Optim(lr=2e-2, warmup_steps=0, moments="8bit"),
    )
    models, losses = [], []
    for name, first in (("whole", 0), ("broken", 5)):
        with RunDirectory.create(tmp_path / name) as run:
            for _, step in zip(range(first), settings.train_on(examples, run), strict=False):
                assert step.step <= 5
            losses.append([step.metrics.loss for step in settings.train_on(examples, run)])
            folder = run.verified("sft/model")
        models.append(load_file(folder / "adapter_model.safetensors"))
        assert ModelWriter(load(folder)).write([Prompt.ask("a")], 1, Sampling(max_tokens=4, seed=1))
    assert len(losses[1]) < len(losses[0]) == 9
    assert losses[0][-1] < 0.7 * losses[0][0]
    assert all(torch.equal(models[0][name], models[1][name]) for name in models[0])


@pytest.mark.usefixtures("bitsandbytes")
def test_a_model_without_linear_layers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no linear layers to round; leave lora\.quantised out"):
        ModelSettings(dtype="float32", lora=NF4).open(saved("gpt2", tmp_path), train=True)


def test_without_the_extra_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "_is_there", lambda module: False)
    with pytest.raises(MissingExtraError, match=r"quantised = \"nf4\" takes the extra 'quantised'"):
        ModelSettings(dtype="float32", lora=NF4).open("tiny", train=True)
