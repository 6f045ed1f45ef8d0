"""A judge beside what costs nothing, on the very same pairs: the difference, with an interval that knows of that."""

from dataclasses import replace

import numpy as np
import pytest

from accord.reward.card.claims import claims_of
from accord.reward.card.measure import evaluate
from accord.reward.card.pairs import accuracy, baselines
from accord.reward.card.scored import score_split
from accord.reward.card.word_baseline import word_margins
from accord.stats import difference_of
from small_data import LetterJudge, letters_dataset

DATA = letters_dataset(prompts=24)
DECIDED = [pair for pair in DATA.pairs["held_out"] if not pair.tie]


def by_words() -> dict[str, float]:
    """Scores that order held-out pairs as the regression on words does, as far as scores can."""
    learnt = [pair for pair in DATA.pairs["train"] if not pair.tie]
    margin_P = word_margins(DATA, learnt, DECIDED)
    assert margin_P is not None
    scores = dict.fromkeys(DATA.completions, 0.0)
    for pair, margin in zip(DECIDED, margin_P, strict=True):
        scores[pair.chosen] += margin
    return scores


def test_the_gain_is_the_difference_of_the_two_accuracies() -> None:
    scores = score_split(LetterJudge(), DATA, "held_out").values
    found = baselines(DATA, fitted_on="train", split="held_out", values=scores)
    own = accuracy(scores, DATA.pairs["held_out"], DATA.evaluators).value
    for gain, baseline in (("over_words", "words_only"), ("over_length", "length_only")):
        assert found[gain].value == pytest.approx(own - found[baseline].value)
        assert found[gain].n == len(DECIDED)
        assert -1 <= (found[gain].low or -1) <= found[gain].value <= (found[gain].high or 1) <= 1


def test_weights_count_for_the_judge_and_for_the_baseline() -> None:
    weighted = tuple(
        pair.model_copy(update={"weight": 0.0 if number % 2 else 2.0})
        for number, pair in enumerate(DATA.pairs["held_out"])
    )
    data = replace(DATA, pairs={**DATA.pairs, "held_out": weighted})
    scores = score_split(LetterJudge(), data, "held_out").values
    found = baselines(data, fitted_on="train", split="held_out", values=scores)
    own = accuracy(scores, weighted, data.evaluators).value
    assert found["over_words"].value == pytest.approx(own - found["words_only"].value)


def test_a_judge_that_is_right_where_the_words_are_is_told_from_them_sooner() -> None:
    """Paired, what both get right says nothing: the interval is narrower than that of two numbers side by side."""
    scores = by_words()
    found = baselines(DATA, fitted_on="train", split="held_out", values=scores)
    own = accuracy(scores, DATA.pairs["held_out"], DATA.evaluators)
    apart = difference_of(own, found["words_only"])
    paired = found["over_words"]
    assert None not in (apart.low, apart.high, paired.low, paired.high)
    assert (paired.high or 0) - (paired.low or 0) < (apart.high or 0) - (apart.low or 0)


def test_without_words_there_is_no_gain_over_them() -> None:
    silent = {name: each.model_copy(update={"text": "..."}) for name, each in DATA.completions.items()}
    data = replace(DATA, completions=silent)
    found = baselines(data, fitted_on="train", split="held_out", values=dict.fromkeys(silent, 0.0))
    assert "words_only" not in found
    assert "over_words" not in found
    assert found["over_length"].value == 0


@pytest.mark.parametrize(
    ("sign", "words"), [(1.0, "It adds to what the words"), (-1.0, "It knows less than the words")]
)
def test_the_card_claims_what_the_difference_allows(sign: float, words: str) -> None:
    scores = score_split(LetterJudge(), DATA, "held_out")
    truth = {pair.chosen: 1.0 for pair in DECIDED}
    values = {name: sign * truth.get(name, -1.0) for name in scores.values}
    # Who is always right, or always wrong, beside a regression that has nothing to go by.
    mixed = replace(DATA, pairs={**DATA.pairs, "train": DATA.pairs["train"][:2]})
    card = evaluate(replace(scores, values=values), mixed, fitted_on="train")
    gain = card.over_words
    assert gain is not None
    assert np.sign(gain.value) == sign
    surely = gain.low is not None and gain.high is not None and not gain.low <= 0 <= gain.high
    assert any(claim.startswith(words) for claim in claims_of(card)) == surely
