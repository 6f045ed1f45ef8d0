"""Many ways to a better policy on one budget: so many texts are written and judged, and as many are trained on.

Who learns from its own texts writes them while it learns. Who does not is given the same number of texts by the start,
judged by the same judge: as pairs (the better one is chosen), in groups that are ranked, or the best of each group,
read as often as makes up the number.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np

from accord.feedback import Dataset
from accord.interfaces import Judge
from accord.lm.causal import CausalModel
from accord.lm.memory import give_back, peak_gb, reset_peak
from accord.lm.optim import Optim
from accord.lm.sample import sample
from accord.lm.settings import ModelSettings
from accord.lm.training import seed_of, shuffled
from accord.policy.best_of_n import BestOfN
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
from accord.policy.rollout import roll_out
from accord.policy.rrhf import RRHF
from accord.policy.simpo import SimPO
from accord.records import Completion, Pair, Prompt, Sampling
from accord.run import RunDirectory
from accord.stats import mean

__all__ = ["METHODS", "ONLINE", "Budget", "contend", "measured", "preferred", "settings_of"]

# What each method is, the setting that holds it to its start, and what else differs from its defaults.
METHODS: dict[str, tuple[type[ModelSettings], str, dict[str, Any]]] = {
    "ppo": (PPO, "kl", {"kl_target": 0.0}),
    "reinforce": (REINFORCE, "kl", {}),
    "reinforce++": (ReinforcePP, "kl", {}),
    "rloo": (RLOO, "kl", {}),
    "grpo": (GRPO, "kl", {"scale": False, "average": "constant"}),
    "dpo": (DPO, "beta", {}),
    "ipo": (IPO, "tau", {}),
    "kto": (KTO, "beta", {}),
    "simpo": (SimPO, "beta", {}),
    "orpo": (ORPO, "weight", {}),
    "rrhf": (RRHF, "supervised", {}),
    "pro": (PRO, "supervised", {}),
    "best_of_n": (BestOfN, "", {}),
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

    For RRHF and PRO it is the weight of the likelihood of the best text, for ORPO that of the odds; best of n has none.
    """
    if method not in METHODS:
        raise ValueError(f"no method '{method}'; there are {', '.join(METHODS)}")
    kind, holds, more = METHODS[method]
    own: dict[str, Any] = {**budget.form, "optim": Optim(lr=lr, warmup=2, decay="constant"), **more}
    if holds:
        own[holds] = strength
    a_step = budget.prompts * budget.group
    if issubclass(kind, Online):
        own |= {"max_steps": budget.steps, "prompts": budget.prompts, "group": budget.group}
    elif issubclass(kind, Pairwise):
        own |= {"batch": a_step // 2}
    else:
        own |= {"n": budget.group, "epochs": budget.group, "batch": a_step}
    if not issubclass(kind, Pairwise):
        own["sampling"] = budget.sampling
    return kind(**own)


def contend(
    settings: Any, budget: Budget, prompts: Sequence[Prompt], judge: Judge, run: RunDirectory, start: Path | str
) -> tuple[float, float | None]:
    """Train from `start` within the budget; leaves `policy/model` in `run`. Seconds, and the peak of memory in GB.

    Goes on from the last checkpoint where it was stopped; the seconds are then those of the last part.
    """
    give_back()
    reset_peak()
    began = monotonic()
    for _ in _steps(settings, budget, prompts, judge, run, start):
        pass
    return monotonic() - began, peak_gb()


def _steps(
    settings: Any, budget: Budget, prompts: Sequence[Prompt], judge: Judge, run: RunDirectory, start: Path | str
) -> Iterator[Any]:
    if isinstance(settings, Pairwise):
        data = preferred(settings, budget, prompts, judge, start, seed=run.seed)
        yield from settings.steps(data, run, start=start)  # type: ignore[attr-defined]  # every Pairwise has steps
    elif isinstance(settings, BestOfN):
        asked = [prompts[i] for i in shuffled(len(prompts), run.seed, "asked")[: budget.texts // settings.n]]
        settings = settings.model_copy(update={"repeats": budget.texts // (len(asked) * settings.n)})
        yield from settings.distil(asked, judge, run, start=start)
    else:
        yield from settings.steps(prompts, judge, run, start=start)


def preferred(
    settings: Pairwise, budget: Budget, prompts: Sequence[Prompt], judge: Judge, start: Path | str, *, seed: int
) -> Dataset:
    """The budget's texts by the start, in pairs, of which the judge chose one; equal scores are ties."""
    writer = settings.open(start, seed=seed)
    prompts = [prompts[i] for i in shuffled(len(prompts), seed, "asked")[: budget.texts // 2]]
    each = budget.texts // (2 * len(prompts)) * 2
    sampling = budget.sampling.model_copy(update={"seed": seed_of(seed, "pairs")})
    groups = sample(writer, [writer.encode_prompt(prompt) for prompt in prompts], each, sampling)
    completions: dict[str, Completion] = {}
    pairs: list[Pair] = []
    for prompt, group in zip(prompts, groups, strict=True):
        texts = [Completion(prompt=prompt.id, text=writer.decode(sample.token_ids)) for sample in group]
        score_n = judge.score([prompt] * len(texts), texts).value_N
        score_n = score_n - np.array([sample.stopped != "eos" for sample in group])  # as `unstopped` of the others
        for left in range(0, len(texts), 2):
            better, worse = (left, left + 1) if score_n[left] >= score_n[left + 1] else (left + 1, left)
            if texts[better].id == texts[worse].id:
                continue
            completions |= {texts[better].id: texts[better], texts[worse].id: texts[worse]}
            tie = bool(score_n[better] == score_n[worse])
            pairs.append(Pair(prompt=prompt.id, chosen=texts[better].id, rejected=texts[worse].id, tie=tie))
    return Dataset(
        prompts={prompt.id: prompt for prompt in prompts},
        completions=completions,
        evaluators={},
        split_of={prompt.id: "train" for prompt in prompts},
        pairs={"train": tuple(pairs)},
    )


def measured(
    causal: CausalModel,
    start: CausalModel,
    judge: Judge,
    prompts: Sequence[Prompt],
    *,
    n: int,
    sampling: Sampling,
    beta: float,
) -> Row:
    """What a policy writes: reward by `judge`, KL to the start (nats a text), their balance, and how varied it is.

    `intervals` are those over prompts.
    """
    made = roll_out(causal, start, judge, prompts, n, sampling)
    rows = [
        {
            "prompt": completion.prompt,
            "text": completion.text,
            "token_ids": each.token_ids,
            "logprobs": made.policy.logprob_BT[index, : len(each.token_ids)].tolist(),
            "stopped": each.stopped,
        }
        for index, (completion, each) in enumerate(zip(made.completions, made.samples, strict=True))
    ]
    told = describe(rows)
    asked = [row["prompt"] for row in rows]
    kl, reward = made.kl_B.tolist(), made.score_B.tolist()
    balance = [score - beta * each for score, each in zip(reward, kl, strict=True)]
    found = {"reward": mean(reward, asked), "kl": mean(kl, asked), "objective": mean(balance, asked), **told}
    names = ("reward", "kl", "objective", "distinct_2", "entropy", "length", "stop_rate")
    kept = {name: found[name] for name in names if name in found}
    return {
        **{name: round(each.value, 5) for name, each in kept.items()},
        "intervals": {name: [each.low, each.high] for name, each in kept.items()},
    }
