"""By which paths a model is computed is said as it was found, with the reason of whatever was not taken."""

import pytest
import torch

from accord.lm import paths, proofs
from accord.lm.loading import load
from accord.lm.native.build import compiled
from accord.lm.native.proven import layer_kernels
from accord.lm.paths import paths_here, paths_of, telling_paths, told_paths
from families import ours


def test_what_was_taken_of_a_model_is_told_once() -> None:
    said: list[str] = []
    with telling_paths(said.append):
        first = load("tiny")
        load("tiny", seed=1)
        load("tiny", native=False)
    load("tiny", dtype="bfloat16")  # nobody listens
    assert len(said) <= 2, "models alike are told of once in a process"
    rows = {path.part: path for path in paths_of(first)}
    assert rows["rows"].choice == "shared, by grouped"
    assert rows["layers"].choice == ("fused, with kernels" if layer_kernels(torch.float32) else "fused")
    assert rows["decoder"].choice.partition(",")[0] == ("native" if compiled().functions else "fused")
    assert rows["kernels"].why == compiled().about
    assert {path for _, path in told_paths()} >= set(rows.values())


def test_what_is_left_out_says_why() -> None:
    decoder = next(path for path in paths_of(load("tiny", native=False)) if path.part == "decoder")
    assert str(decoder) == "decoder: fused (native is off)"
    other = {path.part: path for path in paths_of(ours("gpt2"))}
    assert "gpt2 is none of llama, mistral" in other["decoder"].why
    assert "no faster form" in other["layers"].why


def test_a_path_with_other_numbers_is_named_with_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """A planted fault: a decoder whose hidden states are a little off is refused, and it is said by how much."""
    step = proofs.FusedDecoder.step
    monkeypatch.setattr(proofs.FusedDecoder, "step", lambda *given: 1.01 * step(*given))
    decoder = next(path for path in paths_of(load("tiny", native=False)) if path.part == "decoder")
    assert decoder.choice == "the model's own modules"
    assert decoder.why.startswith("other numbers than each alone, by 0.0")


def test_what_is_known_before_a_model_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "_features", lambda: frozenset({"avx2"}))
    monkeypatch.setattr(paths, "compiler", lambda: None)
    monkeypatch.delenv(paths.SWITCH, raising=False)
    assert list(map(str, paths_here())) == [
        "kernels: none (no C compiler was found)",
        "products: of bfloat16 in float32 (this processor has no instructions for it)",
    ]
    monkeypatch.setattr(paths, "_features", lambda: frozenset({"avx512_bf16", "avx2"}))
    assert paths_here()[1].why == "avx512_bf16"
    assert list(map(str, paths_here(native=False, bfloat16=False))) == ["kernels: none (native is off)"]
    monkeypatch.setenv(paths.SWITCH, "off")
    assert paths_here()[0].why == f"{paths.SWITCH} is off"
