"""What is known of each evaluator, against small cases written out."""

import numpy as np
import pytest
from said import comparison, completion, person, prompt, rating

from accord.feedback import EvaluatorSummary, summarise_evaluators, unknown_evaluator
from accord.records import Comparison, Evaluator, Feedback

ASKED = prompt()
TEXTS = [completion(ASKED, text) for text in "abcdef"]
U, V, W = (person(name) for name in "uvw")


def only(said: list[Feedback], who: str) -> EvaluatorSummary:
    (found,) = (each for each in summarise_evaluators(said) if each.evaluator == who)
    return found


def rated(by: Evaluator, values: list[int]) -> list[Feedback]:
    return [rating(by, text, float(value), "s") for text, value in zip(TEXTS, values, strict=False)]


def test_ratings_of_one_person() -> None:
    facts = only(rated(U, [4, 4, 4, -4, 0, 0]), U.id).ratings
    assert facts is not None
    relative = np.array([1, 1, 1, 0, 0.5, 0.5])
    assert (facts.n, facts.mean, facts.spread) == (
        6,
        pytest.approx(relative.mean()),
        pytest.approx(relative.std(ddof=1)),
    )
    assert (facts.same_as_before, facts.longest_run) == (pytest.approx(3 / 5), 3)
    assert facts.same_expected == pytest.approx((3 * 2 + 2 * 1) / 30)
    assert facts.at_ends == pytest.approx(4 / 6)
    assert (facts.consensus, facts.consensus_items) == (None, 0)


def test_straight_lines_stand_out() -> None:
    facts = only(rated(U, [2] * 6), U.id).ratings
    assert facts is not None
    assert (facts.same_as_before, facts.longest_run, facts.spread, facts.consensus) == (1.0, 6, 0.0, None)


def test_consensus_leaves_the_person_out() -> None:
    u, v, w = [4, 3, 2, 1, 0, -1], [4, 2, 2, 0, 0, -4], [-4, -3, 0, 1, 2, 4]
    said = rated(U, u) + rated(V, v) + rated(W, w)
    for by, own, others in ((U, u, (v, w)), (V, v, (u, w)), (W, w, (u, v))):
        facts = only(said, by.id).ratings
        assert facts is not None
        assert facts.consensus == pytest.approx(np.corrcoef(own, np.mean(others, axis=0))[0, 1])
        assert facts.consensus_items == 6
    assert only(said, W.id).pair_accuracy == 0.0
    assert only(said, U.id).pair_count > 0


def test_pair_accuracy_is_against_the_majority_of_the_others() -> None:
    x = person("x")
    said = [
        comparison(U, *TEXTS[:2], "left"),
        comparison(V, *TEXTS[:2], "left"),
        comparison(W, *TEXTS[:2], "right"),
        comparison(x, *TEXTS[:2], "tie"),
    ]
    assert (only(said, U.id).pair_accuracy, only(said, U.id).pair_count) == (None, 0)
    assert (only(said, W.id).pair_accuracy, only(said, W.id).pair_count) == (0.0, 1)
    assert only(said, x.id).pair_accuracy is None
    said.append(comparison(person("y"), *TEXTS[:2], "left"))
    assert only(said, U.id).pair_accuracy == 1.0


def test_sides_count_only_where_the_order_was_recorded() -> None:
    said = [
        comparison(U, TEXTS[0], TEXTS[1], "left", shown="d"),
        comparison(U, TEXTS[1], TEXTS[2], "left", shown="d"),
        comparison(U, TEXTS[2], TEXTS[3], "right", shown="d"),
        comparison(U, TEXTS[3], TEXTS[4], "tie", shown="d"),
        comparison(U, TEXTS[4], TEXTS[5], "right"),
    ]
    facts = only(said, U.id).comparisons
    assert facts is not None
    assert (facts.n, facts.ties, facts.placed, facts.left) == (5, pytest.approx(0.2), 3, pytest.approx(2 / 3))
    assert only(said, U.id).ratings is None


def test_controls_and_repeats() -> None:
    first = rating(U, TEXTS[0], 2.0, "s")
    side = comparison(U, TEXTS[1], TEXTS[2], "left")
    said = [
        first,
        rating(U, TEXTS[0], -2.0, "s", repeat_of=first.id),
        side,
        comparison(U, TEXTS[2], TEXTS[1], "right", repeat_of=side.id),
        comparison(U, TEXTS[3], TEXTS[4], "left", gold=Comparison(preferred="left", strength=1.0)),
        comparison(U, TEXTS[4], TEXTS[5], "left", gold=Comparison(preferred="right")),
    ]
    controls = only(said, U.id).controls
    assert (controls.gold, controls.gold_right) == (2, 0.5)
    assert (controls.repeats, controls.repeat_same, controls.repeat_error) == (2, 0.5, 0.5)


def test_what_was_not_recorded_is_unknown() -> None:
    found = only([comparison(U, *TEXTS[:2], "left")], U.id)
    assert (found.seconds, found.timed, found.controls.gold_right, found.controls.repeat_same) == (None, 0, None, None)
    timed = [comparison(U, *TEXTS[:2], "left", seconds=seconds) for seconds in (1.0, 2.0, 9.0)]
    assert (only(timed, U.id).seconds, only(timed, U.id).timed) == (2.0, 3)


def test_nobody_in_particular_is_left_out() -> None:
    nobody = unknown_evaluator("somewhere")
    said = [comparison(nobody, *TEXTS[:2], "left"), comparison(U, *TEXTS[:2], "left")]
    found = summarise_evaluators(said, evaluators={nobody.id: nobody, U.id: U})
    assert [each.evaluator for each in found] == [U.id]


def test_a_record_taken_back_does_not_count() -> None:
    first = rating(U, TEXTS[0], 2.0, "s")
    facts = only([first, rating(U, TEXTS[0], -4.0, "s", replaces=first.id)], U.id).ratings
    assert facts is not None
    assert (facts.n, facts.mean) == (1, 0.0)
