"""DQ2: what labels tell, what is learnt from them, and what the same money would have bought."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accord.artefacts.finding import Verdict
from accord.audit.collection.cost_frontier import Allocation, frontier_of
from accord.audit.collection.cost_thresholds import CostThresholds
from accord.audit.collection.label_information import information_of, label_of, settled_before
from accord.audit.collection.learning_curve import Curve, fitted
from accord.audit.collection.settled_labels import spent_on_settled
from accord.audit.collection.tiers import study_of_tiers
from accord.audit.evidence import LedgerRecords
from accord.audit.verdicts import at_most
from accord.errors import MissingEvidence
from accord.records import Comparison, Completion, Evaluator, Feedback, Prompt
from accord.stats import Estimate

WORDS = [f"word{number}" for number in range(30)]
RIGHT = {"crowd": 0.8, "experts": 0.95}
SECONDS = {"crowd": 8.0, "experts": 32.0}


def study(
    items: int,
    answers: dict[str, int],
    *,
    controls: int = 20,
    seconds: bool = True,
    worth_of_words: bool = True,
    right: dict[str, float] = RIGHT,
    seed: int = 0,
) -> LedgerRecords:
    """Items with so many answers of each pool, and control questions to twelve people of each."""
    random = np.random.default_rng(seed)
    worth = dict(zip(WORDS, random.normal(size=len(WORDS)), strict=True))
    people = {
        pool: [Evaluator(kind="simulated", pseudonym=f"{pool} {i}", pool=pool) for i in range(12)] for pool in right
    }
    prompts, completions, feedback = [], [], []

    def pair(name: str) -> tuple[Prompt, list[Completion], bool]:
        prompt = Prompt.ask(name)
        texts = [random.choice(WORDS, 8).tolist() for _ in range(2)]
        sides = [Completion(prompt=prompt.id, text=" ".join(text), writer=f"{i}") for i, text in enumerate(texts)]
        values = [sum(worth[word] for word in text) if worth_of_words else random.normal() for text in texts]
        prompts.append(prompt)
        completions.extend(sides)
        return prompt, sides, values[0] > values[1]

    def ask(who: Evaluator, item: tuple[Prompt, list[Completion], bool], *, gold: bool) -> None:
        prompt, sides, left = item
        says_left = left == (random.random() < right[who.pool or ""])
        feedback.append(
            Feedback(
                evaluator=who.id,
                prompt=prompt.id,
                completions=tuple(one.id for one in sides),
                judgement=Comparison(preferred="left" if says_left else "right"),
                seconds=SECONDS[who.pool or ""] if seconds else None,
                gold=Comparison(preferred="left" if left else "right") if gold else None,
            )
        )

    for number in range(controls):
        item = pair(f"control {number}")
        for of_pool in people.values():
            for who in of_pool:
                ask(who, item, gold=True)
    for number in range(items):
        item = pair(f"item {number}")
        for pool, count in answers.items():
            for place in random.permutation(12)[:count]:
                ask(people[pool][place], item, gold=False)
    everybody = [one for of_pool in people.values() for one in of_pool]
    return LedgerRecords(
        {one.id: one for one in feedback},
        {one.id: one for one in everybody},
        {one.id: one for one in prompts},
        {one.id: one for one in completions},
    )


@given(st.floats(0.5, 0.99), st.integers(0, 5), st.integers(0, 3))
def test_information_is_that_of_all_outcomes(accuracy: float, crowd: int, experts: int) -> None:
    right = {"crowd": accuracy, "experts": 0.9}
    pools = ["crowd"] * crowd + ["experts"] * experts
    total = 0.0
    for sides in product((1, -1), repeat=len(pools)):
        chance = math.prod(
            right[pool] if side > 0 else 1 - right[pool] for pool, side in zip(pools, sides, strict=True)
        )
        total += chance * label_of(list(zip(pools, sides, strict=True)), right) ** 2
    assert information_of({"crowd": crowd, "experts": experts}, right) == pytest.approx(total, abs=1e-9)


def test_one_answer_tells_its_margin_squared() -> None:
    assert information_of({"crowd": 1}, {"crowd": 0.7}) == pytest.approx(0.16)


def test_a_label_is_settled_once_its_odds_are() -> None:
    votes = [("experts", 1), ("experts", 1), ("experts", 1), ("experts", -1)]
    assert settled_before(votes, {"experts": 0.92}, 0.95) == [False, False, True, True]
    assert settled_before(votes, {"experts": 0.7}, 0.95) == [False] * 4


@given(st.floats(0.05, 0.95), st.floats(1, 1000), st.floats(0.5, 1.0))
def test_a_curve_goes_through_its_fit_and_rises(gain: float, x: float, ceiling: float) -> None:
    curve = Curve(Estimate(gain, None, None, 1), x, ceiling)
    if math.sin(math.pi / 2 * gain) < 0.99 * ceiling:
        assert curve.accuracy(x) == pytest.approx((1 + gain) / 2)
    assert 0.5 <= curve.accuracy(x / 2) <= curve.accuracy(x) <= curve.accuracy(2 * x) <= 1


def test_the_curve_foretells_what_more_labels_teach() -> None:
    """Fitted at 300 items, against what is learnt from 1,200."""
    curves = {}
    for items in (300, 1200):
        curves[items] = frontier_of(study(items, {"crowd": 1}, seed=3), CostThresholds()).curve
    foretold = 2 * curves[300].accuracy(curves[1200].x) - 1
    assert foretold == pytest.approx(curves[1200].gain.value, abs=0.08)
    assert curves[300].ceiling == 1


def test_a_plateau_is_a_ceiling() -> None:
    """One word decides, and is right in three of four: a quarter of the items teaches as much as all."""
    random = np.random.default_rng(0)
    side_N = random.choice([-1, 1], 3000)
    seen_N = np.where(random.random(3000) < 0.75, side_N, -side_N)
    left = ["good" if seen > 0 else "poor" for seen in seen_N]
    right = ["poor" if seen > 0 else "good" for seen in seen_N]
    curve = fitted(left, right, side_N.astype(np.float64), list(range(3000)))
    assert curve.gain.value == pytest.approx(0.5, abs=0.05)
    assert curve.ceiling == pytest.approx(math.sin(math.pi / 4), abs=0.05)
    assert curve.accuracy(10 * curve.x) == pytest.approx(0.75, abs=0.03)


@pytest.mark.parametrize(
    ("items", "answers", "verdict"),
    [(400, {"crowd": 1}, Verdict.QUIET), (66, {"experts": 3}, Verdict.FIRES)],
)
def test_the_frontier_is_one_answer_of_the_crowd(items: int, answers: dict[str, int], verdict: Verdict) -> None:
    found = frontier_of(study(items, answers, controls=60, seed=1), CostThresholds())
    assert found.best == Allocation("crowd", 1)
    assert at_most(found.loss, 0.02).verdict is verdict


def test_experts_are_the_frontier_where_they_cost_no_more() -> None:
    prices = CostThresholds(per_answer={"crowd": 1.0, "experts": 1.0})
    found = frontier_of(study(400, {"experts": 1}, seed=1), prices)
    assert found.best == Allocation("experts", 1)
    assert found.loss.value == pytest.approx(0, abs=1e-12)


def test_several_answers_are_the_frontier_where_items_are_dear() -> None:
    dear = CostThresholds(per_answer={"crowd": 1.0, "experts": 9.0}, per_item=20.0)
    found = frontier_of(study(100, {"crowd": 5}), dear)
    assert found.best.answers > 2
    assert found.cost == 100 * 25


def test_nothing_is_lost_where_nothing_can_be_learnt() -> None:
    """Words that say nothing of what is better: no verdict that more would have been learnt."""
    loss = frontier_of(study(66, {"experts": 3}, worth_of_words=False), CostThresholds()).loss
    assert loss.low == 0


def test_agreement_stands_for_control_questions() -> None:
    tier = study_of_tiers(study(300, {"crowd": 3, "experts": 2}, controls=0), CostThresholds()).tiers["crowd"]
    assert tier.accuracy.low is not None
    assert tier.accuracy.low < 0.8 < (tier.accuracy.high or 0)
    assert tier.accuracy.method.startswith("agreement")


def test_three_experts_are_one_too_many() -> None:
    records = study(80, {"experts": 3}, right={"crowd": 0.8, "experts": 0.92})
    share = spent_on_settled(study_of_tiers(records, CostThresholds()), CostThresholds())
    assert share.value == pytest.approx((0.92**2 + 0.08**2) / 3, abs=0.04)


@pytest.mark.parametrize(
    ("records", "thresholds", "lacks"),
    [
        (study(10, {"crowd": 1}), CostThresholds(), "30 compared items"),
        (study(40, {"crowd": 1, "experts": 1}, controls=0), CostThresholds(), "how often the pool 'crowd' is right"),
        (study(40, {"crowd": 1}, seconds=False), CostThresholds(), "Feedback.seconds"),
        (study(40, {"crowd": 1}), CostThresholds(per_answer={"experts": 8.0}), "per_answer"),
        (study(40, {"crowd": 1}), CostThresholds(study="another"), "two pools of evaluators"),
    ],
)
def test_what_is_missing_is_named(records: LedgerRecords, thresholds: CostThresholds, lacks: str) -> None:
    with pytest.raises(MissingEvidence) as error:
        frontier_of(records, thresholds)
    assert lacks in error.value.what
