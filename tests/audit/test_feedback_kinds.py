"""FT1 and X5: what an answer tells, circles, and choices that leave no room."""

from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accord.audit.collection.circles import Duels, circles_of, fit
from accord.audit.collection.kinds import _of_same_texts
from accord.audit.collection.latent_scores import foreseen_in, quality_of, told_by_each
from accord.audit.collection.machine_written import written_texts
from accord.audit.collection.options import _choices
from accord.audit.evidence import LedgerRecords
from accord.feedback.quality.written import surely_typed
from accord.records import (
    Comparison,
    Completion,
    Demonstration,
    Evaluator,
    Feedback,
    Label,
    Prompt,
    Rating,
    Sampling,
    Scale,
    Telemetry,
)

PROMPT = Prompt.ask("How good?")
TEXTS = [Completion(prompt=PROMPT.id, text=f"text {number}") for number in range(8)]
PEOPLE = [Evaluator(kind="person", pseudonym=f"p{number}") for number in range(8)]


def compares(who: Evaluator, first: int, second: int, up: bool, seconds: float = 5.0) -> Feedback:
    return Feedback(
        evaluator=who.id,
        prompt=PROMPT.id,
        completions=(TEXTS[first].id, TEXTS[second].id),
        judgement=Comparison(preferred="left" if up else "right"),
        seconds=seconds,
    )


def rates(who: Evaluator, text: int, value: float) -> Feedback:
    return Feedback(
        evaluator=who.id,
        prompt=PROMPT.id,
        completions=(TEXTS[text].id,),
        judgement=Rating(value=value, scale=Scale(low=0, high=10)),
        seconds=5.0,
    )


@pytest.mark.parametrize("order", permutations(range(3)))
def test_an_order_has_no_circle(order: tuple[int, ...]) -> None:
    duels = Duels([compares(PEOPLE[0], a, b, order.index(a) < order.index(b)) for a, b in combinations(range(3), 2)])
    assert circles_of(duels.triad_T3, duels.up_N).tolist() == [False]


@pytest.mark.parametrize("turned", [False, True])
def test_a_circle_is_one_whichever_side_was_shown_first(turned: bool) -> None:
    duels = Duels([compares(PEOPLE[0], a, b, not turned) for a, b in ((0, 1), (1, 2), (2, 0))])
    assert circles_of(duels.triad_T3, duels.up_N).tolist() == [True]


@given(st.lists(st.booleans(), min_size=10, max_size=10))
def test_circles_are_as_many_as_kendall_counts(up: list[bool]) -> None:
    """n (n - 1) (2 n - 1) / 12 - sum of wins squared / 2 (Kendall & Babington Smith 1940)."""
    pairs = list(combinations(range(5), 2))
    duels = Duels([compares(PEOPLE[0], a, b, first) for (a, b), first in zip(pairs, up, strict=True)])
    wins = np.bincount([a if first else b for (a, b), first in zip(pairs, up, strict=True)], minlength=5)
    assert circles_of(duels.triad_T3, duels.up_N).sum() == 5 * 4 * 9 / 12 - (wins**2).sum() / 2


def test_triads_are_of_one_person() -> None:
    answers = [compares(PEOPLE[place], a, b, True) for place, (a, b) in enumerate(((0, 1), (1, 2), (0, 2)))]
    assert Duels(answers).triad_T3.shape == (0, 3)


def test_scores_fitted_together_are_those_fitted_alone() -> None:
    random = np.random.default_rng(0)
    duels = Duels([compares(who, a, b, True) for who in PEOPLE for a, b in combinations(range(8), 2)])
    up_SN = (random.random((3, duels.up_N.size)) < 0.7).astype(float)
    together = fit(duels, up_SN)
    assert together == pytest.approx(np.concatenate([fit(duels, up_N[None]) for up_N in up_SN]), abs=1e-4)


def judged(*, informative: bool) -> list[Feedback]:
    random, answers = np.random.default_rng(1), []
    for who in PEOPLE:
        for a, b in combinations(range(8), 2):
            answers.append(compares(who, a, b, (a < b) if informative else bool(random.random() < 0.5)))
        answers += [rates(who, text, float(np.clip(9 - text + random.normal(0, 0.3), 0, 10))) for text in range(8)]
    return answers


def test_a_sure_comparison_tells_nearly_a_bit_and_a_coin_none() -> None:
    sure = np.mean([one.bits for one in told_by_each(judged(informative=True)) if one.kind == "comparison"])
    coin = np.mean([one.bits for one in told_by_each(judged(informative=False)) if one.kind == "comparison"])
    assert 0.8 < sure <= 1.0
    assert coin < 0.05


def test_quality_follows_the_order_and_is_empty_without_one() -> None:
    quality = quality_of(judged(informative=True))
    assert sorted(quality, key=lambda name: -quality[name]) == [text.id for text in TEXTS]
    assert quality_of([]) == {}


def test_a_slip_costs_no_more_than_the_share_of_slips() -> None:
    answers = judged(informative=True)
    slips = [rates(PEOPLE[0], text, float(text)) for text in range(8)]
    told = told_by_each([one for one in answers if one.evaluator != PEOPLE[0].id] + slips)
    assert min(one.bits for one in told) > np.log2(0.05) - 1e-9
    assert min(one.bits for one in told) < -1


def test_equal_seconds_foresee_others_and_none_foresee_half() -> None:
    answers = judged(informative=True)
    for kind in ("comparison", "rating"):
        assert np.mean([right for _, right in foreseen_in(1000.0, kind, answers)]) > 0.9
        assert np.mean([right for _, right in foreseen_in(0.0, kind, answers)]) == 0.5


def test_only_texts_judged_by_two_kinds_are_held_against_each_other() -> None:
    """In a study whose ratings and comparisons are about different texts, no kind can be told by the other."""
    compared = [compares(who, 0, 1, True) for who in PEOPLE]
    apart = [*compared, *(rates(who, text, 5.0) for who in PEOPLE for text in (2, 3))]
    same = [*compared, *(rates(who, text, 5.0) for who in PEOPLE for text in (0, 1))]
    people = {who.id: who for who in PEOPLE}
    for answers, number in ((apart, 0), (same, 24)):
        records = LedgerRecords({one.id: one for one in answers}, people, {}, {})
        assert len(_of_same_texts(records, 6)) == number
        assert _of_same_texts(records, 9) == []


def label(selected: tuple[str, ...], options: tuple[str, ...]) -> Feedback:
    judgement = Label(selected=selected, options=options)
    return Feedback(evaluator=PEOPLE[0].id, prompt=PROMPT.id, completions=(TEXTS[0].id,), judgement=judgement)


def test_a_list_of_which_several_may_hold_is_no_choice() -> None:
    said = [label(("a", "b"), ("a", "b")), label((), ("a", "b")), label((), ("x", "y")), label((), ("only",))]
    records = LedgerRecords({one.id: one for one in said}, {PEOPLE[0].id: PEOPLE[0]}, {}, {})
    assert list(_choices(records)) == ["x, y"]


def test_what_was_typed_and_what_models_wrote_are_told_apart() -> None:
    texts = [Completion(prompt=PROMPT.id, text="by a model", sampling=Sampling()), TEXTS[0]]
    said = [
        Feedback(
            evaluator=PEOPLE[0].id,
            prompt=PROMPT.id,
            completions=(),
            judgement=Demonstration(text=text),
            telemetry=counted,
        )
        for text, counted in (
            ("typed by me", Telemetry(pasted=0, keystrokes=12)),
            ("pasted", Telemetry(pasted=1, keystrokes=9)),
            ("not counted", None),
        )
    ]
    records = LedgerRecords(
        {one.id: one for one in said}, {PEOPLE[0].id: PEOPLE[0]}, {}, {one.id: one for one in texts}
    )
    written = written_texts(records)
    assert written.machine_texts == ["by a model"]
    assert surely_typed(written).tolist() == [True, False, False]
