"""accord's side: its own stage classes, as a recipe would run them, step by step."""

import tempfile
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

from accord.errors import SlowPathWarning
from accord.feedback import Dataset
from accord.interfaces import Scores
from accord.lm import load
from accord.lm.adapters import LoRA
from accord.lm.causal import CausalModel
from accord.lm.engine import Engine, Request
from accord.lm.logprobs import completion_logprobs
from accord.policy import DPO, GRPO, PPO, SFT
from accord.policy.materials import Materials, SupervisedExample
from accord.records import Completion, Pair, Prompt, Sampling
from accord.reward import BradleyTerry
from accord.run import RunDirectory
from accord.train.optimiser import Optim
from benchmarks import texts
from benchmarks.stages import GROUP, NEW_TOKENS, SIZES
from benchmarks.turns import Turns

__all__ = ["TOLD_BY_LOSS", "LengthJudge", "dataset", "held_out", "lengths_of", "prompts_of", "serve"]

MODEL = "smollm2-135m"
OPTIM = Optim(lr=1e-5, warmup_steps=0, lr_schedule="constant", betas=(0.9, 0.999))
LATER = 10_000  # no checkpoint in between
TOLD_BY_LOSS = ("sft", "dpo", "dpo_lora")
"""Stages whose sides are held against one another by the loss that their models have on other texts."""


class LengthJudge:
    """Prefers texts of some 300 characters: a program, so that judging costs nothing on either side."""

    name = "length"

    def score(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Scores:
        """-|characters - 300| / 100."""
        return Scores(
            np.array([-abs(len(completion.text) - 300) / 100 for completion in completions], dtype=np.float64)
        )


def dataset(items: list[texts.Item]) -> Dataset:
    """Preference pairs as accord's stages read them."""
    prompts, completions, pairs = {}, {}, []
    for item in items:
        prompt, (chosen, rejected) = item.records()
        prompts[prompt.id] = prompt
        completions |= {chosen.id: chosen, rejected.id: rejected}
        pairs.append(Pair(prompt=prompt.id, chosen=chosen.id, rejected=rejected.id))
    return Dataset(prompts, completions, {}, dict.fromkeys(prompts, "train"), {"train": tuple(pairs)})


def serve(stage: str, steps: int, turns: Turns) -> None:
    """Make the steps of a stage when they are asked for. What accord says of a slow path ends it.

    Raises `SlowPathWarning`.
    """
    warnings.simplefilter("error", SlowPathWarning)
    if stage.startswith("generate"):
        _generate(stage, turns)
        return
    with tempfile.TemporaryDirectory() as folder, RunDirectory.create(Path(folder) / "run") as run:
        made = _steps(stage, steps, run)
        count = 0
        while turns.wait():
            step = next(made)
            count += 1
            turns.done(loss=getattr(step.metrics, "loss", None), tokens=_sampled(step, stage))
        found: dict[str, Any] = {"peak_gb": turns.peak_gb()}
        if count == steps:
            for _ in made:
                raise RuntimeError("more steps than were asked for")
            if stage in TOLD_BY_LOSS:
                found["held_out"] = held_out(run.path / f"{'sft' if stage == 'sft' else 'policy'}/model")
    turns.finish(**found)


def _sampled(step: Any, stage: str) -> float | None:
    """Tokens written in a step of online training."""
    return step.metrics.length * SIZES[stage] * GROUP if stage in ("grpo", "ppo") else None


def _steps(stage: str, steps: int, run: RunDirectory) -> Iterator[Any]:
    """Steps of a stage, each on the same texts."""
    size = SIZES[stage]
    common: dict[str, Any] = {"base": MODEL, "optim": OPTIM, "save_every": LATER}
    pairs = texts.pairs(size, seed=1)
    match stage:
        case "sft":
            examples = [item.records() for item in texts.items(size, answers=1, seed=1)]
            return SFT(**common, batch_size=size, max_shared_prompt=1, epochs=steps).train_on(
                [SupervisedExample(p, c[0]) for p, c in examples], run
            )
        case "reward" | "reward5":
            members = 5 if stage == "reward5" else 1
            settings = BradleyTerry(
                **common, step_completions=2 * size, head_lr_scale=1, ensemble_size=members, epochs=steps
            )
            return settings.steps(dataset(pairs), run)
        case "dpo":
            return DPO(**common, batch_size=size, epochs=steps).steps(Materials(data=dataset(pairs)), run)
        case "dpo_lora":
            return DPO(**common, batch_size=size, epochs=steps, lora=LoRA(rank=16, alpha=32)).steps(
                Materials(data=dataset(pairs)), run
            )
    prompts = [item.records()[0] for item in texts.items(size, answers=1, seed=1)]
    online: dict[str, Any] = {
        "prompts_per_step": size,
        "group_size": GROUP,
        "max_steps": steps,
        "missing_eos_penalty": 0.0,
    }
    sampling = Sampling(max_tokens=NEW_TOKENS)
    materials = Materials(prompts=prompts, judge=LengthJudge())
    if stage == "grpo":
        settings = GRPO(**common, **online, sampling=sampling, kl_coef=0.0, watch_kl=False)
        return settings.steps(materials, run)
    return PPO(**common, **online, sampling=sampling, minibatches=1).steps(materials, run)


def _generate(stage: str, turns: Turns) -> None:
    causal = load(MODEL, dtype="bfloat16")
    lengths = lengths_of(stage)
    prompts = prompts_of(causal, stage)
    sample_lengths(causal, prompts[:1], [2], 0)
    step = 0
    while turns.wait():
        written, decode = sample_lengths(causal, prompts, lengths, step)
        step += 1
        turns.done(loss=None, tokens=written, decode=decode)
    turns.finish(peak_gb=turns.peak_gb(), weights="in place")


def prompts_of(causal: CausalModel, stage: str) -> list[list[int]]:
    """The prompts of a stage of writing, as token ids."""
    return [causal.encode_prompt(item.records()[0]) for item in texts.items(SIZES[stage], answers=1, seed=2)]


def lengths_of(stage: str) -> list[int]:
    """How many tokens each sequence is to have: all alike, or from an eighth of that on."""
    size = SIZES[stage]
    if stage == "generate16":
        return [NEW_TOKENS] * size
    shortest = NEW_TOKENS // 8
    return [shortest + ((NEW_TOKENS - shortest) * i) // (size - 1) for i in range(size)]


class _Endless(CausalModel):
    """A model whose texts end at their length alone, whatever is drawn."""

    eos_id = -1
    end_ids = frozenset()


def sample_lengths(causal: Any, prompts: list[list[int]], lengths: list[int], seed: int) -> tuple[int, float | None]:
    """Write texts of these very lengths with the engine: the tokens written, and the median seconds of a step.

    Of the steps in which all sequences run and none is read any more; None where there are none.
    """
    endless = _Endless(**{one.name: getattr(causal, one.name) for one in fields(CausalModel) if one.init})
    engine = Engine(endless, slots=len(prompts), length=max(map(len, prompts)) + NEW_TOKENS)
    for number, (prompt, length) in enumerate(zip(prompts, lengths, strict=True)):
        engine.submit(Request(number, tuple(prompt), Sampling(max_tokens=length, seed=seed), stream=number))
    count, seconds = 0, []
    while engine.busy:
        began = perf_counter()
        written = len(engine.step())
        if count and written == len(prompts):
            seconds.append(perf_counter() - began)
        count += written
    if count != sum(lengths):
        raise RuntimeError(f"{count} tokens were written, and {sum(lengths)} asked for")
    return count, median(seconds) if seconds else None


def held_out(folder: Path | str) -> float:
    """Mean loss a token of texts that were not trained on, by accord's scorer in float32, for either side's model."""
    causal = load(folder)
    examples = [item.records() for item in texts.items(8, answers=1, seed=99)]
    logprobs = completion_logprobs(
        causal,
        [causal.encode_prompt(prompt) for prompt, _ in examples],
        [causal.encode_completion(completions[0].text) for _, completions in examples],
    )
    return -float(sum(logprob_T.sum() for logprob_T in logprobs)) / sum(len(logprob_T) for logprob_T in logprobs)
