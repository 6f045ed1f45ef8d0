"""What places see, said once and made by each backend: the same masks, the same numbers; rows filled as ever."""

import warnings
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from accord.errors import ModelError
from accord.lm import attention, proofs
from accord.lm.attention import AttentionChoice
from accord.lm.causal import CausalModel
from accord.lm.decoders import joined
from accord.lm.first_fit import first_fit
from accord.lm.flex import BLOCK, blocks
from accord.lm.generate import generate
from accord.lm.layout import AttentionLayout, Segments, Window
from accord.lm.loading import load, wrap
from accord.lm.packed import PackedBatch, TokenizedCompletion, pack
from accord.lm.settings import ModelSettings
from accord.lm.tiny import tiny_tokenizer
from accord.records import Sampling
from family_configs import make

CPU = torch.device("cpu")
# A prompt with answers of 60 tokens and more, so that blocks of 128 places hold several, and several hold one.
ANSWERS = [
    *(TokenizedCompletion(tuple(range(1, 60)), tuple(range(60 + n, 90 + 3 * n)), n) for n in range(5)),
    *(TokenizedCompletion((7, 8, 9 + n), tuple(range(20, 100)), 10 + n) for n in range(3)),
]


@st.composite
def packed_rows(draw: st.DrawFn) -> AttentionLayout:
    """Rows of prompts with answers, as `pack` lays them out, padding behind them, with a window or without."""
    width = draw(st.integers(1, 300))
    rows = draw(st.lists(st.lists(st.lists(st.integers(1, 150), min_size=1, max_size=4), max_size=4), min_size=1))[:3]
    segment, root = (torch.full((len(rows), width), empty) for empty in (-1, -2))
    position = torch.zeros((len(rows), width), dtype=torch.long)
    number = 0
    for row, prompts in enumerate(rows):
        at = 0
        for prompt, *answers in prompts:
            first = number
            for begin, size in [(0, prompt), *((prompt, answer) for answer in answers)]:
                until = min(width, at + size)
                segment[row, at:until], root[row, at:until] = number, first
                position[row, at:until] = begin + torch.arange(until - at)
                at, number = until, number + 1
    window = draw(st.none() | st.integers(1, 200).map(lambda size: Window(size, everywhere=True)))
    return AttentionLayout((len(rows), width, width), CPU, width, window, "flex", Segments(segment, root, position))


@st.composite
def causal_rows(draw: st.DrawFn) -> AttentionLayout:
    rows, width = draw(st.integers(1, 3)), draw(st.integers(1, 300))
    window = draw(st.none() | st.integers(1, 200).map(lambda size: Window(size, everywhere=True)))
    return AttentionLayout((rows, width, width), CPU, width, window, "flex")


def by_function(layout: AttentionLayout, window: int | None) -> Tensor:
    """Every pair of places asked one by one, [B, T, S]."""
    b, q, k = torch.meshgrid(*map(torch.arange, layout.shape), indexing="ij")
    return layout.sees(window)(b, torch.zeros_like(b), q, k)


@settings(max_examples=40)
@given(packed_rows() | causal_rows())
def test_a_mask_is_what_the_function_says_and_blocks_leave_nothing_out(layout: AttentionLayout) -> None:
    window = layout.window_of_layer(None)
    seen_BTT = by_function(layout, window)
    assert torch.equal(layout.mask(window, torch.float32)[:, 0] == 0, seen_BTT)
    assert bool(seen_BTT.diagonal(dim1=1, dim2=2).all()), "a row of nothing would be NaN"
    mask = blocks(layout, window)
    count = -(-layout.shape[1] // BLOCK)
    padded = torch.zeros((layout.shape[0], count * BLOCK, count * BLOCK), dtype=torch.bool)
    padded[:, : layout.shape[1], : layout.shape[1]] = seen_BTT
    tiles = padded.unflatten(2, (count, BLOCK)).unflatten(1, (count, BLOCK)).transpose(2, 3)
    partial, whole = (_listed(mask, full=full) for full in (False, True))
    assert not bool((partial & whole).any())
    assert not bool((tiles.any(-1).any(-1) & ~(partial | whole)).any()), "something that is seen is left out"
    bound = torch.arange(count) < layout.shape[1] // BLOCK  # of queries beyond the row nobody asks
    assert not bool((whole & ~tiles.all(-1).all(-1))[:, bound].any()), "something is seen that must not be"
    inside = tiles | (torch.arange(count * BLOCK) >= layout.shape[1]).view(count, 1, BLOCK, 1)
    assert not bool((whole & ~inside.all(-1).all(-1)).any())


def _listed(mask: Any, *, full: bool) -> Tensor:
    """Which blocks a block mask names, [B, n, n]."""
    counts = (mask.full_kv_num_blocks if full else mask.kv_num_blocks)[:, 0]
    indices = (mask.full_kv_indices if full else mask.kv_indices)[:, 0].long()
    named = torch.arange(indices.shape[-1]) < counts[..., None]
    return torch.zeros(indices.shape, dtype=torch.bool).scatter_(2, indices, named)


def test_long_rows_are_sparse() -> None:
    """64 sequences of 64 tokens in one row: of 32 x 32 blocks those beside the diagonal."""
    segment = torch.arange(64).repeat_interleave(64)[None]
    position = torch.arange(64).repeat(64)[None]
    layout = AttentionLayout((1, 4096, 4096), CPU, 64, None, "flex", Segments(segment, segment, position))
    assert int(blocks(layout, None).kv_num_blocks.sum()) == 32


@given(st.lists(st.integers(1, 40), min_size=1, max_size=6), st.none() | st.integers(1, 10))
def test_a_step_sees_what_is_before_it(places: list[int], window: int | None) -> None:
    first_B, keys = torch.tensor(places), max(places) + 1
    bound = window and Window(window, everywhere=True)
    layout = AttentionLayout((len(places), 1, keys), CPU, keys, bound, first_B=first_B)
    named = layout.window_of_layer(None)
    wanted = [[max(0, place + 1 - (named or keys)) <= key <= place for key in range(keys)] for place in places]
    assert (layout.mask(named, torch.float32)[:, 0, 0] == 0).tolist() == wanted
    assert by_function(layout, named)[:, 0].tolist() == wanted


def test_masks_are_made_once_for_all_layers() -> None:
    layout = AttentionLayout((2, 5, 5), CPU, 4, Window(3, everywhere=False))
    assert layout.mask(None, torch.float32) is layout.mask(None, torch.float32)
    assert layout.mask(3, torch.float32) is not layout.mask(None, torch.float32)
    assert layout.repeat(3) is layout.repeat(3)
    assert layout.repeat(3).mask(3, torch.float32).shape == (6, 1, 5, 5)
    with pytest.raises(ValueError, match="looks back 4 positions, its configuration says 3"):
        layout.window_of_layer(4)


@pytest.fixture(autouse=True)
def untraced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Flex attention in plain steps: it else traces itself anew for each shape, even where it does not compile."""
    monkeypatch.setattr("torch.nn.attention.flex_attention._FLEX_ATTENTION_DISABLE_COMPILE_DEBUG", True)


def wrapped(family: str, choice: AttentionChoice = "auto") -> CausalModel:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message=".*flex_attention called without.*")
        return wrap(make(family), tiny_tokenizer(), family, attention=choice)


@pytest.mark.parametrize("choice", ["flex", "sdpa"])
@pytest.mark.parametrize("family", ["llama", "qwen2 with windows", "mistral", "gemma2", "gpt_neox", "deepseek_v3"])
def test_every_backend_gives_the_same_numbers(family: str, choice: AttentionChoice) -> None:
    plain, other = wrapped(family), wrapped(family, choice)
    assert (plain.attention, other.attention) == ("grouped", choice)
    assert (other.packs, other.keeps, other.by_hand) == (plain.packs, plain.keeps, plain.by_hand)
    shapes = set()
    for batch in [*pack(plain, ANSWERS, row_tokens=300), *pack(plain, ANSWERS, row_tokens=90)]:
        shapes.add(batch.single)
        read_N = torch.cat([batch.source_N, batch.place_N])
        with torch.no_grad():
            wanted_ND, found_ND = (batch.hidden(each)[read_N] for each in (plain, other))
        torch.testing.assert_close(found_ND, wanted_ND, atol=2e-5, rtol=0)
    assert shapes == {True, False}
    greedy = [
        generate(each, [tuple(range(3, 40)), (9,)], 1, Sampling(max_tokens=6, temperature=0)) for each in (plain, other)
    ]
    assert [[made.token_ids for made in group] for group in greedy[0]] == [
        [made.token_ids for made in group] for group in greedy[1]
    ]


def test_gradients_of_fused_attention_are_those_of_products() -> None:
    (batch,) = pack(plain := wrapped("qwen2 with windows"), ANSWERS, row_tokens=1000)
    found = [
        torch.autograd.grad(batch.hidden(each)[batch.place_N].square().sum(), each.trainable()[:6])
        for each in (plain, wrapped("qwen2 with windows", "sdpa"))
    ]
    for mine, theirs in zip(*found, strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-3, rtol=1e-3)


def test_a_backend_that_is_wrong_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next one is; and where it was asked for alone, the model says why it is run plainly."""
    exact = attention.by_blocks

    def sees_too_much(*everything: Any) -> Tensor:
        query, key, value, layout, *others = everything
        wider = AttentionLayout(layout.shape, layout.device, layout.reach, layout.window, "flex")
        return exact(query, key, value, wider, *others)

    monkeypatch.setattr(attention, "by_blocks", sees_too_much)
    with pytest.warns(UserWarning, match=r'attention = "flex": sequences that share a row give other numbers'):
        assert not wrap(make("llama"), tiny_tokenizer(), "llama", attention="flex").packs
    monkeypatch.setattr(proofs, "CPU_BACKENDS", proofs.CUDA_BACKENDS)
    assert wrapped("llama").attention == "sdpa"


def test_a_kernel_that_cannot_be_made_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> Tensor:
        raise RuntimeError("no kernel for heads of 7")

    monkeypatch.setattr(attention, "by_blocks", fails)
    monkeypatch.setattr(proofs, "CPU_BACKENDS", proofs.CUDA_BACKENDS)
    assert wrapped("llama").attention == "sdpa"


def test_a_backend_with_wrong_gradients_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = attention.scaled_dot_product_attention

    def halved(query: Tensor, *others: Any, **named: Any) -> Tensor:
        out: Tensor = exact(query, *others, **named)
        return (out + out.detach()) / 2

    monkeypatch.setattr(attention, "scaled_dot_product_attention", halved)
    monkeypatch.setattr(proofs, "CPU_BACKENDS", ("sdpa", "grouped"))
    assert wrapped("llama").attention == "grouped"
    with pytest.warns(UserWarning, match="gradients that are not those of plain products"):
        assert not wrap(make("llama"), tiny_tokenizer(), "llama", attention="sdpa").packs


def test_what_has_no_gradients_is_refused_for_training() -> None:
    with pytest.raises(ModelError, match=r'attention = "flex" has no gradients on a CPU; leave it out'):
        ModelSettings(attention="flex", device="cpu").open("tiny", train=True)
    assert ModelSettings(attention="flex", device="cpu").open("tiny").attention == "flex"
    assert ModelSettings(attention="sdpa", device="cpu").open("tiny", train=True).attention == "sdpa"


def test_a_decoder_takes_the_memory_of_joined_weights() -> None:
    """Of fused layers that have been run once; and copies what lies apart, or in another order."""
    causal = wrapped("llama")
    causal.hidden(input_ids=torch.tensor([[1, 2, 3]]))
    attention: Any = causal.backbone.layers[0].self_attn
    weights = [layer.weight.detach() for layer in (attention.q_proj, attention.k_proj, attention.v_proj)]
    together = joined(weights)
    assert together.data_ptr() == weights[0].data_ptr()
    assert torch.equal(together, torch.cat(weights))
    for apart in ([each.clone() for each in weights], weights[::-1], [weights[0], weights[2]]):
        assert joined(apart).data_ptr() != apart[0].data_ptr()
        assert torch.equal(joined(apart), torch.cat(apart))


def slowly(lengths: list[int], room: int) -> list[int]:
    """First fit by looking at every row."""
    left: list[int] = []
    rows = []
    for length in lengths:
        row = next((row for row, free in enumerate(left) if free >= length), len(left))
        if row == len(left):
            left.append(room)
        left[row] -= length
        rows.append(row)
    return rows


@given(st.lists(st.integers(1, 60), max_size=60), st.integers(1, 70), st.booleans())
def test_rows_are_those_of_first_fit(lengths: list[int], room: int, falling: bool) -> None:
    lengths = sorted(lengths, reverse=True) if falling else lengths
    assert first_fit(lengths, room) == slowly(lengths, room)


def test_a_batch_knows_its_longest_sequence() -> None:
    tiny = load("tiny", seed=1)
    batches: list[PackedBatch] = pack(tiny, ANSWERS, row_tokens=90)
    assert max(batch.longest for batch in batches) == max(len(each.prompt) + len(each.completion) for each in ANSWERS)
    assert all(int(batch.position_ids.max()) + 1 == batch.longest for batch in batches)
