"""Which steps are kept, and what becomes of a checkpoint that is damaged."""

import itertools
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from pydantic import BaseModel
from torch import nn

from accord.artefacts import SupervisedMetrics
from accord.errors import ArtefactError
from accord.run import Retention, RunDirectory, verify
from accord.train import Optim, Optimiser, StepResult, TrainingLoop, TrainingStep


class Settings(BaseModel):
    optim: Optim = Optim(lr=1e-1, warmup_steps=0)


class Stage:
    """A weight that follows random numbers for ten steps, each of which is kept."""

    def __init__(self, run: RunDirectory) -> None:
        self.run, self.weight = run, nn.Parameter(torch.zeros(1))
        optimiser = Optimiser(Settings().optim, [self.weight], 10)
        self.loop = TrainingLoop(run, "sft", optimiser, Settings(), total=10, save_every=1)

    def update(self, step: int) -> StepResult[SupervisedMetrics]:
        optimiser = self.loop.optimiser
        loss = float(optimiser.add(((self.weight - torch.rand(())) ** 2).sum()))
        numbers = {"loss": loss, "lr": optimiser.rate, "grad_norm": optimiser.step()}
        return StepResult(SupervisedMetrics(step=step, tokens=1, **numbers))

    def save(self) -> None:
        self.run.write_json("sft/weight.json", self.weight.item(), stage="sft")

    def steps(self) -> Iterator[TrainingStep[SupervisedMetrics]]:
        return self.loop.steps(self.update, self.save)


def numbers(run: RunDirectory) -> list[object]:
    return [{**row, "seconds": 0} for row in run.log("sft/metrics.jsonl").rows()] + [run.read_json("sft/weight.json")]


def kept(run: RunDirectory) -> list[int]:
    return sorted(int(path.name) for path in (run.path / ".checkpoints/sft").iterdir())


@pytest.fixture
def run(tmp_path: Path) -> Iterator[RunDirectory]:
    with RunDirectory.create(tmp_path / "run") as made:
        yield made


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> list[object]:
    with RunDirectory.create(tmp_path_factory.mktemp("rotation") / "whole") as made:
        list(Stage(made).steps())
        return numbers(made)


def value_of(values: dict[int, float]) -> Callable[[str, int], float | None]:
    return lambda stage, step: values.get(step) if stage == "sft" else None


@pytest.mark.parametrize(
    ("retention", "steps", "best"),
    [
        (Retention(), [7], None),
        (Retention(3), [5, 6, 7], None),
        (Retention(99), [1, 2, 3, 4, 5, 6, 7], None),
        (Retention(1, value_of({1: 0.2, 2: 0.9, 3: 0.9, 5: 0.1})), [2, 7], 2),
        (Retention(2, value_of({6: 1.0})), [6, 7], 6),
        (Retention(2, value_of({})), [6, 7], None),
    ],
)
def test_the_newest_steps_are_kept_and_the_best(
    retention: Retention, steps: list[int], best: int | None, run: RunDirectory
) -> None:
    run.retention = retention
    list(itertools.islice(Stage(run).steps(), 7))
    assert kept(run) == steps
    last, found = run.last_checkpoint("sft"), run.best_checkpoint("sft")
    assert last is not None
    assert last.step == 7
    assert (found.step if found else None) == best


def test_a_best_step_that_is_overtaken_goes(run: RunDirectory) -> None:
    values = {1: 0.1}
    run.retention = Retention(1, value_of(values))
    stage = Stage(run).steps()
    list(itertools.islice(stage, 3))
    assert kept(run) == [1, 3]
    values[3] = 0.5
    list(itertools.islice(stage, 2))
    assert kept(run) == [3, 5]


def damage(folder: Path, how: str) -> None:
    file = folder / "optimiser.safetensors"
    content = file.read_bytes()
    match how:
        case "altered":
            file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        case "cut":
            file.write_bytes(content[: len(content) // 2])
        case "gone":
            file.unlink()
        case "swapped":
            shutil.copy(folder.with_name("00000005") / file.name, file)
        case "no list of files":
            (folder / "checkpoint.json").unlink()
        case "half a list of files":
            (folder / "checkpoint.json").write_text((folder / "checkpoint.json").read_text()[:40])
        case "a list of no files":
            about = json.loads((folder / "checkpoint.json").read_text())
            (folder / "checkpoint.json").write_text(json.dumps({**about, "files": None}))


DAMAGES = ["altered", "cut", "gone", "swapped", "no list of files", "half a list of files", "a list of no files"]


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_checkpoint_is_passed_over_to_the_same_numbers(
    how: str, run: RunDirectory, whole: list[object]
) -> None:
    run.retention = Retention(2)
    list(itertools.islice(Stage(run).steps(), 6))
    damage(run.path / ".checkpoints/sft/00000006", how)
    run.begin("sft")
    assert [each.stage for each in verify(run)] == ["sft"]
    run.close()
    with RunDirectory.open(run.path) as again:  # which sweeps
        assert kept(again) == [5, 6]
        again.retention = Retention(2)
        with pytest.warns(UserWarning, match="a damaged checkpoint; sft goes on from step 5, which is whole"):
            stage = Stage(again)
        steps = stage.steps()
        assert next(steps).step == 6
        assert kept(again) == [5, 6]
        assert verify(again) == [], "the damaged one is gone"
        list(steps)
        assert numbers(again) == whole


def test_a_damaged_later_step_is_not_gone_on_with_when_an_earlier_one_is_saved(run: RunDirectory) -> None:
    run.retention = Retention(3)
    list(itertools.islice(Stage(run).steps(), 6))
    for step in (5, 6):
        damage(run.path / f".checkpoints/sft/{step:08d}", "altered")
    with pytest.warns(UserWarning, match="goes on from step 4") as said:
        steps = Stage(run).steps()
    assert len(said) == 2
    assert next(steps).step == 5
    assert kept(run) == [4, 5]


def test_where_none_is_whole_the_stage_is_refused(run: RunDirectory) -> None:
    run.retention = Retention(2)
    list(itertools.islice(Stage(run).steps(), 6))
    for step in (5, 6):
        damage(run.path / f".checkpoints/sft/{step:08d}", "altered")
    with pytest.raises(ArtefactError, match=r"00000006/optimiser.safetensors: a damaged checkpoint; start the stage"):
        Stage(run)
    assert kept(run) == [5, 6]


def test_what_a_kill_left_beside_a_whole_checkpoint_is_swept_and_beside_a_damaged_one_stays(run: RunDirectory) -> None:
    list(itertools.islice(Stage(run).steps(), 6))
    last = run.path / ".checkpoints/sft/00000006"
    shutil.copytree(last, last.with_name("00000004"))
    run.close()
    damaged = Path(shutil.copytree(run.path, run.path.with_name("damaged")))
    damage(damaged / ".checkpoints/sft/00000006", "altered")
    for path, steps in ((run.path, [6]), (damaged, [4, 6])):
        with RunDirectory.open(path) as again:
            assert kept(again) == steps


def test_the_best_one_is_read_by_its_digest(run: RunDirectory) -> None:
    run.retention = Retention(1, value_of({3: 1.0}))
    list(itertools.islice(Stage(run).steps(), 6))
    damage(run.path / ".checkpoints/sft/00000003", "altered")
    with pytest.raises(ArtefactError, match="00000003"):
        run.best_checkpoint("sft")
