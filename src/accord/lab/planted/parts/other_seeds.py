"""Runs of the same recipe with other seeds, beside the planted one: their rewards' scores, and their evaluations."""

from dataclasses import dataclass
from typing import ClassVar

from accord.artefacts import SCORES
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
    """What can be wrong with a recipe's other seeds: `failing` is the share of them that hardly leaves the start."""

    failing: float = 0.0


class OtherSeeds(Part):
    """Writes small runs beside the planted one (`planting.beside`)."""

    challenges: ClassVar = ("RL1", "X7")

    def after(self, planting: Planting) -> None:
        """Each seed's reward is wrong in its own way, and its policy follows that reward."""
        failing = round(planting.settings(SeedSettings()).failing * OTHERS)
        pressure = planting.fault.pressure(planting.world.pressure)
        random = planting.random("other seeds")
        for number in range(1, OTHERS + 1):
            seed = 1_000_003 * (planting.seed + 1) + number
            judge = planting.fault.reward_model(WordJudge("reward", seed=seed))
            path = planting.run.path.with_name(f"{planting.run.path.name}-seed-{number}")
            with RunDirectory.create(path, seed=seed) as run:
                SCORES.write(run, score_split(judge, planting.data, "held_out").rows(planting.data), stage="reward")
                policy = planting.start.towards(judge, pressure * (HARDLY if number <= failing else 1.0))
                judges = {**planting.judges, "reward": judge}
                prompts = planting.data.prompts_of("held_out")
                kl_coef = planting.fault.overshoot() / (SCALE * max(pressure, 1e-3))
                write_evaluation(run, planting.start, policy, judges, prompts, random, samples=SAMPLES, kl_coef=kl_coef)
            planting.beside.append(path)
