"""Edits of texts do what is said of them: each on a text where it applies, and on texts where it must not."""

import re
from collections.abc import Callable
from random import Random

import pytest

from accord.reward.comparator import harmful, harmless
from accord.reward.comparator.edits import EDITS
from accord.reward.comparator.sentences import content_words, sentences, sources_of

Change = Callable[..., str | None]


def of(change: Change, text: str, *more: object, seed: int = 0, **settings: bool) -> str | None:
    return change(text, Random(seed), *more, **settings)


ONE_OUTCOME: list[tuple[Change, str, str | None]] = [
    (harmless.contracted, "She does not sell eggs.", "She doesn't sell eggs."),
    (harmless.contracted, "It is late and they are here.", "It's late and they're here."),
    (harmless.contracted, "She sells eggs.", None),
    (harmless.expanded, "They aren't here. He can't come.", "They are not here. He cannot come."),
    (harmless.expanded, "Anna's eggs", None),
    (harmless.respaced, "2 + 3 = 5. He left.", "2+3=5.\nHe left."),
    (harmless.lower_case, "Anna left.", "anna left."),
    (harmless.lower_case, "gone", None),
    (harmless.digits_as_words, "She ate 3 eggs on 12 days.", "She ate three eggs on twelve days."),
    (harmless.digits_as_words, "In 1999 she paid $3, 2.5 or 3%, and 16 - 3 = 13.", None),
    (harmless.words_as_digits, "Three of twelve eggs, and one more.", "3 of 12 eggs, and one more."),
    (harmless.words_as_digits, "Two hundred and twenty-two, no one.", None),
    (harmless.signs_as_words, "It costs $1.50 now.", "It costs 1.50 dollars now."),
    (harmless.signs_as_words, "Only 20% of it.", "Only 20 percent of it."),
    (harmless.signs_as_words, "It cost $2 million.", None),
    (harmless.signs_as_words, "1,234,000 people", "1234000 people"),
    (harmless.signs_as_words, "4 x 2 = 8", "4 times 2 equals 8"),
    (harmless.reordered, "Anna sold eggs. Robert bought milk.", "Robert bought milk. Anna sold eggs."),
    (harmless.reordered, "Anna sold eggs. Then Robert bought milk.", None),
    (harmless.reordered, "Anna sold eggs. She bought milk.", None),
    (harmless.reordered, "Anna sold eggs. Robert bought them.", None),
    (harmless.fronted, "The shop closed because Anna was ill.", "Because Anna was ill, the shop closed."),
    (harmless.fronted, "Anna Kim left before Robert came.", "Before Robert came, Anna Kim left."),
    (harmless.fronted, "The shop, it is said, closed because Anna was ill.", None),
    (harmless.possessive, "He saw the capital of France today.", "He saw France's capital today."),
    (harmless.possessive, "the capital of New York", None),
    (harmless.punctuated, "A long time ago", None),
    (harmful.number_changed, "No number here.", None),
    (harmful.number_word_changed, "One of them.", None),
    (harmful.numbers_swapped, "Anna has 3 eggs. Robert paid 5.", "Anna has 5 eggs. Robert paid 3."),
    (harmful.numbers_swapped, "There are 3 eggs. There are 5 eggs.", None),
    (harmful.numbers_swapped, "Anna has 3 + 4 eggs.", None),
    (harmful.names_swapped, "Anna gave Robert an egg.", None),
    (harmful.names_swapped, "Anna visits Robert often.", "Robert visits Anna often."),
    (harmful.names_swapped, "Anna and Robert visit Helen and Maria.", None),
    (harmful.names_swapped, "Bloom is the album Bloom.", None),
    (harmful.not_inserted, "She is here.", "She is not here."),
    (harmful.not_inserted, "She is not here and sold it.", None),
    (harmful.not_removed, "She is not here.", "She is here."),
    (harmful.not_removed, "She isn't here.", "She is here."),
    (harmful.not_removed, "She won't come, not only today.", None),
    (harmful.never, "He was ill.", "He was never ill."),
    (harmful.denied, "Anna sold all of it.", "It is not true that Anna sold all of it."),
    (harmful.denied, "Anna never sold all of it.", None),
    (harmful.unit_changed, "It took 3 hours.", "It took 3 minutes."),
    (harmful.before_and_after, "He ate before noon.", "He ate after noon."),
    (harmful.operands_swapped, "16 - 3 eggs", "3 - 16 eggs"),
    (harmful.operands_swapped, "3 - 3 eggs, 3 + 4 eggs, 9 - 3 - 2 eggs", None),
    (harmful.from_and_to, "He ran it from 1990 to 2000.", "He ran it from 2000 to 1990."),
    (harmful.from_and_to, "He ran from Paris to Paris.", None),
    (harmful.sentence_dropped, "Anna sold eggs.", None),
    (harmful.sentence_dropped, "Anna sold eggs. She sold eggs.", None),
    (
        harmful.tail_dropped,
        "The house was sold in May, which surprised the neighbours.",
        "The house was sold in May.",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("change", "text", "edited"), ONE_OUTCOME)
def test_an_edit_does_this_and_nothing_else(change: Change, text: str, edited: str | None) -> None:
    assert {of(change, text, seed=seed) for seed in range(5)} == {edited}


SENTENCE = "Anna has 12 eggs and sold 3 of them to Robert in May."


def test_a_changed_number_is_another_number() -> None:
    for seed in range(200):
        edited = of(harmful.number_changed, SENTENCE, seed=seed)
        assert edited is not None
        numbers = re.findall(r"[\d,.]*\d", edited)
        assert numbers != ["12", "3"]
        assert len(numbers) == 2
        assert re.sub(r"[\d,.]*\d", "#", edited) == re.sub(r"\d+", "#", SENTENCE)
    decimals = {of(harmful.number_changed, "It is 0.25 long", seed=seed) for seed in range(50)}
    assert "It is 0.25 long" not in decimals
    zeros = {of(harmful.number_changed, "It is 0 long", seed=seed) for seed in range(50)}
    assert "It is 0 long" not in zeros


@pytest.mark.parametrize("held_out", [False, True])
def test_words_are_exchanged_by_the_list_that_was_asked_for(held_out: bool) -> None:
    text = "So Robert began to help in a large shop and finished first, in the east, after 3 days and a century."
    other = {of(each, text, seed=1, held_out=not held_out) for each in (harmless.synonyms, harmful.antonym)}
    for change in (harmless.synonyms, harmful.antonym, harmful.unit_changed, harmful.name_changed):
        edited = of(change, text, seed=1, held_out=held_out)
        assert edited not in {None, text, *other}


def test_the_two_lists_of_a_kind_share_no_exchange() -> None:
    from accord.reward.comparator import words

    for tables in (words.SYNONYMS, words.ANTONYMS, words.UNITS):
        assert not set(tables[0].items()) & set(tables[1].items())
        assert all(word != other for table in tables for word, other in table.items())
    for lists in (words.FRAMES, words.STATEMENTS, words.NAMES):
        assert not set(lists[0]) & set(lists[1])
    assert not set(words.SYNONYMS[0].items() | words.SYNONYMS[1].items()) & set(
        words.ANTONYMS[0].items() | words.ANTONYMS[1].items()
    )


def test_what_is_added_is_not_in_the_text() -> None:
    other = "The museum was opened by a queen in 1871."
    for seed in range(50):
        for edited in (
            of(harmful.sentence_of_another, SENTENCE, [other], seed=seed),
            of(harmful.statement_added, SENTENCE, seed=seed),
            of(harmful.statement_added, SENTENCE, seed=seed, held_out=True),
            of(harmful.interrupted, SENTENCE, seed=seed),
        ):
            assert edited is not None
            assert content_words(SENTENCE) < content_words(edited)
    assert of(harmful.sentence_of_another, SENTENCE, [SENTENCE]) is None
    assert of(harmful.sentence_of_another, SENTENCE, []) is None


def test_what_is_dropped_said_something() -> None:
    text = "Anna has 12 eggs. Robert lives in a small house, which was built in 1900. The year ended well."
    for seed in range(30):
        for change in (harmful.sentence_dropped, harmful.tail_dropped):
            edited = of(change, text, seed=seed)
            assert edited is not None
            assert len(content_words(edited)) <= len(content_words(text)) - 2


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: f"{edit.kind}: {edit.name}")
@pytest.mark.parametrize("text", ["", " ", "?", "Word", "5", "\n\n", "A:", "....", "§ 3 $ %"])
def test_odd_texts_break_no_edit(text: str, edit: object) -> None:
    from accord.reward.comparator.edits import Edit

    assert isinstance(edit, Edit)
    for seed in range(3):
        edited = edit.change(text, Random(seed), ["Another text of four words.", ""])
        assert edited is None or edited != text or edit.effect == "same"


def test_sentences_are_found() -> None:
    text = "Mr. Fox sold 3.5 eggs. He left!\nA: 18\nShe ran (fast.) Then U.S. troops came."
    found = ["Mr. Fox sold 3.5 eggs.", "He left!", "A: 18", "She ran (fast.)", "Then U.S. troops came."]
    assert sentences(text) == found
    assert sentences("") == sentences(" \n ") == []
    assert sources_of("One two. " * 5) == ["One two. One two. One two. One two.", "One two."]
    assert sources_of("word " * 61) == []
