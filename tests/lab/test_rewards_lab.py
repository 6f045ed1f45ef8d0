"""The reproduction of rewards: its worlds against closed forms, what the arms find, and what is concluded."""

from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit

from accord.lab.cell import CellResult
from accord.lab.mark import read_marks
from accord.lab.rewards import REWARDS_OF_FEEDBACK
from accord.lab.rewards.cells import work
from accord.lab.rewards.collection import Collection
from accord.lab.rewards.kinds import KINDS, costs
from accord.lab.rewards.linear import Likelihood, fit, posterior
from accord.lab.rewards.people import People, compare
from accord.lab.rewards.points import RewardsPoint
from accord.lab.rewards.trap import LARGEST_N
from accord.lab.trap_world import TrapWorld
from accord.records import Ranking
from accord.reward.terms.comparisons import Comparisons


def found(arm: str, seed: int, folder: Path) -> dict[str, float]:
    """The last number of each name in the short form of a cell."""
    return {point.what: point.value for point in work(arm, seed, True, folder)}


def test_gold_rises_then_falls_in_the_feature_of_the_trap() -> None:
    number_AD = np.stack([np.zeros(3), np.array([-1.0, 0.7, 4.0])], 1)
    world = TrapWorld(np.array([1.0]))
    assert world.gold(number_AD) == pytest.approx([-1.0, 0.7 - 0.5, 4 - 4.3**2 / 2])
    assert TrapWorld(np.array([1.0]), trapped=False).gold(number_AD) == pytest.approx([-1.0, 0.7, 4.0])


def test_comparing_follows_bradley_and_terry_and_ranking_luce() -> None:
    random, weight_D = np.random.default_rng(0), np.array([1.0])
    people = People.draw(weight_D, 4, 1.0, random)
    texts = Collection()
    row_KD = np.array([[1.0], [0.0], [-0.5]])
    for _ in range(4000):
        people.rank(texts, 0, row_KD)
    rankings = [each.judgement for each in texts.feedback]
    first = np.mean([isinstance(ranking, Ranking) and ranking.tiers[0] == (0,) for ranking in rankings])
    assert first == pytest.approx(np.exp(1) / np.exp([1, 0, -0.5]).sum(), abs=0.025)
    assert (compare(0.4).preferred, compare(-0.6).preferred, compare(0.6).strength) == ("tie", "right", 1 / 3)
    assert compare(9.0).strength == 1.0


def test_a_linear_fit_is_the_maximum_of_the_posterior_and_laplace_its_curvature() -> None:
    random = np.random.default_rng(1)
    texts, difference_PD = Collection(), []
    for number in range(40):
        row_2D = random.standard_normal((2, 3))
        judgement = compare(float(random.standard_normal()), grades=(0.0,))
        texts.say(0, number, texts.texts(number, row_2D), judgement)
        difference_PD.append((row_2D[0] - row_2D[1]) * (1 if judgement.preferred == "left" else -1))
    likelihood = Likelihood([Comparisons()], texts, prior_std=2.0)
    fitted_D, x_PD = fit(likelihood), np.array(difference_PD)
    miss_P = expit(-x_PD @ fitted_D)
    assert x_PD.T @ miss_P - fitted_D / 4 == pytest.approx(np.zeros(3), abs=1e-5)
    covariance_DD = np.linalg.inv((x_PD.T * (miss_P * (1 - miss_P))) @ x_PD + np.eye(3) / 4)
    found = posterior(likelihood, fitted_D).margin_std(np.eye(3), np.zeros((3, 3)))[:, 0]
    assert found == pytest.approx(np.sqrt(np.diag(covariance_DD)), rel=1e-4)


def test_strengths_say_what_votes_do_not(tmp_path: Path) -> None:
    assert found("strengths", 701, tmp_path) == {"plain": 0.0, "margin": 1.0, "ordinal": 1.0}


def test_unknown_groups_give_a_minority_its_reward(tmp_path: Path) -> None:
    point = found("groups-6", 702, tmp_path)
    assert point["groups"] == 2
    assert point["pooled minority"] < 0.65
    assert point["found minority"] > 0.9


def test_caution_stays_away_from_the_trap(tmp_path: Path) -> None:
    points = work("trap-quadratic", 100, True, tmp_path)  # a seed on which the reward falls into it
    end = {point.what: point.value for point in points if point.n == LARGEST_N[-1]}
    assert end["plain"] < 0 < 1 < end["caution"]


def test_every_kind_costs_what_the_marks_say() -> None:
    assert set(KINDS) <= set(costs())
    assert costs()["correction"] > costs()["ranking"] > costs()["comparison"] > costs()["rating"] > costs()["label"] > 0


def results() -> list[CellResult[RewardsPoint]]:
    """Three seeds written out."""
    numbers: dict[str, list[dict[str, float]]] = {
        "kinds": [{**dict.fromkeys(KINDS, 0.8), "joint": joint} for joint in (0.9, 0.92, 0.91)],
        "strengths": [{"plain": 0.0, "margin": 1.0, "ordinal": 1.0}] * 2
        + [{"plain": 1.0, "margin": 1.0, "ordinal": 0.0}],
        "groups-6": [{"pooled majority": 0.9, "pooled minority": 0.5, "found majority": 0.88, "found minority": 0.85}]
        * 3,
        "rankings": [
            {
                f"{what} {name}": value
                for name, values in (("plackett-luce", (0.9, 0.9, 0.95)), ("pairs", (1.0, 0.7, 0.8)))
                for what, value in zip(("error", "claimed", "coverage"), values, strict=True)
            }
        ]
        * 3,
    }
    points = {
        arm: [tuple(RewardsPoint(what=what, value=value) for what, value in of.items()) for of in of_arm]
        for arm, of_arm in numbers.items()
    }
    plain, caution = [1.0] * 11 + [0.25], [0.5] * 11 + [0.95]
    points["trap-quadratic"] = [
        tuple(
            RewardsPoint(what=name, value=value, n=n)
            for name, curve in (("plain", plain), ("caution", caution))
            for n, value in zip(LARGEST_N, curve, strict=True)
        )
    ] * 3
    return [
        CellResult[RewardsPoint](name="rewards", short=False, arm=arm, seed=seed, seconds=1.0, measurements=of_seed)
        for arm, of_arm in points.items()
        for seed, of_seed in enumerate(of_arm)
    ]


def test_what_is_concluded_written_out() -> None:
    estimates = REWARDS_OF_FEEDBACK.conclude(results())
    assert sorted(estimates) == sorted(mark.name for mark in read_marks("rewards"))
    assert estimates["joint-rating"].value == pytest.approx(-0.11)
    assert -0.11 < (estimates["joint-rating"].high or 0) < 0
    assert estimates["strengths-wrong"].value == pytest.approx(1 / 3)
    assert estimates["plain-right"].value == pytest.approx(1 / 3)
    assert estimates["caution-lost"].value == pytest.approx(0.05)  # of the higher peak, that without caution
    assert estimates["plain-kept"].value == pytest.approx(0.25)
    assert estimates["minority-wrong"].value == pytest.approx(0.15)
    assert estimates["majority-loss"].value == pytest.approx(0.02)
    assert estimates["ranking-error"].value == pytest.approx(-0.1)
    assert estimates["naive-error"].value == pytest.approx(-0.3)
    assert estimates["coverage"].value == pytest.approx(0.01)
    assert "| kinds | Spearman with gold, joint | 0.910" in REWARDS_OF_FEEDBACK.table(results())
    assert len(REWARDS_OF_FEEDBACK.figure(results()).axes) == 2
