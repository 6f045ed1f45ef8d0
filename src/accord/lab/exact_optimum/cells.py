"""The cells of exact-optimum parity: a method on the world of a seed, at every strength of the KL penalty."""

from pathlib import Path

from torch import Tensor

from accord.lab.cell import Cell, Measurement
from accord.lab.enumerated import EnumWorld, draw_world
from accord.lab.exact_optimum.training import METHODS, RANKED, optimise, settings_of
from accord.lab.tables import train_table

__all__ = ["BEST_OF_N", "BETAS", "Point", "cells", "work"]

BETAS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
BEST_OF_N = "best-of-n"
SIZES = (2, 4, 8, 16, 32, 64)  # n of best of n


class Point(Measurement):
    """Where a policy stands.

    reward        E[r], between 0 and 1
    kl            to the reference, nats
    excess        its reward less that of the frontier at its KL
    entropy       nats a text
    beta          the strength of the KL penalty, where the method has one
    gap           KL to the optimum of that beta, nats
    best_reward   E[r] of that optimum
    best_kl       its KL to the reference, nats
    n             of best of n
    """

    reward: float
    kl: float
    excess: float
    entropy: float
    beta: float | None = None
    gap: float | None = None
    best_reward: float | None = None
    best_kl: float | None = None
    n: int | None = None


def cells(short: bool) -> list[Cell]:
    """All methods on 20 worlds; in the short form on two."""
    return [Cell(arm, seed) for seed in range(2 if short else 20) for arm in (*METHODS, *RANKED, BEST_OF_N)]


def work(arm: str, seed: int, short: bool, _folder: Path) -> list[Point]:
    """One cell: a method at every beta on the world of a seed, or best of n there."""
    world = draw_world(seed).bounded()
    if arm == BEST_OF_N:
        return [_point(world, world.best_of(n)).model_copy(update={"n": n}) for n in SIZES]
    if arm in RANKED:
        settings = settings_of(arm, 0.0, _steps(0.0, short))
        return [_point(world, train_table(settings, world, seed=seed).texts())]
    return [_at_beta(arm, beta, world, seed, short) for beta in ((0.5,) if short else BETAS)]


def _at_beta(arm: str, beta: float, world: EnumWorld, seed: int, short: bool) -> Point:
    policy_PN = optimise(arm, beta, world, seed=seed, steps=_steps(beta, short))
    best_PN = world.optimum(beta)
    exact = {
        "beta": beta,
        "gap": world.kl(policy_PN, world.token_optimum(beta) if arm == "grpo" else best_PN),
        "best_reward": world.expected(best_PN),
        "best_kl": world.kl(best_PN, world.ref_PN),
    }
    return _point(world, policy_PN).model_copy(update=exact)


def _steps(beta: float, short: bool) -> int:
    """Half as many where the optimum is near the start: 1,000 below a beta of 0.5, 500 from there on."""
    return 120 if short else 1000 if beta < 0.5 else 500


def _point(world: EnumWorld, logprob_PN: Tensor) -> Point:
    reward, kl = world.expected(logprob_PN), world.kl(logprob_PN, world.ref_PN)
    entropy = -float((logprob_PN.exp() * logprob_PN.clamp(min=-1e4)).sum(1).mean())
    return Point(reward=reward, kl=kl, excess=reward - world.frontier(kl), entropy=entropy)
