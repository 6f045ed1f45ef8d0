"""The trap (`trap_world`): gold of the best of n by a learnt reward, with caution and without."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from accord.lab.rewards.collection import Collection, Floats
from accord.lab.rewards.linear import Likelihood, fit, posterior
from accord.lab.rewards.people import compare
from accord.lab.rewards.points import RewardsPoint
from accord.lab.trap_world import NARROW, QUALITIES, Compared, TrapWorld, reaching, with_squares
from accord.policy.best_of_n import best_of
from accord.policy.caution import certainty_equivalent
from accord.reward.terms.comparisons import Comparisons

__all__ = ["ARMS", "CAUTION", "EVALUATORS", "LARGEST_N", "POOL", "PRIOR_STD", "collected", "trap"]

PAIRS = 1000
EVALUATORS = 20
POOL = 65_536
LARGEST_N = tuple(2**k for k in range(12))
PRIOR_STD = 2.0
CAUTION = 0.3


@dataclass(frozen=True)
class Setting:
    """How far h reaches in what was compared, and whether the reward has squares."""

    reach: float = NARROW
    squares: bool = True


ARMS = {
    "trap-quadratic": Setting(),
    "trap-linear": Setting(squares=False),
    "trap-wide": Setting(reach=1.0),
}


def trap(setting: Setting, seed: int, *, pool: int = POOL) -> list[RewardsPoint]:
    """Gold of the best of n by the reward of the largest posterior, and by it with caution, at every n."""
    random = np.random.default_rng([seed, 163])
    world = TrapWorld.draw(random)
    expand = with_squares if setting.squares else _plain
    texts = collected(world.compared(reaching(setting.reach), PAIRS, random))
    likelihood = Likelihood([Comparisons()], texts, prior_std=PRIOR_STD, expand=expand)
    fitted_D = fit(likelihood)
    number_AD = random.standard_normal((pool, QUALITIES + 1))
    feature_AD = expand(number_AD)
    fitted_A = (feature_AD - feature_AD.mean(0)) @ fitted_D  # what was compared has no zero; members agree on the mean
    known = replace(posterior(likelihood, fitted_D), centre_D=feature_AD.mean(0))
    member_AS = fitted_A[:, None] + known.offsets(feature_AD)[:, :, 0].T
    scores = {"plain": fitted_A, "caution": certainty_equivalent(member_AS, CAUTION)}
    gold_A = world.gold(number_AD)
    return [
        RewardsPoint(what=name, n=n, value=best_of(score_A, gold_A, n))
        for name, score_A in scores.items()
        for n in LARGEST_N
    ]


def collected(compared: Iterable[Compared]) -> Collection:
    """The comparisons as records, dealt to twenty evaluators."""
    texts = Collection()
    for number, (row_2D, felt) in enumerate(compared):
        texts.say(number % EVALUATORS, number, texts.texts(number, row_2D), compare(felt, grades=(0.0,)))
    return texts


def _plain(number_AD: Floats) -> Floats:
    return number_AD
