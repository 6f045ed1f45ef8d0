"""Runs of the same recipe with other seeds, beside the planted one: their rewards' scores, and their evaluations."""

from dataclasses import dataclass, replace
from typing import ClassVar

from accord.artefacts import SCORES
from accord.audit.evidence import REWARD_BESIDE
from accord.lab.lexicon import SCALE, WordJudge
from accord.lab.planted.parts.base import Part
from accord.lab.planted.planting import Planting
from accord.lab.planted.rollouts import write_evaluation
from accord.lab.settings import Settings
from accord.reward.card.scored import score_split
from accord.run import RunDirectory

__all__ = ["OtherSeeds", "SeedSettings"]

OTHERS, SAMPLES = 5, 4
HARDLY = 0.05  # of the pressure, where a seed failed


@dataclass(frozen=True)
class SeedSettings(Settings):
    """What can be wrong with a recipe's other seeds.

    failing     share of them that hardly leaves the start
    lengthwise  what the last of them gives six words more, in standard deviations of the truth; those before it less
    """

    failing: float = 0.0
    lengthwise: float = 0.0


class OtherSeeds(Part):
    """Writes small runs beside the planted one (`planting.beside`), whose rewards an audit is handed too."""

    challenges: ClassVar = ("RL1", "X7", "RG1", "RE1")

    def after(self, planting: Planting) -> None:
        """Each seed's reward is wrong in its own way, and its policy follows that reward."""
        settings = planting.settings(SeedSettings())
        failing = round(settings.failing * OTHERS)
        pressure = planting.fault.pressure(planting.world.pressure)
        random = planting.random("other seeds")
        for number in range(1, OTHERS + 1):
            seed = 1_000_003 * (planting.seed + 1) + number
            judge = planting.fault.reward_model(WordJudge("reward", seed=seed))
            judge = replace(judge, length=judge.length + settings.lengthwise * (number / OTHERS) ** 2)
            path = planting.run.path.with_name(f"{planting.run.path.name}-seed-{number}")
            with RunDirectory.create(path, seed=seed) as run:
                SCORES.write(run, score_split(judge, planting.data, "held_out").rows(planting.data), stage="reward")
                policy = planting.start.towards(judge, pressure * (HARDLY if number <= failing else 1.0))
                judges = {**planting.judges, "reward": judge}
                prompts = planting.data.prompts_of("held_out")
                kl_coef = planting.fault.overshoot() / (SCALE * max(pressure, 1e-3))
                write_evaluation(run, planting.start, policy, judges, prompts, random, samples=SAMPLES, kl_coef=kl_coef)
            planting.beside.append(path)
            planting.judges[f"{REWARD_BESIDE}{path.name}"] = judge
