"""Which steps of a stage a run keeps, and what a step of the policy is worth while it learns.

The texts of a step are written by the weights that the step before has left: what they are worth is what *that* step
is worth, and of the last one nothing is known before the policy is evaluated.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from statistics import fmean
from typing import Any

from accord.artefacts import SAMPLES
from accord.errors import RecipeError, storage
from accord.interfaces import Judge
from accord.loop.stage import Context
from accord.records import Completion
from accord.reward.settings import RewardSettings
from accord.run import Retention
from accord.train.seeds import shuffled

__all__ = ["retention_of"]

HEAD = 40  # characters of a row within which its step stands


def retention_of(context: Context) -> Retention:
    """What is kept of a stage by `[checkpoints]`.

    Raises `RecipeError` where the judge by whom steps are compared is not there.
    """
    settings = context.recipe.checkpoints
    if settings.best_by is None or context.stage != context.beside("policy"):
        return Retention(settings.keep)
    if settings.best_by == "eval_reward" and not _judge_settings(context).trained(
        context.run, stage=context.beside("eval_reward")
    ):
        raise RecipeError(
            "recipe.checkpoints.best_by: the independent judge is not trained; do its stage first (--only eval_reward)"
        )
    return Retention(settings.keep, _StepValues(context, settings.best_by).of, settings.best_by)


def _judge_settings(context: Context) -> RewardSettings:
    assert context.recipe.evaluate is not None
    return context.recipe.evaluate.judge


@dataclass
class _StepValues:
    """The mean score of what each step of the policy writes, worked out once."""

    context: Context
    by: str
    _known: dict[int, float] = field(default_factory=dict)

    def of(self, stage: str, step: int) -> float | None:
        """That of a step; None where nothing was written by its weights yet."""
        if stage != self.context.stage:
            return None
        if step not in self._known:
            rows = list(self._rows(step + 1))
            if not rows:
                return None
            self._known[step] = fmean(row["reward"] for row in rows) if self.by == "reward" else self._judged(rows)
        return self._known[step]

    def _judged(self, rows: Sequence[Mapping[str, Any]]) -> float:
        """The independent judge's mean over the texts that it reads for the curve of the evaluation too."""
        recipe, run = self.context.recipe, self.context.run
        assert recipe.evaluate is not None
        order = shuffled(len(rows), run.seed, "curve", int(rows[0]["step"]))[: recipe.evaluate.curve_samples]
        read = [rows[place] for place in sorted(order)]
        prompts = [self.context.reader.prompts[row["prompt"]] for row in read]
        texts = [Completion(prompt=row["prompt"], text=row["text"]) for row in read]
        return float(self._judge.score(prompts, texts).value_N.mean())

    @cached_property
    def _judge(self) -> Judge:
        return _judge_settings(self.context).load(self.context.run, stage=self.context.beside("eval_reward"))

    def _rows(self, step: int) -> Iterator[dict[str, Any]]:
        """The samples of a step, from the log that still grows."""
        path = self.context.run.path / SAMPLES.path(self.context.stage)
        with storage(path):
            if not path.is_file():
                return
            with path.open(encoding="utf-8") as lines:
                for line in lines:
                    if f'"step":{step},' in line[:HEAD].replace(" ", "") and line.endswith("\n"):
                        yield json.loads(line)
