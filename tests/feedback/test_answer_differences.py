"""How far two answers lie apart: worked out by hand, for each kind."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accord.feedback.statistics.answer_differences import COMPARED_KINDS, answer_difference, mean_difference
from accord.records import (
    JUDGEMENT_KINDS,
    Comparison,
    Correction,
    Critique,
    Declined,
    Demonstration,
    Feedback,
    Label,
    Ranking,
    Rating,
    Scale,
    Span,
    Spans,
    Steps,
)

SCALE = Scale(low=1, high=5)


def said(judgement: Any, *completions: str, by: str = "e-1") -> Feedback:
    return Feedback(evaluator=by, prompt="p", completions=completions, judgement=judgement)


def of_one(first: Any, second: Any) -> float | None:
    """Of two answers about one completion."""
    return answer_difference(said(first, "c"), said(second, "c"))


def marks(*spans: tuple[int, int, str]) -> Spans:
    return Spans(spans=tuple(Span(start=start, end=end, type=type_) for start, end, type_ in spans))


@pytest.mark.parametrize(
    ("one", "other", "difference"),
    [
        (marks(), marks(), 0.0),
        (marks((0, 10, "wrong")), marks(), 1.0),
        (marks((0, 10, "wrong")), marks((5, 15, "wrong")), 1 - 5 / 15),
        (marks((0, 10, "wrong")), marks((0, 10, "rude")), 1.0),
        (marks((0, 10, "wrong"), (5, 10, "wrong")), marks((0, 4, "wrong"), (4, 10, "wrong")), 0.0),
        (marks((0, 4, "wrong"), (8, 12, "rude")), marks((2, 6, "wrong"), (8, 12, "rude")), 1 - 6 / 10),
        (Label(chosen=(), offered=("a", "b")), Label(chosen=(), offered=("b", "a")), 0.0),
        (Label(chosen=("a",), offered=("a", "b")), Label(chosen=("a", "b"), offered=("b", "a")), 0.5),
        (Label(chosen=("a",), offered=("a", "b")), Label(chosen=("a",), offered=("a", "c")), None),
        (Rating(value=1, scale=SCALE), Rating(value=4, scale=SCALE), 0.75),
        (Rating(value=1, scale=SCALE), Rating(value=1, scale=Scale(low=0, high=5)), None),
        (Steps(verdicts=("right", "wrong")), Steps(verdicts=("right", "right")), 0.5),
        (Steps(verdicts=("right", "unsure")), Steps(verdicts=("right", "right")), 0.25),
        (Steps(verdicts=("right",)), Steps(verdicts=("right", "right")), None),
        (Correction(text="so it is"), Correction(text="so it is"), 0.0),
        (Correction(text="a b"), Correction(text="a c"), 1 - 2 * 1 / 6),
        (Correction(text="a b"), Correction(text="b a"), 1.0),
        (Correction(text=""), Correction(text=" "), 0.0),
        (Critique(text="short"), Critique(text="short"), None),
        (Declined(), Declined(), None),
        (Declined(), Rating(value=1, scale=SCALE), None),
    ],
)
def test_by_hand(one: Any, other: Any, difference: float | None) -> None:
    found = of_one(one, other)
    assert found == (difference if difference is None else pytest.approx(difference))
    assert of_one(other, one) == found


def test_comparisons_and_rankings_whatever_stood_where() -> None:
    left, right, tie = (Comparison(preferred=side) for side in ("left", "right", "tie"))
    one = said(left, "a", "b")
    assert answer_difference(one, said(right, "b", "a")) == 0
    assert answer_difference(one, said(left, "b", "a")) == 1
    assert answer_difference(one, said(tie, "b", "a")) == 0.5
    assert answer_difference(one, said(left, "a", "c")) is None
    first = said(Ranking(tiers=((0,), (1,), (2,))), "a", "b", "c")
    assert answer_difference(first, said(Ranking(tiers=((2,), (1,), (0,))), "c", "b", "a")) == 0
    assert answer_difference(first, said(Ranking(tiers=((0,), (1,), (2,))), "c", "b", "a")) == 1
    assert answer_difference(first, said(Ranking(tiers=((0, 1), (2,))), "a", "b", "c")) == pytest.approx(1 / 6)


def test_the_kinds_that_are_compared_are_those_that_give_a_number() -> None:
    assert JUDGEMENT_KINDS - {"critique", "demonstration", "declined"} == COMPARED_KINDS
    written = Demonstration(text="so")
    assert answer_difference(said(written), said(written)) is None


def test_the_mean_is_over_pairs_of_different_people() -> None:
    scores = [("e-1", 1.0), ("e-1", 5.0), ("e-2", 1.0), ("e-3", 3.0)]
    answers = [said(Rating(value=value, scale=SCALE), "c", by=by) for by, value in scores]
    assert mean_difference(answers) == pytest.approx((0 + 0.5 + 1 + 0.5 + 0.5) / 5)
    assert mean_difference(answers[:2]) is None
    assert mean_difference([]) is None


SPANS = st.lists(
    st.tuples(st.integers(0, 30), st.integers(1, 9), st.sampled_from(["x", "y"])).map(
        lambda s: (s[0], s[0] + s[1], s[2])
    ),
    max_size=6,
).map(lambda spans: marks(*spans))


@settings(max_examples=60, deadline=None)
@given(SPANS, SPANS)
def test_spans_are_counted_by_characters(one: Spans, other: Spans) -> None:
    first, second = ({(c, s.type) for s in spans.spans for c in range(s.start, s.end)} for spans in (one, other))
    expected = 1 - len(first & second) / len(first | second) if first | second else 0.0
    assert of_one(one, other) == pytest.approx(expected)


def test_a_long_correction_costs_little() -> None:
    long = "a " * 10_000
    assert of_one(Correction(text=long), Correction(text=long + "b")) == pytest.approx(0, abs=1e-3)
