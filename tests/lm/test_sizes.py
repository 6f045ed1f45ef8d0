"""How much is computed at a time: as ever on a CPU, by free memory and widths on a GPU, within a budget on either."""

from dataclasses import replace

import pytest

from accord.lm import sizes
from accord.lm.causal import CausalModel
from accord.lm.loading import load
from accord.lm.packed import TokenizedCompletion, pack
from accord.lm.settings import ModelSettings

TINY = load("tiny", seed=1)  # float32; width 32, gated layer 64, 2 layers, 4 heads of 8, 2 of keys; 258 tokens
GIB = 1 << 30


def on_flex(causal: CausalModel = TINY) -> CausalModel:
    return replace(causal, attention="flex")


def test_a_cpu_computes_as_much_as_ever() -> None:
    assert (sizes.default_row_tokens(TINY), sizes.reading_tokens(TINY), sizes.reading_tokens(TINY, 2048)) == (
        64,
        4096,
        2048,
    )
    assert (sizes.most_training_tokens(TINY), sizes.prefill_tokens(TINY), sizes.budget_gb(TINY, None)) == (
        2048,
        2048,
        None,
    )
    assert [sizes.sequences_at_a_time(TINY, length) for length in (100, 10_000)] == [512, 64]
    assert sizes.free_bytes(TINY.device) is None


def test_what_a_place_takes_written_out() -> None:
    """Stream and a norm in float32; queries, keys, values and turned copies; or the gated layer; mask and scores."""
    stream, attention, gated = 2 * 32 * 4 + 2 * 32 * 4, (3 * 32 + 4 * 16) * 4, 3 * 64 * 4
    assert sizes.place_bytes(on_flex(), 100) == stream + max(attention, gated) == 1280
    assert sizes.place_bytes(replace(TINY, attention="sdpa"), 100) == stream + max(attention, gated) + 100 * 5
    assert sizes.place_bytes(TINY, 100) == stream + attention + 100 * 5 + 2 * 4 * 100 * 4


def test_a_gpu_computes_what_it_has_room_for() -> None:
    """Of 64 MB a quarter, less the logits, at 1,280 bytes a place: 10,635, of which 8,192 are taken."""
    causal = on_flex()
    assert sizes.reading_tokens(causal, free=64 * 10**6) == 8192
    assert sizes.reading_tokens(causal, free=80 * GIB) == 1 << 15
    assert sizes.reading_tokens(causal, free=1000) == 64
    assert sizes.default_row_tokens(causal, free=GIB) == 512  # its context
    assert sizes.default_row_tokens(TINY, free=GIB) == 64  # a mask of all pairs of places
    assert sizes.most_training_tokens(causal, free=GIB) == 1 << 15
    assert sizes.sequences_at_a_time(causal, 1000, free=GIB) == 512  # 512,000 bytes each, twice, of .4 GiB
    assert sizes.sequences_at_a_time(causal, 10**9, free=GIB) == 1
    assert sizes.prefill_tokens(causal, free=80 * GIB) == 1 << 14
    assert sizes.budget_gb(causal, None, free=10**10, in_use=5 * 10**9) == 13.5
    assert sizes.budget_gb(causal, 3.0, free=10**10, in_use=5 * 10**9) == 3.0


@pytest.mark.parametrize("free", [0, 10**6, 10**8, 10**10, 10**12])
def test_more_memory_never_means_less(free: int) -> None:
    causal = on_flex()
    for size in (sizes.reading_tokens, sizes.prefill_tokens, sizes.most_training_tokens):
        assert size(causal, free=free) <= size(causal, free=2 * free)
    assert sizes.sequences_at_a_time(causal, 99, free=free) <= sizes.sequences_at_a_time(causal, 99, free=2 * free)


def test_a_budget_bounds_what_is_read() -> None:
    """An eighth of 48 MB, less the logits, at 1,024 + 640 + 64 * 5 + 2 * 4 * 64 * 4 bytes a place."""
    settings = ModelSettings(memory_gb=0.048, device="cpu", dtype="float32")
    causal = settings.open("tiny")
    assert causal.memory_gb == 0.048
    assert sizes.reading_tokens(causal) == 512
    answers = [TokenizedCompletion((1, 2), (3,) * 40, key) for key in range(100)]
    assert max(batch.tokens for batch in pack(causal, answers)) <= 512 < max(b.tokens for b in pack(TINY, answers))
    assert ModelSettings(memory_gb=99, device="cpu").open("tiny").memory_gb == 99
    assert sizes.reading_tokens(replace(TINY, memory_gb=99.0)) == 4096
