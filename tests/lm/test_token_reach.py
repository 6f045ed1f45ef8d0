"""How far each token reaches into a text: as decoding from the beginning for each says, in linear time."""

from collections.abc import Sequence
from itertools import accumulate

import pytest
from benchmarks.token_reach import measure
from hypothesis import given, settings
from hypothesis import strategies as st

from accord.lm.conversation import Conversation
from accord.lm.token_reach import reach_of_tokens
from chat_families import FAMILIES, family

BYTE_LEVEL = ("chatml", "qwen3")
BYTE_FALLBACK = ("gemma", "llama2")
MIXED = "The quick brown fox, naïvely; 漢字と絵文字 🎉🎉 👩‍👩‍👧.\n\n  Ends \ufffd here "
TALKS = {name: Conversation(family(name), name) for name in FAMILIES}


def slowly(talk: Conversation, ids: Sequence[int]) -> list[int]:
    """The text decoded from its beginning for each token; bytes of a character count as it, so no number falls."""
    ended = bool(ids) and ids[-1] in talk.ends
    written = list(ids[:-1] if ended else ids)

    def decode(some: Sequence[int]) -> str:
        return str(talk.tokenizer.decode(list(some), skip_special_tokens=False, clean_up_tokenization_spaces=False))

    before = talk.tokenizer.encode(talk.layout.anchor, add_special_tokens=False)[-4:]
    head = len(decode(before))
    length_T = [len(decode([*before, *written[: size + 1]])) - head for size in range(len(written))]
    whole = length_T[-1] if length_T else 0
    text = talk.text(ids)
    opened = decode([*before, *written])[head:].index(text)
    reach_T = [*list(accumulate(reversed(length_T), min))[::-1], *[whole] * ended]
    return [min(len(text), max(0, reach - opened)) for reach in reach_T]


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.filterwarnings("ignore:headless")
@settings(max_examples=15, deadline=None)
@given(
    text=st.one_of(st.just(MIXED * 3), st.text(max_size=60), st.text(alphabet="é漢🎉 a\n", min_size=30, max_size=80))
)
def test_tokens_of_a_text_reach_as_far_as_decoding_from_its_beginning_says(name: str, text: str) -> None:
    """Characters of several tokens, in tokenizers of bytes and of pieces that fall back on bytes."""
    talk = TALKS[name]
    ids = talk.encode_completion(text)
    found = talk.reaches(ids)
    assert found == slowly(talk, ids)
    assert found == sorted(found)
    assert found[-1] == len(talk.text(ids))


@pytest.mark.parametrize("name", BYTE_LEVEL)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_ids_of_no_text_reach_as_far_as_decoding_from_the_beginning_says(name: str, data: st.DataObject) -> None:
    talk = TALKS[name]
    plain = sorted(set(talk.tokenizer.get_vocab().values()) - set(talk.tokenizer.added_tokens_decoder))
    ids = data.draw(st.lists(st.sampled_from(plain), max_size=80))
    assert talk.reaches(ids) == slowly(talk, ids)


@pytest.mark.parametrize("name", BYTE_FALLBACK)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_runs_of_bytes_that_are_no_text_still_sum_to_it(name: str, data: st.DataObject) -> None:
    """One bad byte makes each byte of its run a character, also those long before it."""
    talk = TALKS[name]
    plain = sorted(set(talk.tokenizer.get_vocab().values()) - set(talk.tokenizer.added_tokens_decoder))
    ids = [*talk.encode_completion("漢字" * 12)[:-1], *data.draw(st.lists(st.sampled_from(plain), max_size=60))]
    found = talk.reaches(ids)
    assert found == sorted(found)
    assert found[-1] == len(talk.text(ids))


@pytest.mark.parametrize("some", [b"\x80", b"\xff", b"\xe2\x82", "é ".encode(), "\ufffd".encode()])
def test_tokens_decoded_grow_with_the_text_whatever_its_bytes(some: bytes) -> None:
    decoded: list[int] = []

    def decode(ids: Sequence[int]) -> str:
        decoded.append(len(ids))
        return bytes(ids).decode(errors="replace")

    counts = []
    for size in (400, 4000):
        decoded.clear()
        ids = list(some * size)[:size]
        assert reach_of_tokens(decode, [], ids, decode(ids))[-1] == len(decode(ids))
        counts.append(sum(decoded))
    assert counts[1] < 11 * counts[0]


def test_nothing_reaches_nowhere() -> None:
    assert TALKS["chatml"].reaches([]) == []
    assert reach_of_tokens(lambda ids: "x" * len(ids), [], [7], "x") == [1]


def test_the_benchmark_holds_both_ways_against_each_other() -> None:
    found = measure(lengths=(16, 64), repetitions=1)
    assert set(found) == {"tiny 16", "tiny 64"}
    assert all(each["same"] for each in found.values())
