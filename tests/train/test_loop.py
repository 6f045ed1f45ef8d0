"""The training loop: what it keeps, what it refuses, and that a broken off stage goes on to the same numbers."""

import itertools
import json
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import BaseModel
from torch import nn

from accord.artefacts import SAMPLES, RolloutRow, SupervisedMetrics
from accord.errors import ArtefactError, TrainingStopped
from accord.run import RunDirectory
from accord.train import Optim, Optimiser, StepResult, TrainingLoop, TrainingStep


class Settings(BaseModel):
    """Of a stage that fits a weight to noise."""

    size: int = 4
    optim: Optim = Optim(lr=1e-1, warmup_steps=0)


SETTINGS = Settings()
SAMPLE = RolloutRow(
    step=1,
    index=0,
    prompt="p-1",
    text="a",
    token_ids=(97,),
    rollout_logprobs=(-0.5,),
    logprobs=(-0.5,),
    reward=1.0,
    finish_reason="length",
    temperature=1.0,
)
Step = TrainingStep[SupervisedMetrics]


class Noise:
    """A weight that follows numbers of the global generators, and a sum of them that is remembered."""

    def __init__(
        self, run: RunDirectory, stage: str = "sft", settings: Settings = SETTINGS, *, fails_at: int = 0
    ) -> None:
        self.weight = nn.Parameter(torch.zeros(1))
        self.run, self.stage, self.fails_at = run, stage, fails_at
        self.updates_before_failing = 0
        optimiser = Optimiser(settings.optim, [self.weight], 8)
        self.loop = TrainingLoop(run, stage, optimiser, settings, total=8, save_every=3)

    def update(self, step: int) -> StepResult[SupervisedMetrics]:
        if step == self.fails_at:
            for _ in range(self.updates_before_failing):
                self.loop.optimiser.step()
            raise TrainingStopped("the loss became nan")
        goal = float(torch.rand(())) + np.random.random() + random.random()
        self.loop.state["sum"] = self.loop.state.get("sum", 0.0) + goal
        loss = float(self.loop.optimiser.add(((self.weight - goal) ** 2).sum()))
        lr = self.loop.optimiser.rate
        norm = self.loop.optimiser.step()
        return StepResult(SupervisedMetrics(step=step, loss=loss, tokens=1, lr=lr, grad_norm=norm))

    def save(self) -> None:
        with self.run.write_folder(f"{self.stage}/model", stage=self.stage) as folder:
            content = {"weight": self.weight.item(), "sum": self.loop.state["sum"]}
            (folder / "weight.json").write_text(json.dumps(content))

    def steps(self) -> Iterator[Step]:
        return self.loop.steps(self.update, self.save)


def rows(run: RunDirectory, stage: str = "sft") -> list[dict[str, object]]:
    return [{**row, "seconds": 0} for row in run.log(f"{stage}/metrics.jsonl").rows()]


@pytest.mark.parametrize("stage", ["sft", "rounds/03/policy"])
@pytest.mark.parametrize("broken_off", [1, 4, 7])
def test_a_broken_off_stage_goes_on_to_the_same_numbers(stage: str, broken_off: int, tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path / "whole") as whole:
        steps = list(Noise(whole, stage).steps())
        assert [(step.step, step.total) for step in steps] == [(number, 8) for number in range(1, 9)]
        assert len({step.metrics.loss for step in steps}) == 8
    with RunDirectory.create(tmp_path / "broken") as run:
        list(itertools.islice(Noise(run, stage).steps(), broken_off))
        random.seed(broken_off)  # whatever else draws from the global generators meanwhile
        again = list(Noise(run, stage).steps())
        assert again[0].step == broken_off // 3 * 3 + 1
        assert rows(run, stage) == rows(whole, stage)
        model = f"{stage}/model/weight.json"
        assert run.read_json(model) == whole.read_json(model)
        assert run.verified(f"{stage}/metrics.jsonl")


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (Settings(size=5), r"step 3 was made with other settings \(size was 4, now 5\)"),
        (Settings(optim=Optim(lr=0.2, warmup_steps=0)), r"\(optim.lr was 0.1, now 0.2\)"),
        (Settings(size=5, optim=Optim(warmup_steps=3)), "optim.warmup_steps was 0, now 3; size was 4, now 5"),
    ],
)
def test_a_stage_does_not_go_on_under_other_settings(other: Settings, message: str, tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path / "run") as run:
        list(itertools.islice(Noise(run).steps(), 4))
        logged = rows(run)
        with pytest.raises(ArtefactError, match=message):
            Noise(run, settings=other)
        assert rows(run) == logged
        assert len(list(Noise(run).steps())) == 5


@pytest.mark.parametrize(("updates", "kept"), [(0, 5), (1, 3)], ids=["whole", "half way"])
def test_the_last_whole_step_is_kept_where_training_stops_itself(updates: int, kept: int, tmp_path: Path) -> None:
    """A step that moved weights before it stopped leaves none that belong to a whole step: the checkpoint stays."""
    with RunDirectory.create(tmp_path / "run") as run:
        stage = Noise(run, fails_at=6)
        stage.updates_before_failing = updates
        with pytest.raises(TrainingStopped, match=f"^sft: the loss became nan; step {kept} is kept in "):
            list(stage.steps())
        checkpoint = run.last_checkpoint("sft")
        assert checkpoint is not None
        assert checkpoint.step == kept
        assert not run.has("sft/model")
        assert Noise(run).loop.state["sum"] > 0


def test_rows_of_a_step_lie_beside_its_metrics(tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path / "run") as run:
        weight = nn.Parameter(torch.zeros(1))
        optimiser = Optimiser(SETTINGS.optim, [weight], 2)
        loop = TrainingLoop(run, "policy", optimiser, SETTINGS, total=2, save_every=9, samples=SAMPLES)

        def update(step: int) -> StepResult[SupervisedMetrics]:
            metrics = SupervisedMetrics(step=step, loss=0.0, tokens=1, lr=0.1, grad_norm=0.0)
            return StepResult(metrics, [SAMPLE.model_copy(update={"step": step})] * 2)

        list(loop.steps(update, lambda: None))
        assert [row.step for row in SAMPLES.read(run, "policy")] == [1, 1, 2, 2]
