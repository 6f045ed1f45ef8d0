"""Compiled kernels against plain torch, and what becomes of a machine without a compiler."""

import os
import subprocess
import sys
from ctypes import CDLL
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.functional import rms_norm, silu
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from accord.lm.generate import generate
from accord.lm.loading import wrap
from accord.lm.native import build
from accord.lm.native.kernels import DRAW_BLOCK, Kernels, LinearLayers, kernels_for
from accord.lm.native_decoder import NativeDecoder, multiplies
from accord.lm.tiny import tiny_tokenizer
from accord.lm.token_sampling import sample_tokens
from accord.records import Sampling
from families import COMMON, MODELS, ours
from families import drawn as model_of

needs_compiler = pytest.mark.skipif(build.compiled().functions is None, reason=build.compiled().about)
DTYPES = [torch.float32, torch.bfloat16]
TOLERANCE = {torch.float32: 2e-6, torch.bfloat16: 6e-3}  # of the norm; bfloat16 rounds by .004 at most


def kernels(dtype: torch.dtype) -> Kernels:
    found = kernels_for(dtype)
    assert found is not None, build.compiled().about
    return found


def drawn(seed: int, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


def off(found: Tensor, wanted: Tensor) -> float:
    return float((found.double() - wanted.double()).norm() / wanted.double().norm())


@needs_compiler
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("width", [1, 7, 16, 576, 1001])
def test_norm_and_gate_are_those_of_torch(dtype: torch.dtype, width: int) -> None:
    x_aD, weight_D = 30 * drawn(width, 5, 2 * width, dtype=dtype), drawn(1, 2 * width, dtype=dtype)
    wanted = rms_norm(x_aD.double(), (2 * width,), weight_D.double(), 1e-5)
    assert off(kernels(dtype).normed(x_aD, weight_D, 1e-5), wanted) < TOLERANCE[dtype]
    gate_aI, up_aI = x_aD.double().chunk(2, -1)
    assert off(kernels(dtype).gated(x_aD), silu(gate_aI) * up_aI) < TOLERANCE[dtype]


@needs_compiler
def test_what_is_no_number_stays_none_and_what_is_great_stays_great() -> None:
    for dtype in DTYPES:
        strange_X = torch.tensor([torch.nan, -torch.nan, -torch.inf, torch.inf, 1e30, -1e30, 0.0, -89.0], dtype=dtype)
        found_X = kernels(dtype).gated(torch.cat([strange_X, torch.ones(8, dtype=dtype)])[None])[0]
        assert found_X.isfinite().tolist() == [False] * 4 + [True] * 4
        torch.testing.assert_close(found_X[3:].double(), silu(strange_X[3:].double()), atol=1e-7, rtol=0.01)


@needs_compiler
@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    dtype=st.sampled_from(DTYPES),
    rows=st.one_of(st.integers(1, 20), st.sampled_from([64, 65, 130])),
    width=st.one_of(st.integers(1, 70), st.sampled_from([576, 1001])),
    sizes=st.lists(st.integers(1, 150), min_size=1, max_size=4),
    bias=st.booleans(),
    added=st.booleans(),
    threads=st.integers(1, 3),
    seed=st.integers(0, 1000),
)
def test_products_are_those_of_torch_and_of_each_row_alone(
    dtype: torch.dtype, rows: int, width: int, sizes: list[int], bias: bool, added: bool, threads: int, seed: int
) -> None:
    x_aD = drawn(seed, rows, width, dtype=dtype)
    modules = [nn.Linear(width, size, bias=bias and size % 2 == 0, dtype=dtype) for size in sizes]
    layers, add = LinearLayers(modules, dtype), drawn(seed + 1, rows, sum(sizes), dtype=dtype) if added else None
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        found = kernels(dtype).multiplied(x_aD, layers, add)
    finally:
        torch.set_num_threads(before)
    wanted = torch.cat([module.double()(x_aD.double()) for module in modules], 1)
    exact = wanted if add is None else wanted + add.double()
    scale = x_aD.double().norm(dim=1, keepdim=True) * max(1.0, width**-0.5)  # sums may cancel to almost nothing
    assert ((found.double() - exact).abs() <= TOLERANCE[dtype] * (scale + exact.abs())).all()
    alone = [
        kernels(dtype).multiplied(x_D[None], layers, add if add is None else add[[i]]) for i, x_D in enumerate(x_aD)
    ]
    assert torch.equal(found, torch.cat(alone))


@needs_compiler
@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    dtype=st.sampled_from(DTYPES),
    rows=st.integers(1, 5),
    vocabulary=st.one_of(st.integers(1, 30), st.sampled_from([255, 256, 257, 700])),
    gap=st.integers(0, 9),
    scale=st.sampled_from([0.0, 1.0, 30.0]),
    seed=st.integers(0, 1000),
)
def test_weights_of_tokens_are_those_of_the_softmax(
    dtype: torch.dtype, rows: int, vocabulary: int, gap: int, scale: float, seed: int
) -> None:
    """Rows may have gaps between them, as where ids are left out; a token that is never said has no weight."""
    logits_SV = (scale * drawn(seed, rows, vocabulary + gap)).to(dtype)[:, :vocabulary]
    logits_SV[:, vocabulary // 2] = -torch.inf if vocabulary > 1 else 0.0
    temperature_S = 0.25 + torch.rand(rows, generator=torch.Generator().manual_seed(seed))
    best_S, top_S, sum_SK = kernels(dtype).weighed(logits_SV, temperature_S)
    score_SV = logits_SV.double() / temperature_S[:, None]
    torch.testing.assert_close(logits_SV.gather(1, best_S[:, None])[:, 0], logits_SV.amax(1))
    torch.testing.assert_close(top_S.double(), score_SV.amax(1), atol=1e-6, rtol=1e-6)
    weight_SV = (score_SV - score_SV.amax(1, keepdim=True)).exp()
    wanted_SK = torch.stack([block.sum(1) for block in weight_SV.split(DRAW_BLOCK, 1)], 1)
    torch.testing.assert_close(sum_SK.double(), wanted_SK, atol=1e-5, rtol=1e-5)


@needs_compiler
def test_logits_that_are_no_numbers_weigh_none() -> None:
    logits_SV = torch.tensor([[0.0, torch.nan], [torch.nan, 0.0], [torch.inf, 0.0], [-torch.inf, -torch.inf]])
    _, top_S, sum_SK = kernels(torch.float32).weighed(logits_SV, torch.ones(4))
    assert not (top_S[:, None] + sum_SK.log()).isfinite().any()


@needs_compiler
def test_drawing_with_kernels_is_drawing_without() -> None:
    """The same tokens, but where a number falls on a bound to rounding; greedy rows and other temperatures too."""
    logits_SV = 3 * drawn(5, 400, 1000)
    samplings = [Sampling(temperature=(0.0, 0.5, 1.0, 1.7)[row % 4]) for row in range(400)]
    uniform_S = torch.linspace(0, 1 - 1e-9, 400, dtype=torch.float64)
    plain = sample_tokens(logits_SV, samplings, uniform_S)
    native = sample_tokens(logits_SV, samplings, uniform_S, kernels(torch.float32))
    same = plain.token_S == native.token_S
    assert int((~same).sum()) <= 2
    torch.testing.assert_close(plain.logprob_S[same], native.logprob_S[same], atol=2e-6, rtol=2e-6)
    torch.testing.assert_close(plain.total_S, native.total_S, atol=2e-6, rtol=2e-6)


@needs_compiler
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("family", ["llama", "qwen2", "qwen3"])
def test_all_layers_in_one_call_are_layers_by_parts(
    family: str, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bit by bit: with biases, and with norms of heads."""
    causal = wrap(model_of(MODELS[family]).to(dtype), tiny_tokenizer(), family)
    assert causal.native
    prompts, sampling = [[3, 4, 5, 6, 7], [8, 9]], Sampling(max_tokens=9, seed=2)
    if not multiplies(kernels(dtype)):
        pytest.skip("products are the library's here")
    whole = generate(causal, prompts, 3, sampling)
    monkeypatch.setattr(NativeDecoder, "_together", lambda *_: None)
    assert generate(causal, prompts, 3, sampling) == whole


UNLIKE: dict[str, Any] = {
    "one key head and a window": lambda sizes: MistralForCausalLM(
        MistralConfig(**sizes, num_attention_heads=5, num_key_value_heads=1, head_dim=12, sliding_window=8)
    ),
    "biases everywhere": lambda sizes: LlamaForCausalLM(
        LlamaConfig(**sizes, num_attention_heads=10, num_key_value_heads=2, attention_bias=True, mlp_bias=True)
    ),
    "windows in some layers": lambda sizes: Qwen2ForCausalLM(
        Qwen2Config(
            **sizes,
            num_attention_heads=5,
            num_key_value_heads=5,
            use_sliding_window=True,
            sliding_window=6,
            max_window_layers=2,
        )
    ),
    "another gate": lambda sizes: LlamaForCausalLM(
        LlamaConfig(**sizes, num_attention_heads=10, num_key_value_heads=5, hidden_act="gelu")
    ),
}
"""Models that no kernel was written on: widths that are no whole strips, and what a layer may have besides."""


@needs_compiler
@pytest.mark.parametrize("kind", UNLIKE)
def test_many_sequences_of_other_models_are_written_with_the_models_own_log_probabilities(kind: str) -> None:
    """More sequences than are multiplied at once, of 3 to 42 tokens and 20 more."""
    sizes = {**COMMON, "vocab_size": 258, "hidden_size": 100, "intermediate_size": 70, "num_hidden_layers": 3}
    causal = wrap(model_of(lambda: UNLIKE[kind](sizes)), tiny_tokenizer(), kind)
    assert causal.native, causal.refused
    prompts = [[(37 * i + 11 * j) % 250 for j in range(3 + i % 40)] for i in range(75)]
    written = generate(causal, prompts, 1, Sampling(max_tokens=20, seed=3), batch=75)
    for prompt, (sample,) in list(zip(prompts, written, strict=True))[::5]:
        with torch.no_grad():
            logits_TV = causal.model(torch.tensor([[*prompt, *sample.token_ids]])).logits[0, len(prompt) - 1 : -1]
        wanted_T = logits_TV.log_softmax(-1)[range(len(sample.token_ids)), list(sample.token_ids)]
        torch.testing.assert_close(torch.tensor(sample.logprobs), wanted_T, atol=1e-4, rtol=0)


@needs_compiler
def test_weights_are_read_where_they_lie() -> None:
    layer = nn.Linear(40, 3)
    layers, x_aD = LinearLayers([layer], torch.float32), drawn(0, 2, 40)
    with torch.no_grad():
        layer.weight.add_(1.0)
        torch.testing.assert_close(kernels(torch.float32).multiplied(x_aD, layers), layer(x_aD))
    with pytest.raises(ValueError, match="rows of 40 are multiplied"):
        kernels(torch.float32).multiplied(drawn(0, 2, 39), layers)


@needs_compiler
@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    dtype=st.sampled_from(DTYPES),
    sequences=st.integers(1, 4),
    key_heads=st.integers(1, 3),
    group=st.integers(1, 9),
    half=st.sampled_from([1, 4, 8, 12, 32, 40, 128]),
    room=st.integers(1, 200),
    window=st.sampled_from([None, 1, 2, 63, 64, 65, 100]),
    normed=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_attention_is_that_of_each_query_by_itself(
    dtype: torch.dtype,
    sequences: int,
    key_heads: int,
    group: int,
    half: int,
    room: int,
    window: int | None,
    normed: bool,
    seed: int,
) -> None:
    """Any number of heads, any width, any length, with rows of the cache that end where the memory ends."""
    width, heads = 2 * half, key_heads * (group + 2)
    qkv_aHD = 2 * drawn(seed, sequences, heads, width, dtype=dtype)
    keys = drawn(seed + 1, sequences + 1, key_heads, width, room, dtype=dtype)
    values = drawn(seed + 2, sequences + 1, key_heads, room, width, dtype=dtype)
    angle_aD = drawn(seed + 3, sequences, width)
    cos_aD, sin_aD = angle_aD.cos().to(dtype), angle_aD.sin().to(dtype)
    place_a = torch.randint(0, room, (sequences,), generator=torch.Generator().manual_seed(seed))
    for row, place in enumerate(place_a.tolist()):  # what was there before is nobody's business, whatever it is
        keys[row, :, :, place + 1 :] = torch.nan
        values[row, :, place + 1 :] = torch.nan
    norms = [(drawn(seed + 4 + i, width, dtype=dtype), 1e-6) for i in range(2)] if normed else []
    before = keys.clone(), values.clone()
    arguments: tuple[Any, ...] = (norms, cos_aD, sin_aD, place_a)
    found = kernels(dtype).attended(qkv_aHD, keys, values, *arguments, window=window, scaling=0.3)
    wanted = attended(qkv_aHD, keys.clone(), values.clone(), *arguments, window=window, scaling=0.3)
    assert off(found, wanted) < 2 * TOLERANCE[dtype]
    for row, place in enumerate(place_a.tolist()):
        assert torch.equal(values[row, :, place], qkv_aHD[row, -key_heads:])
        before[0][row, :, :, place], before[1][row, :, place] = keys[row, :, :, place], values[row, :, place]
    assert torch.equal(keys.nan_to_num(), before[0].nan_to_num())
    assert torch.equal(values.nan_to_num(), before[1].nan_to_num())


def attended(
    qkv_aHD: Tensor,
    keys: Tensor,
    values: Tensor,
    norms: list[tuple[Tensor, float]],
    cos_aD: Tensor,
    sin_aD: Tensor,
    place_a: Tensor,
    *,
    window: int | None,
    scaling: float,
) -> Tensor:
    """In float64, one query after the other; keys and values of the new token as the cache holds them."""
    key_heads, group = keys.shape[1], qkv_aHD.shape[1] // keys.shape[1] - 2
    rows = []
    for row, place in enumerate(place_a.tolist()):
        first = 0 if window is None else max(0, place + 1 - window)
        for head in range(key_heads * group):
            query = turned(qkv_aHD[row, head], norms[:1], cos_aD[row], sin_aD[row])
            key_head = head // group
            score = scaling * query @ keys[row, key_head, :, first : place + 1].double()
            rows.append(score.softmax(-1) @ values[row, key_head, first : place + 1].double())
        own = [
            turned(qkv_aHD[row, key_heads * group + k], norms[1:], cos_aD[row], sin_aD[row]) for k in range(key_heads)
        ]
        assert off(keys[row, :, :, place], torch.stack(own)) < TOLERANCE[keys.dtype]
    return torch.stack(rows).view(len(place_a), -1)


def turned(head_D: Tensor, norm: list[tuple[Tensor, float]], cos_D: Tensor, sin_D: Tensor) -> Tensor:
    plain_D = head_D.double()
    for weight_D, eps in norm:
        plain_D = rms_norm(plain_D, plain_D.shape, weight_D.double(), eps)
    return plain_D * cos_D.double() + plain_D.roll(len(plain_D) // 2, -1) * sin_D.double()


@needs_compiler
def test_threads_share_the_work_and_change_no_bit() -> None:
    def everything() -> list[Tensor]:
        one = kernels(torch.bfloat16)
        qkv, cos = drawn(1, 7, 15, 64, dtype=torch.bfloat16), drawn(2, 7, 64, dtype=torch.bfloat16)
        keys, values = drawn(3, 7, 3, 64, 96, dtype=torch.bfloat16), drawn(4, 7, 3, 96, 64, dtype=torch.bfloat16)
        places = torch.arange(20, 90, 10)
        context = one.attended(qkv, keys, values, [], cos, cos, places, window=None, scaling=0.1)
        return [context, keys, one.gated(qkv.flatten(1)), one.normed(qkv[0], cos[0], 1e-5)]

    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = everything()
        torch.set_num_threads(3)
        shared = everything()
    finally:
        torch.set_num_threads(before)
    assert all(map(torch.equal, alone, shared))


@needs_compiler
def test_tensors_of_another_kind_are_refused() -> None:
    with pytest.raises(ValueError, match=r"a contiguous torch\.float32 tensor on the CPU is needed"):
        kernels(torch.float32).gated(torch.zeros(2, 8, dtype=torch.bfloat16))
    with pytest.raises(ValueError, match="contiguous"):
        kernels(torch.float32).gated(torch.zeros(8, 2).mT)
    assert kernels_for(torch.float64) is None


@needs_compiler
def test_a_wrong_kernel_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = Kernels.normed
    monkeypatch.setattr(Kernels, "normed", lambda self, x, weight, eps: exact(self, x, weight, eps + 0.1))
    causal = ours("qwen3")
    assert (causal.by_hand, causal.native) == (True, False)


@needs_compiler
@pytest.mark.parametrize("family", ["llama", "qwen3"])
def test_what_is_written_is_what_is_written_without_kernels(family: str) -> None:
    causal = ours(family)
    assert causal.native
    prompts, sampling = [(1, 2, 3), (9,), (4, 5, 6, 7, 8, 9, 10)], Sampling(max_tokens=90, seed=2)
    texts = [
        [made.token_ids for group in generate(model, prompts, 3, sampling, batch=4) for made in group]
        for model in (causal, replace(causal, native=False))
    ]
    assert texts[0] == texts[1]


# -- compiling -------------------------------------------------------------------------------------------------


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder, and nothing compiled yet; what is compiled in this process is so in a moment."""
    monkeypatch.setattr(build, "FLAGS", ("-O0", *build.FLAGS[1:]))
    monkeypatch.setenv("ACCORD_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("CC", raising=False)
    return tmp_path / "cache" / "native"


def compiler_that(does: str, folder: Path) -> str:
    file = folder / "cc"
    file.write_text(f"#!/bin/sh\n{does}\n")
    file.chmod(0o755)
    return str(file)


@needs_compiler
def test_it_is_compiled_once_and_found_again(fresh: Path) -> None:
    assert build._compiled().functions is not None
    (made,) = fresh.glob("*/kernels.so")
    changed = made.stat().st_mtime_ns
    assert build._compiled().functions is not None
    assert [file.name for file in made.parent.iterdir()] == ["kernels.so"]
    assert made.stat().st_mtime_ns == changed


@needs_compiler
def test_a_damaged_file_is_said_and_compiled_again(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as unopened:
        unopened.setattr(build, "CDLL", lambda path: None)
        build._compiled()
    (made,) = fresh.glob("*/kernels.so")
    made.write_bytes(b"\x7fELF and no more")
    assert "gave nothing that can be used" in build._compiled().about
    assert isinstance(build._compiled().functions, CDLL)


@pytest.mark.parametrize(
    ("does", "why"),
    [
        ("exit 1", "gave nothing that can be used"),
        ('[ "$1" = --version ] && echo cc 1 || { echo "kernels.c: no such thing" >&2; exit 1; }', "no such thing"),
        ('[ "$1" = --version ] && echo cc 1; exit 0', "gave nothing that can be used"),
    ],
)
def test_a_compiler_that_fails_is_named(
    does: str, why: str, fresh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", compiler_that(does, tmp_path))
    library = build._compiled()
    assert library.functions is None
    assert why in library.about
    assert not list(fresh.glob("*/*")), "nothing half made is left"


def test_without_a_compiler_or_where_it_is_switched_off(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    assert build._compiled() == build.Library(None, "no C compiler was found (cc, gcc, clang, or CC)")
    monkeypatch.delenv("CC")
    monkeypatch.setenv("ACCORD_NATIVE", "off")
    assert build._compiled() == build.Library(None, "ACCORD_NATIVE is off")
    assert not fresh.exists()


@needs_compiler
@pytest.mark.parametrize(("limit", "hidden"), [("AVX512_CORE", True), ("avx512_core_bf16", False), ("", False)])
def test_instructions_for_bfloat16_may_be_hidden(limit: str, hidden: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", limit)
    assert ("-mno-avx512bf16" in build.instructions()) == hidden


@pytest.mark.parametrize("instructions", [pytest.param("avx2", marks=pytest.mark.slow), "default"])
def test_other_instructions_have_kernels_of_their_own(instructions: str, fresh: Path) -> None:
    """A processor plays an older one; the model's own numbers decide there, too."""
    script = """
import sys
from accord.lm.native import build
from families import COMMON, MODELS, ours
from families import drawn as model_of
build.FLAGS = ("-O0", *build.FLAGS[1:])  # compiled in a moment
print(build.compiled().about)
sys.exit(0 if ours("qwen3").native else 1)
"""
    environment = {**os.environ, "ATEN_CPU_CAPABILITY": instructions}
    environment["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parents[1]), environment.get("PYTHONPATH", "")])
    result = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert ("-mno-avx512f" in result.stdout) == (instructions == "avx2" and "-march" in result.stdout)
