"""The pieces of OV1 and OV2: who is surely flagged, surprises, orders, lines, and what is asked twice."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accord.audit.oversight.changes import changes_in
from accord.audit.oversight.lines import lines_of, p_of_lines
from accord.audit.oversight.orders import arrangements
from accord.audit.oversight.shares import Flagged, sure_number
from accord.audit.oversight.surprise import surprises_of
from accord.audit.oversight.twice import asked_again, difference
from accord.errors import MissingEvidence
from accord.records import Comparison, Feedback, Rating, Scale

SCALE = Scale(low=0, high=8)


def rating(who: str, item: str, value: float, **fields: object) -> Feedback:
    content = {"evaluator": who, "prompt": "p", "completions": (item,), "judgement": Rating(value=value, scale=SCALE)}
    return Feedback.model_validate(content | fields)


def comparison(who: str, left: str, right: str, side: str, **fields: object) -> Feedback:
    judgement = Comparison.model_validate({"preferred": side})
    content = {"evaluator": who, "prompt": "p", "completions": (left, right), "judgement": judgement}
    return Feedback.model_validate(content | fields)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_more_people_are_less_sure_than_fewer(p_values: list[float]) -> None:
    p_E = np.array(p_values)
    sure = [sure_number(p_E, number) for number in range(1, len(p_values) + 1)]
    assert sure[-1] == max(p_values)
    assert all(0 <= p <= 1 for p in sure)


def test_the_low_end_counts_who_is_surely_flagged() -> None:
    p_E = np.array([1e-9, 1e-9, 1e-9, *np.linspace(0.1, 1, 17)])
    flagged = Flagged([str(i) for i in range(20)], p_E, np.ones(20), np.ones(20, dtype=bool))
    share = flagged.share
    assert (share.value, share.low, share.high) == pytest.approx((0.15, 0.15, 0.15))
    assert flagged.p_above(0.05) < 1e-6
    assert flagged.p_above(0.2) == 1.0


def test_surprise_is_a_half_at_random_and_small_where_people_agree() -> None:
    random = np.random.default_rng(0)
    answers = []
    for who in range(12):
        for item in range(40):
            at_random = who == 0
            value = random.integers(0, 9) if at_random else np.clip(round(4 + 3 * np.sin(item) + random.normal()), 0, 8)
            answers.append(rating(f"e{who:02d}", f"c{item}", float(value)))
    surprises = surprises_of(answers)
    mean_E = [surprises.surprise_N[surprises.evaluator_N == code].mean() for code in range(12)]
    assert mean_E[0] == pytest.approx(0.5, abs=0.08)
    assert max(mean_E[1:]) < 0.3


def test_surprise_of_a_comparison_is_a_quarter_with_the_others_and_three_against_them() -> None:
    answers = [comparison(f"e{who}", "a", "b", "left") for who in range(3)] + [comparison("odd", "b", "a", "left")]
    surprise_N = surprises_of(answers).surprise_N
    assert surprise_N.tolist() == [0.25, 0.25, 0.25, 0.75]


def test_surprises_need_somebody_else() -> None:
    with pytest.raises(MissingEvidence, match="more than one evaluator"):
        surprises_of([rating("e", "c", 1.0)])


def test_orders_leave_each_kind_in_its_places() -> None:
    kind_N = np.array([0, 1, 0, 1, 1, 0])
    orders_BN = arrangements(kind_N, 50, np.random.default_rng(0))
    assert (kind_N[orders_BN] == kind_N).all()
    assert (np.sort(orders_BN, axis=1) == np.arange(6)).all()
    assert len({tuple(order) for order in orders_BN.tolist()}) > 20


def people_of(give_up: Sequence[int], *, seed: int) -> list[Feedback]:
    """Twelve people rate thirty items, each in an order of their own; some stop reading in the middle."""
    random = np.random.default_rng(seed)
    quality = random.integers(1, 8, 30)
    answers = []
    for who in range(12):
        for place, item in enumerate(random.permutation(30).tolist()):
            value = np.clip(quality[item] + random.integers(-1, 2), 0, 8)
            if who in give_up and place >= 14:
                value = random.integers(0, 9)
            answers.append(rating(f"e{who:02d}", f"c{item}", float(value), position_in_session=place))
    return answers


def test_whoever_gives_up_is_found_and_where() -> None:
    changes = {one.evaluator: one for one in changes_in(surprises_of(people_of([3, 7], seed=0)), least=20)}
    assert {name for name, one in changes.items() if one.p_value < 0.002} == {"e03", "e07"}
    assert [len(changes[name].after) for name in ("e03", "e07")] == pytest.approx([16, 16], abs=4)
    assert changes["e03"].lapse > 0.5


def test_nobody_gives_up_where_nobody_does() -> None:
    p_values = [
        one.p_value for seed in range(5) for one in changes_in(surprises_of(people_of([], seed=seed)), least=20)
    ]
    assert np.mean(np.array(p_values) < 0.05) == pytest.approx(0.05, abs=0.06)


def test_lines_of_whoever_repeats_and_of_whoever_gives_one_answer() -> None:
    random = np.random.default_rng(0)
    answers = []
    for who in range(12):
        last = 0
        for item in range(30):
            value = int(random.integers(0, 9))
            if who == 1 and random.random() < 0.7:
                value = last
            last = 4 if who == 2 else value
            answers.append(rating(f"e{who:02d}", f"c{item}", float(last)))
    p_E = p_of_lines(lines_of(answers), random)
    assert p_E[1] < 0.001
    assert p_E[2] < 0.001
    assert np.delete(p_E, [1, 2]).min() > 0.01


def test_an_answer_to_the_whole_is_matched_with_that_to_a_part() -> None:
    part, whole = (
        {"shown_digest": "part", "available_digest": "all"},
        {"shown_digest": "all", "available_digest": "all"},
    )
    first = comparison("e", "a", "b", "left", **part)
    again = comparison("e", "a", "b", "left", repeat_of=first.id, position_in_session=1, **part)
    later = comparison("e", "b", "a", "left", **whole)
    other = comparison("f", "b", "a", "left", **whole)
    pairs = asked_again([first, again, later, other])
    assert [(pair.changed, pair.whole) for pair in pairs] == [(False, False), (True, True)]


def test_a_difference_is_that_of_the_means() -> None:
    people, items = ["a", "b", "c", "d"] * 4, [f"i{n // 2}" for n in range(16)]
    first = [n < 8 for n in range(16)]
    values = [float(n % 3 == 0) for n in range(16)]
    estimate = difference(values, first, people, items)
    assert estimate.value == pytest.approx(np.mean(values[:8]) - np.mean(values[8:]))
    assert estimate.low is not None
    assert estimate.low < estimate.value < (estimate.high or 0)
    with pytest.raises(ValueError, match="both"):
        difference(values, [True] * 16, people, items)
