"""The cells: what is compared, how much of it, with a seed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from accord.lab.cell import Cell
from accord.lab.overoptimisation.alarm import first_alarm
from accord.lab.overoptimisation.ascent import ascend
from accord.lab.overoptimisation.best_of_n import kl_of_best
from accord.lab.overoptimisation.points import AlarmPoint, CurvePoint, Point
from accord.lab.overoptimisation.proxies import CLASSES, Proxy, fit_proxy
from accord.lab.overoptimisation.tilting import tilted, tilts
from accord.lab.trap_world import NARROW, QUALITIES, Compared, Floats, TrapWorld, reaching
from accord.lab.worlds import GaussWorld, Normal
from accord.policy.best_of_n import best_of

__all__ = ["ARMS", "LARGEST_N", "LOST", "STEP", "Arm", "cells", "work"]

STEP, STEPS = 0.05, 60
"""By how much sqrt(KL) grows at each step of a run, and how many steps it has: to 9 nats."""
COARSE = 3
LARGEST_N = tuple(2**k for k in range(11))
POOL = 16_384
NEAR = 1.0  # nats from the start of the optimum of the policy that is held near it
ASCENT = 200
LOST = 0.2
PLAIN = ("plain",)


@dataclass(frozen=True)
class Arm:
    """How many texts were compared, how far h reaches in them, and what is done beside.

    scores        what is made of the doubt
    trapped       whether gold falls at all
    rollouts      at how many of a step the audit's alarm is asked; nothing where there are none
    ascent        whether a policy is improved with a KL term and without
    recollected   whether half of the texts that are compared are written by the policy of the peak
    """

    pairs: int = 1000
    reach: float = NARROW
    scores: tuple[str, ...] = PLAIN
    trapped: bool = True
    rollouts: tuple[int, ...] = ()
    ascent: bool = False
    recollected: bool = False


MEMBERS = ("plain", "mean", "worst", "variance")
ARMS: Mapping[str, Arm] = {
    "narrow-150": Arm(150, scores=MEMBERS),
    "narrow-1000": Arm(1000, scores=(*MEMBERS, "posterior"), rollouts=(100,), ascent=True),
    "narrow-5000": Arm(5000, scores=MEMBERS, rollouts=(100, 400)),
    "recollected-1000": Arm(1000, recollected=True),
    "wide-1000": Arm(1000, reach=1.0, rollouts=(100,)),
    "healthy-1000": Arm(1000, reach=1.0, trapped=False, scores=("plain", "worst"), rollouts=(100, 400)),
}


def cells(short: bool) -> list[Cell]:
    """All arms on twenty seeds; in the short form on one."""
    return [Cell(arm, seed) for seed in range(1 if short else 20) for arm in ARMS]


def work(arm: str, seed: int, short: bool, _folder: Path) -> list[Point]:
    """One world, and both classes of rewards in it. Texts of the smaller arms are those of the larger ones too."""
    settings, random = ARMS[arm], np.random.default_rng([seed, 171])
    world = TrapWorld.draw(random, trapped=settings.trapped)
    pairs = settings.pairs // 2 if settings.recollected else settings.pairs
    compared = list(world.compared(reaching(settings.reach), pairs, random))
    return [
        point
        for reward in CLASSES
        for point in _of_reward(_Experiment(settings, world, seed, short), reward, compared, random)
    ]


@dataclass(frozen=True)
class _Experiment:
    settings: Arm
    world: TrapWorld
    seed: int
    short: bool


def _of_reward(
    of: _Experiment, reward: str, compared: Sequence[Compared], random: np.random.Generator
) -> Iterator[Point]:
    proxy = fit_proxy(reward, compared, of.seed, doubt="posterior" in of.settings.scores)
    if of.settings.recollected:
        policies = _run(_closed(proxy, "plain"))
        peak = int(np.argmax([of.world.expected(policy) for policy in policies]))
        later = of.world.compared(policies[peak], of.settings.pairs - len(compared), random)
        proxy = fit_proxy(reward, [*compared, *later], of.seed)
    for score in of.settings.scores:
        yield _best_of_n(of, proxy, score)
        yield _rl(of, proxy, score)
    plain = _closed(proxy, "plain")
    policies = _run(plain) if of.settings.rollouts else []
    for rollouts in of.settings.rollouts[: 1 if of.short else None]:
        yield _alarm(of, reward, policies, rollouts)
    if of.settings.ascent:
        beta, _ = tilted(plain, NEAR)
        yield _ascent(of, reward, plain, beta)
        yield _ascent(of, reward, plain, 0.0)


def _closed(proxy: Proxy, score: str) -> GaussWorld:
    closed = proxy.in_closed_form(score)
    assert closed is not None
    return closed


def _run(score: GaussWorld) -> list[Normal]:
    """The policy of each step, the start first: the optimum at a KL whose root grows step by step."""
    return [score.start, *(tilted(score, (STEP * step) ** 2)[1] for step in range(1, STEPS + 1))]


def _best_of_n(of: _Experiment, proxy: Proxy, score: str) -> CurvePoint:
    size = POOL // 8 if of.short else POOL
    number_AD = np.random.default_rng([of.seed, 174]).standard_normal((size, QUALITIES + 1))
    score_A, gold_A = proxy.score(score)(number_AD), of.world.gold(number_AD)
    return CurvePoint(
        reward=proxy.reward,
        score=score,
        optimiser="best-of-n",
        kl=tuple(kl_of_best(score_A, n) for n in LARGEST_N),
        score_gain=_gains([best_of(score_A, score_A, n) for n in LARGEST_N]),
        gold=_gains([best_of(score_A, gold_A, n) for n in LARGEST_N]),
    )


def _rl(of: _Experiment, proxy: Proxy, score: str) -> CurvePoint:
    """In closed form where there is one; else by reweighting, at every third step."""
    closed, effective = proxy.in_closed_form(score), None
    if closed is not None:
        policies = _run(closed)
        kl = [(STEP * step) ** 2 for step in range(len(policies))]
        scores = [closed.expected(policy) for policy in policies]
        gold = [of.world.expected(policy) for policy in policies]
    else:
        kl = [(STEP * step) ** 2 for step in range(COARSE, STEPS + 1, COARSE)]
        found = tilts(proxy.score(score), of.world, kl, of.seed, texts=2048 if of.short else 6144)
        start = _start_of(of, proxy, score)
        kl, effective = [0.0, *kl], min(tilt.effective for tilt in found)
        scores, gold = [start[0], *(tilt.score for tilt in found)], [start[1], *(tilt.gold for tilt in found)]
    return CurvePoint(
        reward=proxy.reward,
        score=score,
        optimiser="rl",
        kl=tuple(kl),
        score_gain=_gains(scores),
        gold=_gains(gold),
        effective=effective,
    )


def _start_of(of: _Experiment, proxy: Proxy, score: str) -> tuple[float, float]:
    """Mean score and gold of the start."""
    start = reaching(1.0)
    number_AD = start.sample(POOL, np.random.default_rng([of.seed, 174]))
    return float(proxy.score(score)(number_AD).mean()), of.world.expected(start)


def _alarm(of: _Experiment, reward: str, policies: Sequence[Normal], rollouts: int) -> AlarmPoint:
    gain_S = np.array(_gains([of.world.expected(policy) for policy in policies]))
    peak = int(gain_S.argmax())
    below_S = np.flatnonzero((np.arange(len(gain_S)) > peak) & (gain_S < (1 - LOST) * gain_S[peak]))
    alarm = first_alarm(policies, of.world, of.seed, rollouts=rollouts, every=15 if of.short else 3).step
    return AlarmPoint(
        reward=reward,
        rollouts=rollouts,
        alarm=alarm,
        peak=peak,
        lost=int(below_S[0]) if len(below_S) else None,
        left=None if alarm is None or not gain_S[peak] else float(gain_S[alarm] / gain_S[peak]),
    )


def _ascent(of: _Experiment, reward: str, score: GaussWorld, beta: float) -> CurvePoint:
    policies = ascend(score, beta, ASCENT)[::10]
    return CurvePoint(
        reward=reward,
        score="plain",
        optimiser="with-kl" if beta else "without-kl",
        kl=tuple(policy.kl for policy in policies),
        score_gain=_gains([score.expected(policy) for policy in policies]),
        gold=_gains([of.world.expected(policy) for policy in policies]),
        entropy=tuple(float(np.log(policy.std_D).mean()) for policy in policies),
    )


def _gains(values: Sequence[float] | Floats) -> tuple[float, ...]:
    """Less the first, which is the start's."""
    return tuple(float(value - values[0]) for value in values)
