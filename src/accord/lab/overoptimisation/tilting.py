"""RL at its best: the policy with the most score at a KL to the start, exactly or by reweighting.

    pi*(y) = start(y) exp(score(y) / beta) / Z

(Korbak et al. 2022, arXiv 2205.11275). Of a score with weights and curvatures it is normal and known in closed form
(`worlds.GaussWorld`). Of any other one its means are those of texts by a normal policy nearby, reweighed; policies of
growing KL follow one another, each drawn near what the last one was.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from accord.lab.overoptimisation.proxies import Score
from accord.lab.trap_world import Floats, TrapWorld
from accord.lab.worlds import GaussWorld, Normal

__all__ = ["Tilt", "tilted", "tilts"]

TEXTS = 6144
WIDER = 1.25  # how much wider than the last policy texts are drawn


def tilted(score: GaussWorld, kl: float) -> tuple[float, Normal]:
    """The beta at which pi* is so many nats from the start, and pi*. Raises ValueError for a score of 0 everywhere."""
    if not score.weight_D.any() and not score.curvature_D.any():
        raise ValueError("a score that is 0 everywhere moves no policy")
    least = max(0.0, -float(score.curvature_D.min()))  # below there is no optimum
    low, high = 1e-9, 1e6
    for _ in range(80):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if score.optimal(least + middle).kl > kl else (low, middle)
    return least + high, score.optimal(least + high)


@dataclass(frozen=True)
class Tilt:
    """pi* at a KL: its mean score and gold, and on how many texts these rest (Kong 1992)."""

    kl: float
    score: float
    gold: float
    effective: float


def tilts(score: Score, world: TrapWorld, kls: Sequence[float], seed: int, *, texts: int = TEXTS) -> list[Tilt]:
    """pi* of any score at KLs that rise, by texts of a normal policy that are weighed by start(y) / policy(y).

    d KL / d (1 / beta) is the variance of the score over beta, so KL rises with 1 / beta for any such texts.
    """
    random = np.random.default_rng([seed, 172])
    normal_AD = random.standard_normal((texts, len(world.weight_Q) + 1))
    nearby = Normal(np.zeros(normal_AD.shape[1]), np.ones(normal_AD.shape[1]))
    found, root = [], 0.0
    for kl in kls:
        reach = kl**0.5 / root if root else 1.0
        writer = Normal(nearby.mean_D * reach, WIDER * nearby.std_D)
        number_AD = writer.mean_D + writer.std_D * normal_AD
        score_A = score(number_AD)
        tilt_A = _weights(score_A, -writer.kl_of(number_AD), kl)
        found.append(
            Tilt(
                kl=kl,
                score=float(tilt_A @ score_A),
                gold=float(tilt_A @ world.gold(number_AD)),
                effective=float(1 / (tilt_A @ tilt_A)),
            )
        )
        mean_D = tilt_A @ number_AD
        nearby, root = Normal(mean_D, np.sqrt(tilt_A @ (number_AD - mean_D) ** 2)), kl**0.5
    return found


def _weights(score_A: Floats, base_A: Floats, kl: float) -> Floats:
    """What texts count under pi* at that KL, sum 1; `base_A` is log start(y) / writer(y)."""
    low, high = 1e-9, 1e9
    tilt_A, size = np.exp(base_A), len(base_A)
    for _ in range(60):
        middle = (low * high) ** 0.5  # 1 / beta
        exponent_A = base_A + middle * score_A
        largest = exponent_A.max()
        tilt_A = np.exp(exponent_A - largest)
        total = tilt_A.sum()
        kl_found = middle * float(tilt_A @ score_A) / total - (largest + np.log(total / size))
        low, high = (low, middle) if kl_found > kl else (middle, high)
    return np.asarray(tilt_A / tilt_A.sum())
