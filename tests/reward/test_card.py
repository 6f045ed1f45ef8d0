"""The card of any judge: of one that states no scale and has no tokenizer, and with nothing to learn baselines from."""

from dataclasses import replace

import pytest

from accord.reward import baselines, evaluate, score_split
from small_data import LetterJudge, letters_dataset

DATA = letters_dataset()


def test_a_judge_without_a_scale_has_no_calibration_error_and_counts_no_tokens() -> None:
    scores = score_split(LetterJudge(), DATA, "held_out")
    card = evaluate(scores, DATA, fitted_on="train")
    assert card.accuracy.value == 1  # it knows the truth
    assert card.ece is None
    assert {row.length for row in scores.rows(DATA)} == {None}
    assert evaluate(replace(scores, scale=20.0), DATA, fitted_on="train").ece is not None


def test_rows_keep_the_order_and_the_scores() -> None:
    scores = score_split(LetterJudge(), DATA, "held_out")
    rows = list(replace(scores, tokens=dict.fromkeys(scores.values, 3)).rows(DATA))
    assert {row.completion: row.score for row in rows} == scores.values
    assert [row.completion for row in rows] == list(scores.values)
    assert {row.length for row in rows} == {3}


def test_baselines_that_learn_from_nothing_take_the_first_and_the_longer() -> None:
    nothing = replace(DATA, pairs={**DATA.pairs, "train": ()})
    decided = [pair for pair in DATA.pairs["held_out"] if not pair.tie]
    text = {name: completion.text for name, completion in DATA.completions.items()}
    estimates = baselines(nothing, fitted_on="train", split="held_out")
    longer = [len(text[pair.chosen]) - len(text[pair.rejected]) for pair in decided]
    share = sum(gap > 0 for gap in longer) + sum(gap == 0 for gap in longer) / 2
    assert estimates["length_only"].value == pytest.approx(share / len(decided))
    assert estimates["majority"].value == pytest.approx(sum(p.chosen < p.rejected for p in decided) / len(decided))
