"""A policy from rewards along its texts against the same rewards at their ends, at equal samples.

The laboratory's essays: a transformer of some 100,000 weights that has read a corpus is trained on the true reward, of
which each clause earns its part (`EssayJudge` has credits). Dense and sparse runs of a seed share their start, their
settings and the seeds of their samples; how long their texts become is their own, so tokens are told. What is held
against one another is drawn from the policy in the end; `half_reward` is the mean of four steps half way.

The empty text is worth -1.10 here.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import Any

from accord.artefacts import MODEL, OnlineMetrics
from accord.lab.contenders import measured
from accord.lab.essay import EssayJudge, EssayWorld
from accord.lm.causal import CausalModel
from accord.lm.loading import load
from accord.policy import REINFORCE, RLOO, Materials
from accord.policy.online import Dense
from accord.policy.rollout import generate_rollouts
from accord.records import Sampling
from accord.run import RunDirectory
from accord.stats import mean
from accord.train import Optim, seed_of

KINDS: dict[str, type[Dense]] = {"reinforce": REINFORCE, "rloo": RLOO}
STARTS: dict[int, tuple[float, tuple[str, ...]]] = {4000: (6e-3, ("reinforce", "rloo"))}
"""By the essays that were read: the learning rate, and the algorithms."""
KL_COEF = 0.05
SPREAD = 1.45  # standard deviation of an essay's worth under the start
STEPS, PROMPTS, GROUP, DRAWN = 24, 12, 6, 32
SAMPLING = Sampling(max_tokens=48)
COMMON: dict[str, Any] = {
    "dtype": "float32",
    "prompts_per_step": PROMPTS,
    "group_size": GROUP,
    "sampling": SAMPLING,
    "kl_coef": KL_COEF,
}
Row = tuple[dict[str, float], dict[str, float]]


def measure(
    data: Path, seeds: range, *, starts: Mapping[int, tuple[float, tuple[str, ...]]] = STARTS, steps: int = STEPS
) -> dict[str, Any]:
    """By start and algorithm what dense and sparse rewards make of the policy, and the differences by seed."""
    return {
        f"{texts} essays": {kind: _table(rows) for kind, rows in _of_start(texts, *form, seeds, steps).items()}
        for texts, form in starts.items()
    }


def _of_start(texts: int, rate: float, kinds: Sequence[str], seeds: range, steps: int) -> dict[str, list[Row]]:
    """By algorithm, what each seed gave, sparse and dense."""
    rows: dict[str, list[Row]] = {kind: [] for kind in kinds}
    for seed in seeds:
        world = EssayWorld(seed)
        with TemporaryDirectory() as folder:
            with RunDirectory.create(Path(folder) / "start", seed=seed) as run:
                start = world.start(run, texts=texts)
            reference = load(start)
            for kind in kinds:
                form: dict[str, Any] = {
                    "max_steps": steps,
                    "optim": Optim(lr=rate, warmup_steps=2, lr_schedule="constant"),
                }
                sparse, dense = (
                    _trained(
                        KINDS[kind](**COMMON, **form, dense=dense), world, start, reference, Path(folder, kind + name)
                    )
                    for name, dense in (("sparse", False), ("dense", True))
                )
                rows[kind].append((sparse, dense))
    return rows


def _trained(settings: Dense, world: EssayWorld, start: Path, reference: CausalModel, folder: Path) -> dict[str, float]:
    """Numbers of the run and of its policy."""
    judge = EssayJudge(world, scale=SPREAD)
    with RunDirectory.create(folder, seed=world.seed) as run:
        made: list[OnlineMetrics] = [
            step.metrics for step in settings.steps(Materials(prompts=world.prompts, judge=judge, start=start), run)
        ]
        policy = load(MODEL.verified(run, "policy"))
    half = len(made) // 2
    return {
        "half_reward": fmean(each.reward for each in made[max(0, half - 4) : half]),
        **_drawn(world, policy, reference),
        "tokens": fmean(each.length for each in made) * PROMPTS * GROUP * len(made),
    }


def _drawn(world: EssayWorld, policy: CausalModel, reference: CausalModel) -> dict[str, float]:
    """What a policy writes now."""
    sampling = SAMPLING.model_copy(update={"seed": seed_of(world.seed, "measured")})
    judge = EssayJudge(world, scale=SPREAD)
    after = generate_rollouts(policy, reference, judge, world.prompts, DRAWN, sampling, old_logprobs=False)
    found = measured(after, beta=KL_COEF)
    return {name: float(found[name]) for name in ("reward", "kl", "objective", "length")}


def _table(rows: Sequence[Row]) -> dict[str, Any]:
    """Means over seeds, and of the differences of one seed with their intervals."""
    table: dict[str, Any] = {}
    for side, name in enumerate(("sparse", "dense")):
        table[name] = {key: mean([row[side][key] for row in rows]).to_json() for key in rows[0][side]}
    table["dense less sparse"] = {
        key: mean([dense[key] - sparse[key] for sparse, dense in rows]).to_json() for key in rows[0][0]
    }
    return table
