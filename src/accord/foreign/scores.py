"""Scores of texts by several columns, each in its own standard deviations, so that they can be held together."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from accord.artefacts import ComponentScore, JudgedRollout, RolloutRow

__all__ = ["ScoredText", "deviation", "judged", "rollouts", "scaled"]

STD = "_std"
REWARDS = ("reward", "score")
"""What tools call what was learnt from."""


@dataclass(frozen=True)
class ScoredText:
    """A text that the policy wrote at a step, and what it was given by every column of scores.

    `reward` is what the policy learnt from, where that can be told; a score that is unknown is None. `kl` is the
    log-ratio of policy to reference, nats. A score `NAME_std` is the standard deviation of `NAME`, as rewards that
    accord handed over say it.
    """

    step: int
    prompt: str
    text: str
    reward: float | None = None
    scores: Mapping[str, float | None] = field(default_factory=dict)
    kl: float | None = None

    def std_of(self, name: str) -> float | None:
        """The standard deviation of a score; None where it is not known, or none."""
        std = self.scores.get(f"{name}{STD}")
        return None if std is None or std < 0 else std


def rollouts(texts: Sequence[ScoredText]) -> list[RolloutRow]:
    """As samples that the policy learnt from, with every score."""
    rows, number = [], dict.fromkeys((text.step for text in texts), 0)
    for text in texts:
        known = {
            name: ComponentScore(value=score, std=text.std_of(name))
            for name, score in text.scores.items()
            if score is not None and not (name.endswith(STD) and _has(text, name.removesuffix(STD)))
        }
        rows.append(
            RolloutRow(
                step=text.step,
                index=number[text.step],
                prompt=text.prompt,
                text=text.text,
                reward=text.reward,
                reward_std=None if text.reward is None else _reward_std(text),
                components=known or None,
            )
        )
        number[text.step] += 1
    return rows


def _has(text: ScoredText, name: str) -> bool:
    """Whether a text has a score, or what it was trained on, of this name."""
    return name in text.scores or name in REWARDS


def _reward_std(text: ScoredText) -> float | None:
    return next((std for name in REWARDS if (std := text.std_of(name)) is not None), None)


def judged(texts: Sequence[ScoredText], judge: str) -> list[JudgedRollout]:
    """The texts that both the reward and the judge gave a score, in each one's standard deviations.

    Nothing where one of the two gives all texts the same.
    """
    both = [text for text in texts if text.reward is not None and text.scores.get(judge) is not None]
    steps = [text.step for text in both]
    reward_N = scaled([text.reward for text in both], steps)
    judge_N = scaled([text.scores[judge] for text in both], steps)
    if reward_N is None or judge_N is None:
        return []
    unit = deviation([text.reward for text in both if text.reward is not None], steps) or 1.0
    judge_unit = deviation([each for text in both if (each := text.scores[judge]) is not None], steps) or 1.0
    rows, number = [], dict.fromkeys(steps, 0)
    for text, reward, score in zip(both, reward_N, judge_N, strict=True):
        rows.append(
            JudgedRollout(
                step=text.step,
                index=number[text.step],
                prompt=text.prompt,
                reward=reward,
                reward_std=None if (std := _reward_std(text)) is None else std / unit,
                eval_reward=score,
                eval_reward_std=None if (std := text.std_of(judge)) is None else std / judge_unit,
                kl=text.kl,
            )
        )
        number[text.step] += 1
    return rows


def scaled(values: Iterable[float | None], groups: Sequence[int]) -> list[float] | None:
    """Known values in units of their deviation; None where there is none."""
    known = [value for value in values if value is not None]
    unit = deviation(known, groups)
    return None if unit is None else [value / unit for value in known]


def deviation(values: Sequence[float], groups: Sequence[int]) -> float | None:
    """The standard deviation within groups, pooled; over all where no group has any. None where all are equal.

    Within steps, so that what rises along a run does not pass for spread.
    """
    value_N = np.asarray(values, dtype=np.float64)
    if value_N.size < 2:
        return None
    _, of_N = np.unique(np.asarray(groups), return_inverse=True)
    count_G = np.bincount(of_N)
    mean_G = np.bincount(of_N, value_N) / count_G
    free = int(value_N.size - count_G.size)
    with np.errstate(over="ignore", invalid="ignore"):  # beyond all numbers there is none
        within = float(np.sqrt(np.sum((value_N - mean_G[of_N]) ** 2) / free)) if free else 0.0
        if within <= 0:
            within = float(value_N.std(ddof=1))
    return within if math.isfinite(within) and within > 1e-12 * float(np.abs(value_N).max()) else None
