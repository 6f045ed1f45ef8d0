"""The cells: how wrong the model is, with a seed. In each, every design with every sum of money."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from accord.lab.cell import Cell
from accord.lab.overoptimisation.tilting import tilted
from accord.lab.who_may_judge.auditing import audited_remarks, audited_reward
from accord.lab.who_may_judge.designs import DESIGNS, PAIRS, Learnt, answers_for, learn
from accord.lab.who_may_judge.judges import JUDGES, Judge, judges_of
from accord.lab.who_may_judge.points import CheckPoint, JudgePoint, Point, PolicyPoint
from accord.lab.who_may_judge.world import NUMBERS, Items, JudgedWorld
from accord.lab.worlds import GaussWorld
from accord.policy.best_of_n import best_of

__all__ = ["ARMS", "AUDITED", "ERRORS", "HEALTHY", "MONEY", "PICKED", "PRESSURES", "arm_of", "cells", "work"]

Floats = NDArray[np.float64]

ERRORS = (0, 20, 40, 60, 80, 100)
"""Of the model, in hundredths."""
HEALTHY = "healthy"
"""The model is never wrong but for its noise, and a program can verify everything."""
MONEY = (100, 300, 1000, 3000)
"""Dollars."""
PRESSURES = (0.25, 1.0, 2.25, 4.0, 6.25, 9.0)
"""KL to the start, nats."""
PICKED = (4, 16, 64, 256)
AUDITED = ("model", "assisted")
AUDITED_MONEY, AUDITED_KL = 1000, 4.0
FRESH, POOL = 10_000, 8192
GUESSED = 3.0  # difficulty from which on people guess more often than not


def arm_of(error: int) -> str:
    """The name of the arm."""
    return f"error-{error}"


ARMS: Mapping[str, float] = {**{arm_of(error): error / 100 for error in ERRORS}, HEALTHY: 0.0}


def cells(short: bool) -> list[Cell]:
    """All arms on twenty seeds; in the short form on one."""
    return [Cell(arm, seed) for seed in range(1 if short else 20) for arm in ARMS]


def work(arm: str, seed: int, short: bool, _folder: Path) -> list[Point]:
    """One world: worth and pairs are those of the seed, whatever the model's error."""
    random = np.random.default_rng([seed, 190])
    world = JudgedWorld.draw(random, error=ARMS[arm], all_verifiable=arm == HEALTHY)
    items = Items.draw(PAIRS // 10 if short else PAIRS, random)
    fresh = _Fresh(world.gold, Items.draw(FRESH // 10 if short else FRESH, random), _pool(short, random))
    judges = judges_of(world)
    points: list[Point] = [*_judges(judges, fresh, seed)]
    for design in DESIGNS:
        known: dict[tuple[int, ...], tuple[Learnt, PolicyPoint]] = {}
        for money in MONEY:
            answers = answers_for(design, money, len(items))
            spent = tuple(answers.values())
            if spent not in known:  # else no more answers could be bought
                learnt = learn(design, answers, judges, items, seed)
                known[spent] = learnt, _policy(design, money, learnt, fresh)
            learnt, point = known[spent]
            points.append(point.model_copy(update={"money": money}))
            if design in AUDITED and money == AUDITED_MONEY:
                points += _checks(design, learnt, judges, seed)
    return [*points, audited_remarks(judges, seed)]


def _pool(short: bool, random: np.random.Generator) -> Floats:
    return random.standard_normal((POOL // 4 if short else POOL, NUMBERS))


@dataclass(frozen=True)
class _Fresh:
    """Gold, pairs that nobody was asked about, and texts [A, D] to pick from."""

    gold: GaussWorld
    items: Items
    text_AD: Floats

    def picks(self, score_A: Floats) -> tuple[float, ...]:
        """Gold of the best of each n by a score, less the start's."""
        gold_A = self.gold.reward(self.text_AD)
        return tuple(best_of(score_A, gold_A, n) - float(gold_A.mean()) for n in PICKED)


def _judges(judges: Mapping[str, Judge], fresh: _Fresh, seed: int) -> Iterator[JudgePoint]:
    better_P, hard_P = fresh.items.margins(fresh.gold) > 0, fresh.items.difficulty_P > GUESSED
    gold_A = fresh.gold.reward(fresh.text_AD)
    for name, judge in judges.items():
        random = np.random.default_rng([seed, 193, JUDGES.index(name)])
        right_P = judge.prefers_left(fresh.items, random) == better_P
        picks = [judge.best_of(fresh.text_AD, gold_A, n, random) - float(gold_A.mean()) for n in PICKED]
        yield JudgePoint(
            judge=name,
            accuracy=float(right_P.mean()),
            hard=float(right_P[hard_P].mean()),
            picks=tuple(picks),
            best=fresh.picks(gold_A),
        )


def _policy(design: str, money: int, learnt: Learnt, fresh: _Fresh) -> PolicyPoint:
    reward, start = learnt.reward, fresh.gold.expected(fresh.gold.start)
    ordered_P = (fresh.items.margins(reward) > 0) == (fresh.items.margins(fresh.gold) > 0)
    return PolicyPoint(
        design=design,
        money=money,
        answers=dict(learnt.answers),
        accuracy=float(ordered_P.mean()),
        picks=fresh.picks(reward.reward(fresh.text_AD)),
        gold=tuple(fresh.gold.expected(tilted(reward, kl)[1]) - start for kl in PRESSURES),
    )


def _checks(design: str, learnt: Learnt, judges: Mapping[str, Judge], seed: int) -> Iterator[CheckPoint]:
    _, policy = tilted(learnt.reward, AUDITED_KL)
    return audited_reward(design, learnt.reward, policy, judges, seed)
