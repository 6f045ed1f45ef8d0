"""What a remark does to those who read it: simulated people who believe a right assistant, a wrong one, or none."""

import numpy as np
import pytest
from said import comparison, completion, person, prompt

from accord.feedback import AssistanceEffect, assistance_effects
from accord.records import Assistance, Comparison, Correction, Declined, Feedback

ASKED = prompt()
PAIRS = [(completion(ASKED, f"good {n}"), completion(ASKED, f"bad {n}")) for n in range(60)]
LEFT = Comparison(preferred="left")


def answers(seed: int, *, assistant_right: bool, trust: float = 0.5, people: int = 24, n: int = 20) -> list[Feedback]:
    """People of different skill; in half of the cases by lot they see what the assistant prefers, and believe it."""
    rng = np.random.default_rng(seed)
    records = []
    ease_N = rng.normal(0, 1, n)
    for number in range(people):
        skill, who = rng.normal(1, 1), person(f"u{number}")
        for place in range(n):
            shown = bool(rng.random() < 0.5)
            right = rng.random() < 1 / (1 + np.exp(-skill - ease_N[place]))
            right = assistant_right if shown and rng.random() < trust else right
            remark = Assistance(kind="critique", by="e-right" if assistant_right else "e-wrong", shown=shown)
            side = "left" if right else "right"
            records.append(comparison(who, *PAIRS[place], side, gold=LEFT, assistance=remark))
    return records


def only(records: list[Feedback]) -> AssistanceEffect:
    (effect,) = assistance_effects(records)
    return effect


@pytest.mark.parametrize(("assistant_right", "by"), [(True, "e-right"), (False, "e-wrong")])
def test_the_effect_of_trust_is_recovered_and_the_interval_covers_it(assistant_right: bool, by: str) -> None:
    """Without the remark they are right by E[logistic(1 + N(0, 2))]; half of the others say what it says."""
    rng = np.random.default_rng(0)
    alone = float((1 / (1 + np.exp(-1 - rng.normal(0, np.sqrt(2), 200_000)))).mean())
    truth = 0.5 * (assistant_right - alone)
    effects = [only(answers(seed, assistant_right=assistant_right)) for seed in range(60)]
    differences = [effect.difference for effect in effects if effect.difference is not None]
    assert {effect.by for effect in effects} == {by}
    assert sum((each.low or 0) <= truth <= (each.high or 0) for each in differences) >= 54
    assert np.mean([each.value for each in differences]) == pytest.approx(truth, abs=0.03)
    surely_worse = [(each.high or 0) < 0 for each in differences]
    assert sum(surely_worse) == (0 if assistant_right else 60), "who believes a wrong assistant surely loses by it"


def test_an_assistant_that_nobody_believes_does_nothing() -> None:
    zero = [only(answers(seed, assistant_right=False, trust=0.0)).difference for seed in range(60)]
    assert sum(each is not None and (each.low or 0) <= 0 <= (each.high or 0) for each in zero) >= 54


def test_the_shares_are_those_of_the_arms() -> None:
    records = answers(3, assistant_right=False)
    effect = only(records)
    assert effect.shown is not None
    assert effect.withheld is not None
    assert effect.difference is not None
    for estimate, shown in ((effect.shown, True), (effect.withheld, False)):
        right = [
            record.judgement == LEFT for record in records if record.assistance and record.assistance.shown is shown
        ]
        assert (estimate.value, estimate.n) == (pytest.approx(np.mean(right)), len(right))
    assert effect.difference.value == pytest.approx(effect.shown.value - effect.withheld.value)
    assert (effect.difference.n, effect.difference.clusters, effect.evaluators) == (480, 20, 24)


def test_where_all_are_right_the_difference_still_has_an_interval() -> None:
    remarks = [Assistance(kind="spans", by="e-m", shown=shown) for shown in (True, False)]
    people = [person(f"u{number}") for number in range(6)]
    records = [
        comparison(who, *PAIRS[place], "left", gold=LEFT, assistance=remarks[(place + number) % 2])
        for number, who in enumerate(people)
        for place in range(6)
    ]
    difference = only(records).difference
    assert difference is not None
    assert difference.value == 0
    assert (difference.low or 0) < -0.1 < 0.1 < (difference.high or 0)


def test_what_says_nothing_of_it_is_left_out() -> None:
    """No control question, declined, without a remark, a text, taken back; one arm alone has no difference."""
    who, seen = person("u"), Assistance(kind="critique", by="e-m", shown=True)
    first = comparison(who, *PAIRS[0], "right", gold=LEFT, assistance=seen)
    names = first.completions
    base = {"evaluator": who.id, "prompt": ASKED.id, "assistance": seen}
    others = [
        comparison(who, *PAIRS[1], "left", assistance=seen),
        comparison(who, *PAIRS[2], "left", gold=LEFT),
        Feedback(**base, completions=names, judgement=Declined(), gold=LEFT),
        Feedback(**base, completions=names[:1], judgement=Correction(text="x"), gold=Correction(text="x")),
        comparison(who, *PAIRS[0], "left", gold=LEFT, assistance=seen, replaces=first.id),
    ]
    effect = only([first, *others])
    assert effect.shown is not None
    assert (effect.shown.value, effect.shown.n, effect.shown.low) == (1.0, 1, None)
    assert (effect.withheld, effect.difference) == (None, None)
    assert assistance_effects(others[:4]) == []
