"""Many ways to a better policy on one budget: so many texts are written and judged, and as many are trained on.

Who learns from its own texts writes them while it learns. Who does not is given the same number of texts by the start,
judged by the same judge: as pairs (the better one is chosen), in groups that are ranked, after a control that says how
good they are, or the best alone (of each group, or chosen among all), read as often as makes up the number. Best of n
trains nothing and chooses when it is asked.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accord.feedback import Dataset
from accord.interfaces import Judge
from accord.lm.causal import load
from accord.lm.generate import generate
from accord.lm.memory import peak_gb, release_memory, reset_peak
from accord.lm.settings import ModelSettings
from accord.policy.best_of_n import BestOfN, best_of, best_of_kl
from accord.policy.conditional import Conditional
from accord.policy.curated import Curated
from accord.policy.dpo import DPO
from accord.policy.evaluate import describe
from accord.policy.grpo import GRPO
from accord.policy.ipo import IPO
from accord.policy.kto import KTO
from accord.policy.online import Online
from accord.policy.orpo import ORPO
from accord.policy.pairwise import Pairwise
from accord.policy.ppo import PPO
from accord.policy.pro import PRO
from accord.policy.reinforce import REINFORCE
from accord.policy.reinforce_pp import ReinforcePP
from accord.policy.rloo import RLOO
from accord.policy.rollout import Rollout
from accord.policy.rrhf import RRHF
from accord.policy.simpo import SimPO
from accord.policy.supervised import Example
from accord.records import Completion, Pair, Prompt, Sampling
from accord.run import RunDirectory
from accord.stats import mean
from accord.train.optimiser import Optim
from accord.train.seeds import seed_of, shuffled

__all__ = ["METHODS", "ONLINE", "Budget", "Written", "chosen_of", "contend", "measured", "settings_of", "written"]

# What each method is, the setting that holds it to its start, and what else differs from its defaults.
METHODS: dict[str, tuple[type[ModelSettings], str, dict[str, Any]]] = {
    "ppo": (PPO, "kl_coef", {"kl_target": 0.0}),
    "reinforce": (REINFORCE, "kl_coef", {}),
    "reinforce++": (ReinforcePP, "kl_coef", {}),
    "rloo": (RLOO, "kl_coef", {}),
    "grpo": (GRPO, "kl_coef", {"scale": False, "average": "constant"}),
    "dpo": (DPO, "beta", {}),
    "ipo": (IPO, "beta", {}),
    "kto": (KTO, "beta", {}),
    "simpo": (SimPO, "beta", {}),
    "orpo": (ORPO, "beta", {}),
    "rrhf": (RRHF, "sft_coef", {}),
    "pro": (PRO, "sft_coef", {}),
    "best_of_n": (BestOfN, "", {}),
    "curated": (Curated, "", {"max_examples": None}),
    "conditional": (Conditional, "", {"controls": ("is", "for")}),  # words of the essays that begin none
}
ONLINE = ("ppo", "reinforce", "reinforce++", "rloo", "grpo")
Row = dict[str, Any]


@dataclass(frozen=True)
class Budget:
    """What everybody may use: `steps` times `prompts` times `group` texts. `form` is what all settings share."""

    steps: int
    prompts: int
    group: int
    sampling: Sampling
    form: dict[str, Any]

    @property
    def texts(self) -> int:
        """How many texts are written and judged, and how many are trained on."""
        return self.steps * self.prompts * self.group


def settings_of(method: str, budget: Budget, *, lr: float, strength: float) -> Any:
    """The settings of a method. `strength` is what holds it to its start: kl, beta, or what stands for it.

    For RRHF and PRO it is the weight of the likelihood of the best text, for ORPO that of the odds; what learns chosen
    texts has none.
    """
    if method not in METHODS:
        raise ValueError(f"no method '{method}'; there are {', '.join(METHODS)}")
    kind, holds, more = METHODS[method]
    own: dict[str, Any] = {**budget.form, "optim": Optim(lr=lr, warmup_steps=2, lr_schedule="constant"), **more}
    if holds:
        own[holds] = strength
    a_step = budget.prompts * budget.group
    if issubclass(kind, Online):
        own |= {"max_steps": budget.steps, "prompts_per_step": budget.prompts, "group_size": budget.group}
    elif issubclass(kind, Pairwise):
        own |= {"batch_size": a_step // 2}
    elif issubclass(kind, Conditional):
        own |= {"batch_size": a_step}
    elif issubclass(kind, Curated):
        own |= {"k": budget.texts // budget.group, "epochs": budget.group, "batch_size": a_step}
    else:
        own |= {"n": budget.group, "epochs": budget.group, "batch_size": a_step}
    if issubclass(kind, Online | BestOfN):
        own["sampling"] = budget.sampling
    return kind(**own)


@dataclass(frozen=True)
class Written:
    """The budget's texts by the start, N of them, as many of each prompt side by side; and the seconds it took.

    score_N   the judge's, less 1 where a text did not end itself, the default `missing_eos_penalty`
    """

    examples: list[Example]
    score_N: NDArray[np.float64]
    seconds: float

    def pairs(self) -> Dataset:
        """Two by two, the better one chosen; equal scores are ties, equal texts no pair."""
        completions: dict[str, Completion] = {}
        pairs: list[Pair] = []
        for left in range(0, len(self.examples), 2):
            first, second = left, left + 1
            better, worse = (first, second) if self.score_N[first] >= self.score_N[second] else (second, first)
            (prompt, chosen), (_, rejected) = self.examples[better], self.examples[worse]
            if chosen.id == rejected.id:
                continue
            completions |= {chosen.id: chosen, rejected.id: rejected}
            tie = bool(self.score_N[first] == self.score_N[second])
            pairs.append(Pair(prompt=prompt.id, chosen=chosen.id, rejected=rejected.id, tie=tie))
        prompts = {prompt.id: prompt for prompt, _ in self.examples}
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
        (prompt, Completion(prompt=prompt.id, text=writer.decode(one.token_ids)))
        for prompt, group in zip(prompts, groups, strict=True)
        for one in group
    ]
    score_N = judge.score([prompt for prompt, _ in examples], [text for _, text in examples]).value_N
    cut_N = np.array([one.finish_reason != "eos" for group in groups for one in group])
    return Written(examples, score_N - cut_N, monotonic() - began)


def contend(
    settings: Any,
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
    where it was stopped; the seconds are then those of the last part.
    """
    release_memory()
    reset_peak()
    began = monotonic()
    before = 0.0
    if isinstance(settings, Pairwise | Conditional | Curated):
        before = 0.0 if texts is None else texts.seconds
        texts = texts or written(budget, prompts, judge, start, seed=run.seed)
    for _ in _steps(settings, budget, prompts, judge, run, start, texts):
        pass
    return before + monotonic() - began, peak_gb()


def _steps(
    settings: Any,
    budget: Budget,
    prompts: Sequence[Prompt],
    judge: Judge,
    run: RunDirectory,
    start: Path | str,
    texts: Written | None,
) -> Iterator[Any]:
    match settings, texts:
        case Pairwise(), Written():
            yield from settings.steps(texts.pairs(), run, start=start)
        case Conditional(), Written():
            yield from settings.condition(texts.examples, judge, run, start=start)
        case Curated(), Written():
            yield from settings.curate(texts.examples, judge, run, start=start)
        case BestOfN(), _:
            asked = [prompts[i] for i in shuffled(len(prompts), run.seed, "asked")[: budget.texts // settings.n]]
            settings = settings.model_copy(update={"repeats": budget.texts // (len(asked) * settings.n)})
            yield from settings.distil(asked, judge, run, start=start)
        case Online(), _:
            yield from settings.steps(prompts, judge, run, start=start)
        case _:
            raise TypeError(f"{type(settings).__name__} is not among the contenders")


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
    low, high = (None if each is None else each - beta * kl for each in (reward.low, reward.high))
    return {
        "reward": round(reward.value, 5),
        "kl": round(kl, 5),
        "objective": round(reward.value - beta * kl, 5),
        "intervals": {"reward": [reward.low, reward.high], "objective": [low, high]},
    }


def measured(made: Rollout, *, beta: float) -> Row:
    """What a policy wrote: reward by the judge, KL to the start (nats a text), their balance, and how varied it is.

    `intervals` are those over prompts.
    """
    rows = made.rows(1, 1.0)
    asked = [row.prompt for row in rows]
    kl, reward = made.kl_B.tolist(), made.score_B.tolist()
    balance = [score - beta * each for score, each in zip(reward, kl, strict=True)]
    described = {name: estimate for name, estimate in vars(describe(rows)).items() if estimate is not None}
    found = {**described, "reward": mean(reward, asked), "kl": mean(kl, asked), "objective": mean(balance, asked)}
    names = ("reward", "kl", "objective", "distinct_2", "entropy", "length", "stop_rate")
    kept = {name: found[name] for name in names if name in found}
    return {
        **{name: round(each.value, 5) for name, each in kept.items()},
        "intervals": {name: [each.low, each.high] for name, each in kept.items()},
    }
