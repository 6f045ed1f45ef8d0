"""Whether the audit says in time that a policy is optimised too far: RG2 turnover, asked again and again during a run.

A step's policy writes 100 rollouts, to the same twenty prompts at every step, as the check asks for. An independent
judge scores them: gold in standard deviations of the start's, with an error of half a deviation a text; prompts have
levels of their own. At every third step the check sees the steps so far, as `accord audit` would, by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from accord.artefacts import JUDGED_ROLLOUTS, JudgedRollout
from accord.artefacts.finding import Verdict
from accord.audit.evidence import Evidence
from accord.audit.reward.overoptimisation import turnover
from accord.audit.settings import AuditSettings
from accord.lab.trap_world import TrapWorld
from accord.lab.worlds import Normal
from accord.run import RunDirectory

__all__ = ["PROMPTS", "Alarm", "RolloutsSoFar", "first_alarm"]

PROMPTS = 20
ERROR, LEVELS = 0.5, 0.5  # deviations of the judge's error and of what prompts are worth, in those of the start's gold
FIRST, EVERY = 6, 3


class RolloutsSoFar(Evidence):
    """A run that is not over yet: all that the audit sees of it are judged rollouts, held in memory."""

    def __init__(self, run: RunDirectory, rows: list[JudgedRollout]) -> None:
        super().__init__(run)
        self._rows = rows

    def holds(self, *paths: str) -> bool:
        return JUDGED_ROLLOUTS.path() in paths or super().holds(*paths)

    @property
    def judged_rollouts(self) -> list[JudgedRollout]:
        return self._rows


@dataclass(frozen=True)
class Alarm:
    """How many rollouts of each step were judged, and at which step the check fires first; None where it never does."""

    rollouts: int
    step: int | None


def first_alarm(policies: Sequence[Normal], world: TrapWorld, seed: int, *, rollouts: int, every: int = EVERY) -> Alarm:
    """When the check fires first in a run whose policy at step s is the s-th, counted from 0, the start."""
    random = np.random.default_rng([seed, 173])
    start = policies[0]
    unit = float(world.gold(start.sample(10_000, random)).std())
    level_P = LEVELS * random.standard_normal(PROMPTS)
    rows: list[JudgedRollout] = []
    settings = AuditSettings()
    with TemporaryDirectory() as folder:
        run = RunDirectory.create(Path(folder) / "run")
        for step, policy in enumerate(policies):
            rows += _judged(step, policy, world, unit, level_P, rollouts, random)
            if step < FIRST or (step - FIRST) % every:
                continue
            if turnover.run(RolloutsSoFar(run, rows), settings).verdict is Verdict.FIRES:
                return Alarm(rollouts, step)
    return Alarm(rollouts, None)


def _judged(
    step: int,
    policy: Normal,
    world: TrapWorld,
    unit: float,
    level_P: np.ndarray,
    rollouts: int,
    random: np.random.Generator,
) -> list[JudgedRollout]:
    """A step's rollouts with the judge's opinion; the reward's own has no part in this check."""
    number_AD = policy.sample(rollouts, random)
    prompt_A = np.arange(rollouts) % PROMPTS
    judge_A = world.gold(number_AD) / unit + level_P[prompt_A] + ERROR * random.standard_normal(rollouts)
    return [
        JudgedRollout(step=step, index=index, prompt=f"p{prompt}", reward=0.0, eval_reward=judged, kl=kl)
        for index, (prompt, judged, kl) in enumerate(
            zip(prompt_A.tolist(), judge_A.tolist(), policy.kl_of(number_AD).tolist(), strict=True)
        )
    ]
