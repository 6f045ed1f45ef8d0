"""Words as a reader of critiques: negations in either apostrophe, and words that praise or blame nothing."""

import pytest

from accord.reward.sentiment import lexicon, sentiment_of


@pytest.mark.parametrize("apostrophe", ["'", "\u2019"])
def test_a_negation_is_one_in_either_apostrophe(apostrophe: str) -> None:
    assert lexicon([f"This isn{apostrophe}t helpful.", f"It doesn{apostrophe}t seem wrong."]) == [-1.0, 1.0]


def test_what_is_like_something_or_means_something_is_neither_good_nor_bad() -> None:
    assert lexicon(["It reads like spam.", "I would like more.", "What does it mean?"]) == [0.0, 0.0, 0.0]
    assert sentiment_of("It reads like spam.", [lexicon]) is None
    assert lexicon(["I liked it."]) == [1.0]
