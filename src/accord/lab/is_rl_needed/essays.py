"""All methods on essays: a small transformer, and a program that knows what its essays are worth."""

from pathlib import Path

from accord.artefacts import MODEL
from accord.lab.contenders import Budget, chosen_of, contend, measured, settings_of, written
from accord.lab.essay import EssayJudge, EssayWorld
from accord.lab.is_rl_needed.settings import (
    BEST_OF_N,
    BETA,
    START,
    TUNED,
    MethodResult,
    N,
    costs,
    minus_missing_eos,
    open_run,
)
from accord.lm.loading import load
from accord.policy.rollout import generate_rollouts
from accord.records import Sampling
from accord.train.seeds import seed_of

__all__ = ["on_essays"]

SPREAD = 1.45  # standard deviation of an essay's worth under the start: the unit of its rewards
SAMPLING = Sampling(max_tokens=48)
FLOAT32 = {"dtype": "float32"}


def on_essays(seed: int, short: bool, folder: Path) -> list[MethodResult]:
    """Every method, the start and its best of n, on the world of a seed; goes on in `folder` where it was stopped."""
    world, beta = EssayWorld(seed), BETA["essay"]
    judge = EssayJudge(world, scale=SPREAD)
    budget = Budget(2, 12, N, SAMPLING, FLOAT32) if short else Budget(30, 24, N, SAMPLING, FLOAT32)
    with open_run(folder / "start", seed) as run:
        start = world.start(run, texts=1200 if short else 12_000)
    reference, count = load(start), 8 if short else 32
    sampling = SAMPLING.model_copy(update={"seed": seed_of(seed, "measured")})
    before = generate_rollouts(reference, reference, judge, world.prompts, count, sampling)
    chosen = chosen_of(before, minus_missing_eos(before, before.score_B), N, beta=beta)
    results = [
        MethodResult(world="essay", method=START, **measured(before, beta=beta)),
        MethodResult(world="essay", method=BEST_OF_N, **chosen),
    ]
    texts = written(budget, world.prompts, judge, start, seed=seed)
    for method in ("rloo", "dpo", "best_of_n") if short else TUNED["essay"]:
        rate, strength = TUNED["essay"][method]
        settings = settings_of(method, budget, lr=rate, strength=strength)
        with open_run(folder / method, seed) as run:
            cost = costs(*contend(settings, budget, world.prompts, judge, run, start, texts=texts))
            policy = load(MODEL.verified(run, "policy"))
        after = generate_rollouts(policy, reference, judge, world.prompts, count, sampling, old_logprobs=False)
        results.append(MethodResult(world="essay", method=method, **measured(after, beta=beta), **cost))
    return results
