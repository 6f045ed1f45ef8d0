"""All methods on the enumerated world, whose optimum is known."""

from time import monotonic

from torch import Tensor

from accord.lab.enumerated import EnumWorld, draw_world
from accord.lab.exact_optimum.training import METHODS, RANKED, RANKS, SAMPLES, optimise, prefer
from accord.lab.is_rl_needed.settings import BEST_OF_N, BETA, OPTIMUM, START, MethodResult, N

__all__ = ["on_tables"]

STEPS = 100  # of 256 texts


def on_tables(seed: int, short: bool) -> list[MethodResult]:
    """Every method, the start, its best of n, and the optimum, on the world of a seed."""
    world = draw_world(seed)
    results = []
    for method in (*METHODS, *RANKED):
        start = monotonic()
        policy_PN = _train(method, world, seed, 10 if short else STEPS)
        results.append(_result(world, method, policy_PN, round(monotonic() - start, 2)))
    exact = {BEST_OF_N: world.best_of(N), OPTIMUM: world.optimum(BETA["enum"]), START: world.ref_PN}
    return results + [_result(world, method, policy_PN) for method, policy_PN in exact.items()]


def _train(method: str, world: EnumWorld, seed: int, steps: int) -> Tensor:
    """A table trained on `steps` times as many texts as a step of an online method has."""
    if method == "dpo":
        return prefer(world, BETA["enum"], seed=seed, steps=steps, pairs=SAMPLES // 2, once=True)
    if method in RANKED:
        steps *= SAMPLES // (RANKS * len(world.ref_PMA))
    return optimise(method, BETA["enum"], world, seed=seed, steps=steps)


def _result(world: EnumWorld, method: str, policy_PN: Tensor, seconds: float | None = None) -> MethodResult:
    reward, kl = world.expected(policy_PN), world.kl(policy_PN, world.ref_PN)
    objective = reward - BETA["enum"] * kl
    return MethodResult(world="enum", method=method, objective=objective, reward=reward, kl=kl, seconds=seconds)
