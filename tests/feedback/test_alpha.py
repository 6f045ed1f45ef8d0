"""Krippendorff's alpha against published values, another implementation, cases by hand, and what it promises."""

from itertools import permutations

import evalica
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from said import SCALE, comparison, completion, person, prompt, rating

from accord.feedback import krippendorff_alpha
from accord.feedback.statistics.alpha import Metric, ReliabilityData, alpha, alpha_by_group
from accord.feedback.statistics.codings import Coding, Codings
from accord.records import Evaluator, Feedback, Judgement, Label, Ranking, Rating, Span, Spans, Steps

ASKED = prompt()
TEXTS = [completion(ASKED, text) for text in "abcdef"]
PEOPLE = [person(name) for name in "uvwxyz"]
NAN = float("nan")
# Four observers, twelve units: Krippendorff 2011, "Computing Krippendorff's alpha-reliability", part C.
PUBLISHED = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3],
    [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN],
]


def table(values: list[list[float]] | np.ndarray) -> ReliabilityData:
    """Row by person, column by unit; NaN where nothing was said."""
    value_PU = np.asarray(values, dtype=float)
    person_N, unit_N = np.nonzero(~np.isnan(value_PU))
    return ReliabilityData(unit_N, person_N, unit_N, value_PU[person_N, unit_N], np.ones(unit_N.size))


def codings(said: list[Feedback], *, length: int = 10, evaluators: list[Evaluator] = PEOPLE) -> list[Coding]:
    gathered = Codings({each.id: each for each in evaluators}, {text.id: length for text in TEXTS})
    for record in said:
        gathered.add(record)
    return list(gathered.codings())


def about(by: Evaluator, texts: list, judgement: Judgement, **more: object) -> Feedback:
    shown = tuple(text.id for text in texts)
    return Feedback(evaluator=by.id, prompt=ASKED.id, completions=shown, judgement=judgement, **more)


@pytest.mark.parametrize(("metric", "value"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_the_published_example(metric: Metric, value: float) -> None:
    found = alpha(table(PUBLISHED), metric)
    assert found is not None
    assert found.value == pytest.approx(value, abs=5e-4)
    assert found.n == 40  # the last unit has a single value


@pytest.mark.parametrize("metric", ["nominal", "ordinal", "interval"])
def test_it_is_that_of_evalica(metric: Metric) -> None:
    draw = np.random.default_rng(2)
    values = draw.integers(1, 6, (5, 30)).astype(float)
    values[draw.random(values.shape) < 0.3] = NAN
    found = alpha(table(values), metric)
    assert found is not None
    assert found.value == pytest.approx(evalica.alpha(pd.DataFrame(values), distance=metric).alpha, abs=1e-9)


def test_what_could_not_have_differed_is_unknown() -> None:
    assert alpha(table([[1, 2, 3]]), "interval") is None
    assert alpha(table([[1, 1], [1, 1]]), "nominal") is None
    assert alpha(table(np.full((2, 3), NAN)), "ordinal") is None
    perfect = alpha(table([[1, 2, 3], [1, 2, 3]]), "nominal")
    assert perfect is not None
    assert (perfect.value, perfect.low) == (1.0, None)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.lists(st.sampled_from([1.0, 2.0, 3.0, NAN]), min_size=5, max_size=5), min_size=2, max_size=5))
def test_names_order_and_repetition_change_nothing(values: list[list[float]]) -> None:
    said = [
        rating(PEOPLE[row], TEXTS[column], value, "s")
        for row, of_person in enumerate(values)
        for column, value in enumerate(of_person)
        if not np.isnan(value)
    ]
    whole = krippendorff_alpha(said)
    again = [record.model_copy(update={"session": "later"}) for record in said]
    new_name = dict(zip((each.id for each in PEOPLE), (each.id for each in reversed(PEOPLE)), strict=True))
    renamed = [record.model_copy(update={"evaluator": new_name[record.evaluator]}) for record in said]
    for other in (said + again, said[::-1], renamed):
        found = krippendorff_alpha(other)
        if whole is None:
            assert found is None
        else:
            assert found is not None
            assert (found.value, found.n) == (pytest.approx(whole.value), whole.n)
            assert found.low == pytest.approx(whole.low)


def test_a_person_who_repeats_themselves_is_one_person() -> None:
    said = [rating(PEOPLE[0], text, value, s) for s in "ab" for text, value in zip(TEXTS, [1, 3, 2], strict=False)]
    assert krippendorff_alpha(said) is None


def test_people_with_sessions_of_their_own_share_units() -> None:
    """As everybody has in a study on accord's desk."""
    said = [
        rating(by, text, value, f"{by.pseudonym}-1")
        for by, values in zip(PEOPLE, ([1, 2, 3], [1, 2, 4]), strict=False)
        for text, value in zip(TEXTS, values, strict=False)
    ]
    found = krippendorff_alpha(said)
    assert found is not None
    assert found.value == pytest.approx(
        evalica.alpha(pd.DataFrame([[1, 2, 3], [1, 2, 4]], dtype=float), distance="ordinal").alpha
    )


def test_machines_control_questions_and_what_was_asked_again_do_not_count() -> None:
    model = Evaluator(kind="model", pseudonym="m")
    said = [rating(by, text, 1.0) for by in (PEOPLE[0], model) for text in TEXTS]
    gold = Rating(value=2, scale=SCALE)
    said += [rating(PEOPLE[1], TEXTS[0], 2.0, gold=gold), rating(PEOPLE[1], TEXTS[1], 2.0, repeat_of="f-1")]
    (coding,) = codings(said, evaluators=[*PEOPLE, model])
    assert coding.data.shared().unit_N.size == 0


def test_comparisons_have_no_special_side() -> None:
    """Units are pairs however shown. One of two agrees: D_o = 1/2, and each way round D_e = 4/7."""
    pairs = [(TEXTS[0], TEXTS[1], "left"), (TEXTS[2], TEXTS[3], "right")]
    first = [comparison(PEOPLE[0], *pair) for pair in pairs]
    second = [comparison(PEOPLE[1], TEXTS[1], TEXTS[0], "right"), comparison(PEOPLE[1], *pairs[1][:2], "left")]
    (coding,) = codings(first + second)
    found = alpha(coding.data, coding.metric)
    assert found is not None
    assert (found.value, found.n) == (pytest.approx(1 - (1 / 2) / (4 / 7)), 4)
    chained = [comparison(by, *TEXTS[at : at + 2], "left") for by in PEOPLE[:2] for at in range(3)]
    chained += [comparison(by, TEXTS[3], TEXTS[4], "right") for by in PEOPLE[:2]]
    (coding,) = codings(chained)
    found = alpha(coding.data, coding.metric)
    assert found is not None
    assert found.n == 8  # of texts that hang together each pair counts


def test_labels_of_one_option_are_one_question_and_of_many_one_each() -> None:
    options = ("rude", "wrong")

    def said(*selected: tuple[str, ...]) -> list[Feedback]:
        return [
            about(by, [text], Label(selected=names, options=options))
            for by, of_person in zip(PEOPLE, (selected, selected[::-1]), strict=False)
            for text, names in zip(TEXTS, of_person, strict=False)
        ]

    (single,) = codings(said(("rude",), ("wrong",)))
    assert (single.about, single.metric) == ("one of 2", "nominal")
    many = codings(said(("rude", "wrong"), ()))
    assert [coding.about for coding in many] == ["rude", "wrong"]


def test_spans_agree_by_characters() -> None:
    """Of ten characters one marks 0-4, the other 2-6: four of ten differ; eight of twenty are marked."""
    marks = [Spans(spans=(Span(start=start, end=start + 4, type="wrong"),)) for start in (0, 2)]
    (coding,) = codings([about(by, [TEXTS[0]], mark) for by, mark in zip(PEOPLE, marks, strict=False)])
    found = alpha(coding.data, coding.metric)
    assert found is not None
    chance = 2 * 8 * 12 / 20 / (20 - 20 / 8)  # four stretches by two people
    assert found.value == pytest.approx(1 - 0.4 / chance)
    assert found.n == 2


def test_rankings_by_places_and_steps_by_the_first_that_is_wrong() -> None:
    ranked = [about(by, TEXTS[:3], Ranking(tiers=((0,), (1, 2)))) for by in PEOPLE[:2]]
    (coding,) = codings(ranked)
    assert sorted(coding.data.value_N.tolist()) == [1, 1, 2.5, 2.5, 2.5, 2.5]
    assert coding.metric == "ordinal"
    wrong_at = [Steps(verdicts=("right", "wrong", "wrong")), Steps(verdicts=("right", "wrong", "right"))]
    all_right = Steps(verdicts=("right", "right", "unsure"))
    steps = [about(by, [TEXTS[0]], verdicts) for by, verdicts in zip(PEOPLE, wrong_at, strict=False)]
    steps += [about(by, [TEXTS[1]], all_right) for by in PEOPLE[:2]]
    (coding,) = codings(steps)
    found = alpha(coding.data, coding.metric)
    assert found is not None
    assert found.value == 1.0


def test_within_and_between_groups_by_counting() -> None:
    draw = np.random.default_rng(0)
    data, group_P = table(draw.integers(0, 5, (6, 10)).astype(float)), np.array([0, 0, 0, 1, 1, 1])
    found = alpha_by_group(data, "interval", group_P)
    assert found is not None
    squares: dict[bool, list[float]] = {True: [], False: []}
    for unit in range(10):
        rows = np.flatnonzero(data.unit_N == unit)
        for one, other in permutations(rows, 2):
            same = bool(group_P[data.person_N[one]] == group_P[data.person_N[other]])
            squares[same].append((data.value_N[one] - data.value_N[other]) ** 2)
    every = np.subtract.outer(data.value_N, data.value_N) ** 2
    expected = every.sum() / (60 * 59)
    assert found.within.value == pytest.approx(1 - np.mean(squares[True]) / expected)
    assert found.between.value == pytest.approx(1 - np.mean(squares[False]) / expected)
    assert found.difference.value == pytest.approx(found.within.value - found.between.value)
    assert alpha_by_group(data, "interval", np.zeros(6, np.int64)) is None
    assert alpha_by_group(data, "interval", np.full(6, -1)) is None


def world(draw: np.random.Generator, people: int, texts: int, turned: float) -> tuple[ReliabilityData, np.ndarray]:
    """Six of the people rate each text; half of them see a second quality in it, each has a level of their own, and
    some say the opposite, each with probability `turned`.
    """
    group_P, level_P = np.arange(people) % 2, draw.normal(0, 0.3, people)
    turned_P = np.where(draw.random(people) < turned, -1, 1)
    person_N = np.concatenate([draw.choice(people, 6, replace=False) for _ in range(texts)])
    unit_N = np.repeat(np.arange(texts), 6)
    one_N, other_N = draw.normal(size=(2, texts))[:, unit_N]
    noise_N = draw.normal(size=unit_N.size)
    seen_N = turned_P[person_N] * (one_N + group_P[person_N] * other_N) + level_P[person_N]
    value_N = np.round(2 * (seen_N + noise_N)).clip(-4, 4)
    return ReliabilityData(unit_N, person_N, unit_N, value_N, np.ones(unit_N.size)), group_P


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["nominal", "ordinal", "interval"])
@pytest.mark.parametrize(
    ("turned", "people", "texts", "least"), [(0, 12, 40, 0.92), (0, 40, 60, 0.92), (0.1, 40, 60, 0.88)]
)
def test_the_intervals_hold(metric: Metric, turned: float, people: int, texts: int, least: float) -> None:
    """95 % intervals hold the value of a large sample. Of people of whom few are sampled they know less."""
    draw = np.random.default_rng(7)
    large = [world(draw, 400, 1500, turned) for _ in range(8)]
    truth = np.mean([alpha(data, metric).value for data, _ in large])  # type: ignore[union-attr]
    apart = np.mean([alpha_by_group(data, metric, group_P).difference.value for data, group_P in large])  # type: ignore[union-attr]
    holds = []
    for _ in range(200):
        data, group_P = world(draw, people, texts, turned)
        whole, groups = alpha(data, metric), alpha_by_group(data, metric, group_P)
        assert whole is not None
        assert groups is not None
        difference = groups.difference
        holds.append((whole.low <= truth <= whole.high, difference.low <= apart <= difference.high))  # type: ignore[operator]
    assert (np.mean(holds, axis=0) >= least).all(), np.mean(holds, axis=0)
