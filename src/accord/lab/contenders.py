"""Many ways to a better policy on one budget: so many texts are written and judged, and as many are trained on.

Who learns from its own texts writes them while it learns. Who does not is given the same number of texts by the start,
judged by the same judge: as pairs (the better one is chosen), in groups that are ranked, after a control that says how
good they are, or the best alone (of each group, or chosen among all), read as often as makes up the number. Best of n
trains nothing and chooses when it is asked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accord.feedback import Dataset
from accord.interfaces import Judge
from accord.lm.generate import generate
from accord.lm.loading import load
from accord.lm.memory import peak_gb, release_memory, reset_peak
from accord.policy.best_of_n import best_of, best_of_kl
from accord.policy.budget import SampleBudget
from accord.policy.evaluate import describe
from accord.policy.materials import Materials, SupervisedExample
from accord.policy.registry import ALGORITHMS
from accord.policy.rollout import Rollout
from accord.policy.settings import PolicySettings
from accord.records import Completion, Pair, Prompt
from accord.run import RunDirectory
from accord.stats import mean
from accord.train.optimiser import Optim
from accord.train.seeds import seed_of, shuffled

__all__ = ["METHODS", "ONLINE", "Budget", "Written", "chosen_of", "contend", "measured", "settings_of", "written"]

METHODS = tuple(kind for kind in ALGORITHMS.names if ALGORITHMS.get(kind).lab_defaults is not None)
ONLINE = tuple(kind for kind in METHODS if ALGORITHMS.get(kind)().on_policy)
Row = dict[str, Any]


@dataclass(frozen=True)
class Budget(SampleBudget):
    """What everybody may use. `form` is what all settings share."""

    form: dict[str, Any]


def settings_of(method: str, budget: Budget, *, lr: float, strength: float) -> PolicySettings:
    """The settings of a method. `strength` is the value of its anchor, the setting that holds it to its start, if any.

    Raises `ValueError` for a method that is not among the contenders.
    """
    if method not in METHODS:
        raise ValueError(f"no method '{method}'; there are {', '.join(METHODS)}")
    algorithm = ALGORITHMS.get(method)
    settings: dict[str, Any] = {
        **budget.form,
        "optim": Optim(lr=lr, warmup_steps=2, lr_schedule="constant"),
        **(algorithm.lab_defaults or {}),
        **algorithm.within(budget),
    }
    if algorithm.anchor:
        settings[algorithm.anchor] = strength
    return algorithm(**settings)


@dataclass(frozen=True)
class Written:
    """The budget's texts by the start, N of them, as many of each prompt side by side; and the seconds it took.

    score_N   the judge's, less 1 where a text did not end itself, the default `missing_eos_penalty`
    """

    examples: list[SupervisedExample]
    score_N: NDArray[np.float64]
    seconds: float

    def pairs(self) -> Dataset:
        """Two by two, the better one chosen; equal scores are ties, equal texts no pair."""
        completions: dict[str, Completion] = {}
        pairs: list[Pair] = []
        for left in range(0, len(self.examples), 2):
            first, second = left, left + 1
            better, worse = (first, second) if self.score_N[first] >= self.score_N[second] else (second, first)
            prompt, chosen, rejected = (
                self.examples[better].prompt,
                self.examples[better].completion,
                self.examples[worse].completion,
            )
            if chosen.id == rejected.id:
                continue
            completions |= {chosen.id: chosen, rejected.id: rejected}
            tie = bool(self.score_N[first] == self.score_N[second])
            pairs.append(Pair(prompt=prompt.id, chosen=chosen.id, rejected=rejected.id, tie=tie))
        prompts = {example.prompt.id: example.prompt for example in self.examples}
        return Dataset(
            prompts=prompts,
            completions=completions,
            evaluators={},
            split_of=dict.fromkeys(prompts, "train"),
            pairs={"train": tuple(pairs)},
        )


def written(budget: Budget, prompts: Sequence[Prompt], judge: Judge, start: Path | str, *, seed: int) -> Written:
    """What whoever does not write is given: an even number of texts of each prompt, all prompts alike."""
    began = monotonic()
    writer = load(start, dtype=budget.form["dtype"])
    prompts = [prompts[i] for i in shuffled(len(prompts), seed, "asked")[: budget.texts // 2]]
    each = budget.texts // (2 * len(prompts)) * 2
    sampling = budget.sampling.model_copy(update={"seed": seed_of(seed, "pairs")})
    groups = generate(writer, [writer.encode_prompt(prompt) for prompt in prompts], each, sampling)
    examples = [
        SupervisedExample(prompt, writer.completion(prompt, one, sampling))
        for prompt, group in zip(prompts, groups, strict=True)
        for one in group
    ]
    score_N = judge.score([e.prompt for e in examples], [e.completion for e in examples]).value_N
    cut_N = np.array([one.finish_reason == "length" for group in groups for one in group])
    return Written(examples, score_N - cut_N, monotonic() - began)


class _Offered(Materials):
    """What a contender may learn from: the prompts, or the budget's texts by the start, written when asked for."""

    def __init__(
        self,
        budget: Budget,
        prompts: Sequence[Prompt],
        judge: Judge,
        start: Path | str,
        *,
        seed: int,
        texts: Written | None,
    ) -> None:
        super().__init__(start=start, prompts=prompts, judge=judge)
        self._budget, self._seed, self._given = budget, seed, texts
        self.seconds_before = 0.0  # that somebody else spent on writing what is learnt from

    @cached_property
    def texts(self) -> Written:
        """What `written` found, by somebody else or now."""
        if self._given is None:
            assert self.start is not None
            return written(self._budget, self.prompts, self.judge, self.start, seed=self._seed)
        self.seconds_before = self._given.seconds
        return self._given

    @property
    def data(self) -> Dataset:
        return self.texts.pairs()

    @property
    def examples(self) -> Sequence[SupervisedExample]:
        return self.texts.examples

    @property
    def compared(self) -> Sequence[SupervisedExample]:
        return self.texts.examples


def contend(
    settings: PolicySettings,
    budget: Budget,
    prompts: Sequence[Prompt],
    judge: Judge,
    run: RunDirectory,
    start: Path | str,
    *,
    texts: Written | None = None,
) -> tuple[float, float | None]:
    """Train from `start` within the budget; leaves `policy/model` in `run`. Seconds, and the peak of memory in GB.

    `texts` are what `written` found, where somebody has them; their seconds count. Goes on from the last checkpoint
    where it was stopped; the seconds are then those of the last part. Raises `TypeError` for
    settings of no contender.
    """
    if settings.kind not in METHODS:
        raise TypeError(f"{type(settings).__name__} is not among the contenders")
    release_memory()
    reset_peak()
    began = monotonic()
    offered = _Offered(budget, prompts, judge, start, seed=run.seed, texts=texts)
    for _ in settings.steps(offered, run):
        pass
    return offered.seconds_before + monotonic() - began, peak_gb()


def chosen_of(pool: Rollout, score_B: NDArray[np.float64], n: int, *, beta: float) -> Row:
    """Best of `n` of the start by `score_B`, from a pool of n texts a prompt or more: reward, KL and their balance.

    Unbiased over the choices of n (`best_of`); the KL is the bound log n - (n - 1) / n. `intervals` are over prompts.
    """
    value_B = pool.score_B.double().cpu().numpy()
    by_prompt: dict[str, list[int]] = {}
    for row, prompt in enumerate(pool.prompts):
        by_prompt.setdefault(prompt.id, []).append(row)
    reward = mean([best_of(score_B[rows], value_B[rows], n) for rows in by_prompt.values()])
    kl = best_of_kl(n)
    low, high = (None if bound is None else bound - beta * kl for bound in (reward.low, reward.high))
    return {
        "reward": round(reward.value, 5),
        "kl": round(kl, 5),
        "objective": round(reward.value - beta * kl, 5),
        "intervals": {"reward": [reward.low, reward.high], "objective": [low, high]},
    }


def measured(rollout: Rollout, *, beta: float) -> Row:
    """What a policy wrote: reward by the judge, KL to the start (nats a text), their balance, and how varied it is.

    `intervals` are those over prompts.
    """
    rows = rollout.rows(1, 1.0)
    prompts = [row.prompt for row in rows]
    kl_B, reward_B = rollout.kl_B.tolist(), rollout.score_B.tolist()
    objective_B = [reward - beta * kl for reward, kl in zip(reward_B, kl_B, strict=True)]
    described = {name: estimate for name, estimate in vars(describe(rows)).items() if estimate is not None}
    means = {"reward": mean(reward_B, prompts), "kl": mean(kl_B, prompts), "objective": mean(objective_B, prompts)}
    estimates = {**described, **means}
    names = ("reward", "kl", "objective", "distinct_2", "entropy", "length", "stop_rate")
    reported = {name: estimates[name] for name in names if name in estimates}
    return {
        **{name: round(estimate.value, 5) for name, estimate in reported.items()},
        "intervals": {name: [estimate.low, estimate.high] for name, estimate in reported.items()},
    }
