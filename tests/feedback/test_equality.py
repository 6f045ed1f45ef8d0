"""When two judgements say the same, kind by kind: by what they mean, however they are written down."""

import pytest
from said import completion, person, prompt

from accord.feedback import judgement_meaning, same_answer, same_judgement, summarise_evaluators
from accord.records import (
    Comparison,
    Correction,
    Critique,
    Declined,
    Demonstration,
    Feedback,
    Judgement,
    Label,
    Ranking,
    Rating,
    Scale,
    Span,
    Spans,
    Steps,
)

PLAIN, PRINTED = Scale(low=1, high=7, step=1), Scale(low=1, high=7, low_label="poor", high_label="perfect")
ABC = ("a", "b", "c")


def rated(value: float, scale: Scale = PLAIN) -> Rating:
    return Rating(value=value, scale=scale)


def labelled(*selected: str, options: tuple[str, ...] = ABC) -> Label:
    return Label(selected=selected, options=options)


def ranked(*tiers: tuple[int, ...]) -> Ranking:
    return Ranking(tiers=tiers)


def marked(*spans: tuple[int, int, str]) -> Spans:
    return Spans(spans=tuple(Span(start=start, end=end, type=name) for start, end, name in spans))


def judged(*verdicts: str) -> Steps:
    return Steps(verdicts=verdicts)


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        (rated(7), rated(7, PRINTED), True),
        (rated(7), rated(6, PRINTED), False),
        (rated(0.1 + 0.2, Scale(low=0, high=1)), rated(0.3, Scale(low=0, high=1, step=0.1)), True),
        (rated(3), rated(3, Scale(low=0, high=10)), None),
        (labelled("a", "b"), labelled("b", "a", options=("c", "b", "a")), True),
        (labelled("a"), labelled("b"), False),
        (labelled(), labelled(), True),
        (labelled("a"), labelled("a", options=("a", "b")), None),
        (Comparison(preferred="left", strength=0.2), Comparison(preferred="left", strength=1.0), True),
        (Comparison(preferred="left"), Comparison(preferred="tie"), False),
        (ranked((0,), (2, 1)), ranked((0,), (1, 2)), True),
        (ranked((0,), (1,), (2,)), ranked((0,), (1, 2)), False),
        (marked((0, 4, "error"), (9, 12, "style")), marked((10, 14, "style"), (2, 6, "error")), True),
        (marked((0, 4, "error")), marked((0, 4, "style")), False),
        (marked(), marked(), True),
        (marked(), marked((0, 1, "error")), False),
        (judged("right", "wrong", "right"), judged("right", "wrong", "wrong"), True),
        (judged("right", "unsure"), judged("right", "right"), True),
        (judged("wrong", "right"), judged("right", "wrong"), False),
        (judged("right", "right"), judged("right"), None),
        (Declined(reason="unclear"), rated(7), None),
        (Declined(), Declined(), None),
        (Correction(text="Better."), Correction(text="Better."), None),
        (Critique(text="Dull."), Critique(text="Slow."), None),
        (Demonstration(text="A."), Demonstration(text="B."), None),
        (rated(7), Comparison(preferred="left"), None),
    ],
)
def test_meaning_decides(first: Judgement, second: Judgement, same: bool | None) -> None:
    assert same_judgement(first, second) is same
    assert same_judgement(second, first) is same


@pytest.mark.parametrize(
    ("first", "second", "shown", "same"),
    [
        (Comparison(preferred="left"), Comparison(preferred="right"), ("b", "a"), True),
        (Comparison(preferred="left"), Comparison(preferred="left"), ("b", "a"), False),
        (Comparison(preferred="tie"), Comparison(preferred="tie"), ("b", "a"), True),
        (ranked((0,), (1, 2)), ranked((1,), (2, 0)), ("b", "a", "c"), True),
        (ranked((0,), (1,), (2,)), ranked((0,), (1,), (2,)), ("c", "b", "a"), False),
    ],
)
def test_the_order_on_the_screen_does_not_count(
    first: Judgement, second: Judgement, shown: tuple[str, ...], same: bool
) -> None:
    assert same_judgement(first, second, tuple(sorted(shown)), shown) is same


def test_answers_about_other_completions_cannot_be_compared() -> None:
    assert same_judgement(Comparison(preferred="left"), Comparison(preferred="left"), ("a", "b"), ("a", "c")) is None


def test_meanings_are_equal_exactly_where_judgements_say_the_same() -> None:
    """What votes are counted by: no two kinds or scales share a meaning, and spans have none."""
    assert judgement_meaning(Comparison(preferred="left"), ("a", "b")) == ("comparison", "a")
    assert judgement_meaning(Comparison(preferred="right"), ("b", "a")) == ("comparison", "a")
    distinct: list[Judgement] = [rated(7), rated(3), labelled("a"), labelled(), ranked((0,), (1,)), judged("right")]
    assert len({judgement_meaning(each) for each in distinct}) == len(distinct)
    assert judgement_meaning(marked((0, 1, "error"))) is None


def test_the_statistics_go_by_the_same_rule() -> None:
    """A ranking asked again in another order, tied places, overlapping spans; what was declined counts nowhere."""
    who, asked = person("u"), prompt()
    texts = [completion(asked, text).id for text in ("one", "two", "three")]

    def said(judgement: Judgement, *completions: str, **more: object) -> Feedback:
        return Feedback(evaluator=who.id, prompt=asked.id, completions=completions, judgement=judgement, **more)

    ranking = said(ranked((0,), (1, 2)), *texts)
    spans = said(marked((0, 3, "error")), texts[0])
    text = said(Critique(text="Dull."), texts[1])
    again = [
        said(ranked((2,), (0, 1)), *texts[1:], texts[0], repeat_of=ranking.id),
        said(marked((1, 2, "error")), texts[0], repeat_of=spans.id),
        said(Critique(text="Slow."), texts[1], repeat_of=text.id),
    ]
    controls = [
        said(rated(7), texts[0], gold=rated(7, PRINTED)),
        said(Declined(), texts[1], gold=rated(7, PRINTED)),
        said(labelled("b"), texts[2], gold=labelled("b", options=("c", "a", "b"))),
    ]
    (summary,) = summarise_evaluators([ranking, spans, text, *again, *controls], evaluators={who.id: who})
    assert (summary.controls.repeats, summary.controls.repeat_same) == (2, 1.0)
    assert (summary.controls.gold, summary.controls.gold_right) == (2, 1.0)
    assert same_answer(ranking, again[0]) is True
