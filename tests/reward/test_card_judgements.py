"""Every kind of judgement on the card: how many acts there are, and a measure that tells good judges from bad ones."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from card_world import EVALUATORS, feedback_world, without_pairs
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from accord.artefacts import CARD, RewardCard
from accord.interfaces import Scores
from accord.records import Completion, Pair
from accord.reward import evaluate, score_split
from accord.reward.card.enough import LEAST, precision, too_few
from accord.reward.card.inside import earned_by_character
from accord.reward.card.ordered import area_of, within_evaluators
from accord.stats import Estimate, proportion
from small_data import LetterJudge, truth

DATA = feedback_world()
KINDS = ["comparison", "ranking", "rating", "label", "spans", "steps", "correction", "critique", "demonstration"]


@dataclass
class Turned:
    """A judge that has it the wrong way round, or knows nothing at all."""

    factor: float = -1.0
    name: str = "turned"

    def score(self, prompts: object, completions: list[Completion]) -> Scores:
        return Scores(np.array([self.factor * truth(each.text) for each in completions]))


class Credited(LetterJudge):
    """Each character earns what it adds: an a something, a b nothing."""

    def score(self, prompts: object, completions: list[Completion]) -> Scores:
        credits = tuple(
            tuple((place + 1, (letter == "a") / len(each.text)) for place, letter in enumerate(each.text))
            for each in completions
        )
        return replace(super().score(prompts, completions), credits=credits)


def card_of(judge: object, data: object = DATA) -> RewardCard:
    return evaluate(score_split(judge, data, "held_out"), data, fitted_on="train")  # type: ignore[arg-type]


def test_every_kind_is_there_with_the_number_that_the_file_holds() -> None:
    rows = card_of(LetterJudge()).judgements
    assert rows is not None
    assert list(dict.fromkeys(row.kind for row in rows)) == KINDS
    held_out, texts = 8, 8
    for row in rows:
        number = held_out * (texts if row.kind in {"rating", "label", "spans", "steps"} else 1)
        assert row.acts == row.learnt_from == number, row.kind


def test_a_judge_that_knows_is_told_from_one_that_has_it_the_wrong_way_round() -> None:
    good, bad = (card_of(judge).judgements or () for judge in (LetterJudge(), Turned()))
    for right, wrong in zip(good, bad, strict=True):
        if right.kind == "critique":
            assert right.estimate is None
            assert "no number" in (right.note or "")
        elif right.name.startswith("'other'"):
            assert right.estimate is None  # nobody chose it
        else:
            assert right.estimate is not None, right
            assert wrong.estimate is not None, wrong
            least = 0.0 if right.kind == "rating" else 0.5
            assert right.estimate.value > least > wrong.estimate.value, right.name
            assert right.estimate.low is not None
            assert right.estimate.low <= right.estimate.value <= (right.estimate.high or 0)


def test_data_without_pairs_have_a_card_that_a_run_keeps() -> None:
    card = card_of(LetterJudge(), without_pairs(DATA))
    assert card.accuracy is None
    assert card.length_only is None
    assert {row.kind for row in card.judgements or ()} == set(KINDS)
    assert any("no accuracy can be claimed" in claim for claim in card.claims or ())
    assert any("go with the held-out rating" in claim for claim in card.claims or ())
    kept = RewardCard.model_validate_json(card.model_dump_json())
    assert kept == card
    assert CARD.file == "evaluation.json"


def test_a_card_of_an_earlier_version_is_read() -> None:
    estimate = proportion(7, 10).to_json()
    old = {"accuracy": estimate, "majority": estimate, "length_only": estimate, "agreement": None}
    import json

    card = RewardCard.model_validate_json(json.dumps(old))
    assert card.accuracy is not None
    assert card.judgements is None


def test_a_constant_judge_has_shares_of_one_half_and_no_correlation() -> None:
    rows = {row.kind: row for row in card_of(Turned(factor=0.0)).judgements or ()}
    for kind in ("comparison", "ranking", "correction", "demonstration", "steps"):
        estimate = rows[kind].estimate
        assert estimate is not None
        assert estimate.value == 0.5
    assert rows["rating"].estimate is None
    assert "all alike" in (rows["rating"].note or "")


def test_credits_are_held_against_marks_by_character() -> None:
    rows = {row.kind: row for row in card_of(Credited()).judgements or ()}
    assert "earn less" in rows["spans"].name
    estimate = rows["spans"].estimate
    assert estimate is not None
    assert estimate.value > 0.9  # what is marked is always a b; where there is nothing else, it is a tie


def test_one_pair_is_too_little_for_a_claim() -> None:
    (pair, *_) = (pair for pair in DATA.pairs["held_out"] if not pair.tie)
    single = replace(DATA, pairs={**DATA.pairs, "held_out": (pair,)}, feedback={})
    card = card_of(LetterJudge(), single)
    assert card.accuracy == Estimate(1.0, None, None, 1, 1, method="no interval of a single cluster")
    assert any(f"of the {LEAST} that it takes" in claim for claim in card.claims or ())
    assert not any("better than" in claim for claim in card.claims or ())


def test_it_takes_six_to_tell_all_right_from_chance() -> None:
    assert (proportion(LEAST, LEAST).low or 0) > 0.5
    assert (proportion(LEAST - 1, LEAST - 1).low or 0) < 0.5
    assert too_few(proportion(5, 5)) is not None
    assert too_few(proportion(6, 6)) is None
    assert precision(proportion(500, 1000)) is None
    wanted = precision(proportion(10, 20))
    assert wanted is not None
    assert "about 9" in wanted or "about 10" in wanted  # 96 by the normal approximation


def test_areas_and_correlations_are_those_of_others() -> None:
    random = np.random.default_rng(3)
    value_N = random.integers(0, 6, 60).astype(float)
    is_N = random.random(60) < 0.4
    assert area_of(value_N, is_N) == pytest.approx(roc_auc_score(is_N, value_N))
    acts = [each for each in DATA.feedback["held_out"] if each.judgement.kind == "rating"]
    mine = [each for each in acts if each.evaluator == acts[0].evaluator]
    value_N, rated_N = random.random(len(mine)), random.random(len(mine))
    estimate = within_evaluators(value_N, rated_N, mine, DATA)
    assert estimate is not None
    assert estimate.value == pytest.approx(spearmanr(value_N, rated_N)[0])


def test_ratings_are_compared_within_evaluators_alone() -> None:
    """Two people who use other ends of the scale: over both together the scores would seem to go with the ratings."""
    acts = [each for each in DATA.feedback["held_out"] if each.judgement.kind == "rating"][:16]
    acts = [each.model_copy(update={"evaluator": EVALUATORS[place // 8].id}) for place, each in enumerate(acts)]
    value_N = np.concatenate([np.arange(8.0), 100 + np.arange(8.0)])
    rated_N = np.concatenate([np.arange(8.0)[::-1], 100 + np.arange(8.0)[::-1]])
    estimate = within_evaluators(value_N, rated_N, acts, DATA)
    assert estimate is not None
    assert estimate.value == pytest.approx(-1.0)


def test_what_is_earned_is_spread_over_the_characters_and_sums_to_the_score() -> None:
    credits = [(2, 1.0), (4, 3.0), (4, 0.5)]
    assert earned_by_character(credits, 5).tolist() == [0.5, 0.5, 1.75, 1.75, 0.0]
    assert earned_by_character([(3, 1.0), (9, 2.0)], 3).sum() == pytest.approx(3.0)
    assert earned_by_character([(0, 2.0), (3, 3.0)], 3).tolist() == [3.0, 1.0, 1.0]
    assert earned_by_character([(0, 1.0)], 0).tolist() == []


def test_texts_that_no_pair_holds_are_scored_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accord.reward.card.scored.BESIDE_PAIRS", 10)
    scores = score_split(LetterJudge(), without_pairs(DATA), "held_out")
    assert len(scores.values) == 10
    assert scores.left_out == 8 * 8 + 8 + 8 - 10 - sum(
        each.text in {"aaaa", "aaaaa"} for each in DATA.completions.values() if DATA.split_of[each.prompt] == "held_out"
    )
    rows = [row for row in evaluate(scores, without_pairs(DATA), fitted_on="train").judgements or () if row.acts]
    assert any("left out" in (row.note or "") or row.estimate is None for row in rows)


def test_a_pair_that_is_all_there_is_keeps_its_tie_out() -> None:
    (pair, *_) = DATA.pairs["held_out"]
    tied = Pair(prompt=pair.prompt, chosen=pair.chosen, rejected=pair.rejected, tie=True)
    card = card_of(LetterJudge(), replace(DATA, pairs={**DATA.pairs, "held_out": (tied,)}))
    assert card.accuracy is None
    assert card.judgements
