"""When to ask again: the reward against a library's fit, what is spent against what there is, and what is concluded."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_expit

from accord.lab.cell import CellResult
from accord.lab.mark import read_marks
from accord.lab.recollection import RECOLLECTION
from accord.lab.recollection.asking import BUDGET, STEPS, at_intervals, by_rule
from accord.lab.recollection.cells import INTERVALS, SHARE
from accord.lab.recollection.features import ROUNDS, rounds_of
from accord.lab.recollection.points import AskedPoint, FeaturePoint, Point, StopPoint
from accord.lab.recollection.stopping import until_worse
from accord.lab.recollection.world import DIMENSIONS, RADIUS, Texts, fit_reward, gold_of
from accord.lab.worlds import Normal


def random(*seed: int) -> np.random.Generator:
    return np.random.default_rng([*seed, 77])


def test_gold_has_its_best_place_at_its_radius_or_none() -> None:
    gold = gold_of(random(1), turns=True)
    best_D = gold.weight_D / gold.curvature_D
    assert np.linalg.norm(best_D) == pytest.approx(RADIUS)
    worth = [gold.expected(Normal(t * best_D, np.ones(DIMENSIONS))) - gold.expected(gold.start) for t in (0.5, 1, 2)]
    assert worth == pytest.approx([0.75 * RADIUS, RADIUS, 0])
    assert not gold_of(random(1), turns=False).curvature_D.any()


@pytest.mark.parametrize("seed", range(3))
def test_the_reward_is_the_regression_of_largest_posterior(seed: int) -> None:
    texts = Texts.compared(gold_of(random(seed), turns=True), np.ones(DIMENSIONS), 40, random(seed, 1))
    about_D = random(seed, 2).standard_normal(DIMENSIONS)
    signed_ND = texts.difference_ND * np.where(texts.first_N == 1, 1, -1)[:, None]

    def loss(weight_D: np.ndarray) -> float:
        return float(-log_expit(signed_ND @ weight_D).sum() + ((weight_D - about_D) ** 2).sum() / (2 * 0.7**2))

    found = minimize(loss, np.zeros(DIMENSIONS), method="BFGS", options={"gtol": 1e-8})
    reward = fit_reward(texts, prior_std=0.7, about_D=about_D)
    assert reward.weight_D == pytest.approx(found.x, abs=1e-4)
    assert np.linalg.eigvalsh(reward.covariance_DD).max() < 0.7**2


def test_without_answers_it_is_its_prior() -> None:
    nothing = Texts(np.zeros((0, 3)), np.zeros(0))
    reward = fit_reward(nothing, prior_std=2.0, about_D=np.array([1.0, 2.0, 3.0]))
    assert reward.weight_D == pytest.approx([1, 2, 3])
    assert reward.covariance_DD == pytest.approx(4 * np.eye(3))


@pytest.mark.parametrize("every", INTERVALS)
def test_every_interval_spends_the_budget(every: int) -> None:
    point = at_intervals(gold_of(random(4), turns=True), every, random(4, every))
    assert BUDGET - STEPS < point.labels <= BUDGET
    assert len(point.gold) == STEPS
    assert point.askings == -(-STEPS // every) - 1


def test_the_rule_asks_where_gold_turns_and_stays_within_the_budget() -> None:
    turning = [by_rule(gold_of(random(seed), turns=True), random(seed, 5)) for seed in range(6)]
    control = [by_rule(gold_of(random(seed), turns=False), random(seed, 5)) for seed in range(6)]
    assert all(point.askings >= 1 for point in turning)
    assert sum(point.askings > 0 for point in control) <= 1
    assert all(point.labels <= BUDGET for point in (*turning, *control))
    assert np.mean([point.gold[-1] for point in turning]) > 3


def test_a_run_is_stopped_where_gold_turns_alone() -> None:
    turning = [until_worse(gold_of(random(seed), turns=True), random(seed, 6)) for seed in range(6)]
    control = [until_worse(gold_of(random(seed), turns=False), random(seed, 6)) for seed in range(6)]
    assert sum(point.stop is not None for point in turning) >= 5
    assert all(point.stop is None for point in control)


def test_a_feature_that_is_over_estimated_grows_and_is_found_out_beside_texts_of_the_start() -> None:
    without, beside = ([rounds_of(seed, share, biased=True) for seed in range(8)] for share in (0.0, SHARE))
    assert np.mean([point.over[-1] - point.over[1] for point in without]) > 0
    assert np.mean([point.over[-1] - point.over[1] for point in beside]) < 0
    right = [rounds_of(seed, 0.0, biased=False) for seed in range(8)]
    assert np.mean([abs(point.over[-1] - point.over[0]) for point in right]) < 1
    assert {len(point.over) for point in (*without, *beside)} == {ROUNDS + 1}


def results() -> list[CellResult[Point]]:
    """Two seeds: asking every 8 is best, the rule has nine tenths of that for half of the labels."""
    cells = []
    for seed in range(2):
        for arm in ("turns", "control"):
            points: list[Point] = [
                AskedPoint(how=f"every {every}", gold=(1.0, 4.0 if every == 8 else 2.0 + seed), labels=480, askings=3)
                for every in INTERVALS
            ]
            asks = 2 if arm == "turns" else 0
            points.append(AskedPoint(how="rule", gold=(1.0, 3.6), labels=240, askings=asks))
            points.append(StopPoint(gold=(0.0, 2.0, 4.0, 1.0), stop=1 + seed if arm == "turns" else None))
            cells.append(_cell(arm, seed, points))
        for arm, over in (("biased", 2.0), ("unbiased", 0.1)):
            features: list[Point] = [
                FeaturePoint(
                    share=share,
                    over=(-1.0, 1.0, 0, 0, 0, 1 + sign * over),
                    under=(0.0,) * 5 + (share,),
                    gold=(0,) * 5 + (share,),
                )
                for share, sign in ((0.0, 1), (SHARE, -1))
            ]
            cells.append(_cell(arm, seed, features))
    return cells


def _cell(arm: str, seed: int, points: list[Point]) -> CellResult[Point]:
    return CellResult[Point](
        name="recollection", short=False, arm=arm, seed=seed, seconds=1.0, measurements=tuple(points)
    )


def test_what_is_concluded_written_out() -> None:
    estimates = RECOLLECTION.conclude(results())
    assert all(list(mark.matched(estimates)) for mark in read_marks("recollection"))
    assert estimates["peak-inside:often"].value == pytest.approx(1.5)
    assert estimates["rule-gold"].value == pytest.approx(0.9)
    assert estimates["rule-labels"].value == pytest.approx(0.5)
    assert estimates["control-asks"].value == 0
    assert estimates["stop-in-time"].value == pytest.approx(0.5)
    assert estimates["control-stopped"].value == 0
    assert estimates["over-grows"].value == pytest.approx(2)
    assert estimates["over-falls"].value == pytest.approx(-2)
    assert estimates["under-recovers"].value == estimates["share-gold"].value == pytest.approx(SHARE)
    assert estimates["unbiased-grows"].value == pytest.approx(0.1)
    assert "| rule | 3.60 [3.60, 3.60] | 240 [240, 240] | 2.0 [2.0, 2.0] |" in RECOLLECTION.table(results())
    assert len(RECOLLECTION.figure(results()).axes) == 4
