"""The pairs that a reward model gets most wrong stand on the card with their tokens, each text once."""

from dataclasses import replace

import pytest

from accord.lm import load
from accord.lm.aggregation import Aggregation
from accord.lm.reward_model import ScalarHeadModel
from accord.reward import evaluate, score_split
from accord.reward.card.reasons import wrong_pairs
from small_data import LetterJudge, letters_dataset

DATA = letters_dataset(texts=5)


@pytest.fixture(scope="module")
def judge() -> ScalarHeadModel:
    return ScalarHeadModel.fresh(load("tiny", dtype="float32"), name="reward", seed=1, components=("a", "b"))


def test_the_most_wrong_pairs_and_what_made_them_so(judge: ScalarHeadModel) -> None:
    scores = score_split(judge, DATA, "held_out")
    card = evaluate(scores, DATA, fitted_on="train", judge=judge)
    margins = [scores.values[p.chosen] - scores.values[p.rejected] for p in DATA.pairs["held_out"] if not p.tie]
    pairs = card.wrong_pairs or ()
    assert 1 <= len(pairs) <= 3
    assert pairs[0].chosen.score - pairs[0].rejected.score == pytest.approx(min(margins))
    names = [text.completion for pair in pairs for text in (pair.chosen, pair.rejected)]
    assert len(names) == len(set(names))
    for pair in pairs:
        for text in (pair.chosen, pair.rejected):
            assert abs(text.residual) <= max(0.05 * abs(text.difference), 1e-3)
            assert "".join(token.text for token in text.tokens if token.text != "(end)") != ""
        gap = pair.chosen.difference - pair.rejected.difference
        same_length = len({len(judge.causal.encode_completion(DATA.completions[n].text)) for n in names[:2]}) == 1
        if same_length and pair is pairs[0]:
            assert gap == pytest.approx(pair.chosen.score - pair.rejected.score, abs=1e-3)


def test_there_are_none_of_other_judges_and_of_other_rules(judge: ScalarHeadModel) -> None:
    scores = score_split(judge, DATA, "held_out")
    assert wrong_pairs(LetterJudge(), scores, DATA, split="held_out") == ()
    worst = replace(judge, aggregation=Aggregation(rule="maxmin"))
    assert wrong_pairs(worst, scores, DATA, split="held_out") == ()
    right = replace(scores, values={name: truth_of(name) for name in scores.values})
    assert wrong_pairs(judge, right, DATA, split="held_out") == ()  # nothing is wrong


def truth_of(name: str) -> float:
    text = DATA.completions[name].text
    return text.count("a") / len(text)
