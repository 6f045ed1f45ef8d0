"""The policy of a planted run that is a real transformer: trained by RLOO, sampled, and saved as any run leaves it."""

import shutil
from collections.abc import Mapping, Sequence

from accord.artefacts import (
    CURVE,
    EVALUATION,
    EVALUATION_SAMPLES,
    JUDGED_ROLLOUTS,
    METRICS,
    MODEL,
    SAMPLES,
    EvaluationSample,
    JudgedRollout,
)
from accord.interfaces import Judge
from accord.lab.lexicon import SCALE
from accord.lab.planted.language import start_folder
from accord.lab.planted.worlds import World
from accord.lm.loading import load
from accord.loop.evaluate import sample_arm
from accord.loop.judged_rollouts import curve_of
from accord.policy.evaluate import compare, kl_of
from accord.policy.materials import Materials
from accord.policy.rloo import RLOO
from accord.records import Completion, Prompt, Sampling
from accord.run import RunDirectory
from accord.train.optimiser import Optim
from accord.train.seeds import seed_of

__all__ = ["train_transformer"]

SAMPLING = Sampling(max_tokens=24)
GROUP = 8


def train_transformer(
    run: RunDirectory,
    world: World,
    judges: Mapping[str, Judge],
    prompts: Sequence[Prompt],
    held_out: Sequence[Prompt],
    *,
    pressure: float,
) -> None:
    """Train on `prompts` towards the reward under a pressure (1 / beta), evaluate on `held_out`; all files of a run."""
    with RunDirectory.open(start_folder(), write=False) as reading:
        with MODEL.write(run, stage="sft") as folder:
            shutil.copytree(MODEL.verified(reading, "sft"), folder, dirs_exist_ok=True)
        METRICS.write(run, METRICS.read(reading, "sft"), stage="sft")
    start = MODEL.verified(run, "sft")
    settings = RLOO(
        dtype="float32",
        max_steps=world.steps,
        prompts_per_step=max(1, world.rollouts // GROUP),
        group_size=GROUP,
        kl_coef=1 / (SCALE * max(pressure, 1e-3)),
        max_kl=1e3,
        sampling=SAMPLING,
        save_every=1000,
        optim=Optim(lr=6e-3, warmup_steps=1, lr_schedule="constant"),
    )
    for _ in settings.steps(Materials(start=start, prompts=prompts, judge=judges["reward"]), run):
        pass
    judged = list(_judged(run, judges["eval_reward"], prompts))
    JUDGED_ROLLOUTS.write(run, judged)
    CURVE.write(run, curve_of(judged))
    arms = {"start": load(start, dtype="float32"), "policy": load(MODEL.verified(run, "policy"), dtype="float32")}
    samples: list[EvaluationSample] = []
    for number, (arm, causal) in enumerate(arms.items()):
        sampling = SAMPLING.model_copy(update={"seed": seed_of(run.seed, "evaluate", number)})
        written = sample_arm(causal, arms["start"], judges, held_out, world.samples, sampling, arm=arm)
        samples += [one.model_copy(update={"index": len(samples) + one.index}) for one in written]
    EVALUATION_SAMPLES.write(run, samples)
    by_arm = {arm: [sample for sample in samples if sample.arm == arm] for arm in arms}
    assert settings.kl_objective is not None
    optimum = settings.kl_objective.optimum(by_arm["start"], SAMPLING)
    EVALUATION.write(run, compare(by_arm["policy"], by_arm["start"]).model_copy(update={"optimum": optimum}))


def _judged(run: RunDirectory, judge: Judge, prompts: Sequence[Prompt]) -> Sequence[JudgedRollout]:
    """The independent judge's opinion on every rollout."""
    by_id = {prompt.id: prompt for prompt in prompts}
    rows = list(SAMPLES.read(run, "policy"))
    completions = [Completion(prompt=row.prompt, text=row.text) for row in rows]
    scores = judge.score([by_id[row.prompt] for row in rows], completions)
    return [
        JudgedRollout(
            step=row.step,
            index=row.index,
            prompt=row.prompt,
            reward=row.reward,
            eval_reward=score,
            kl=kl_of(row),
        )
        for row, score in zip(rows, scores.value_N.tolist(), strict=True)
        if row.reward is not None
    ]
