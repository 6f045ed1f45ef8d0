"""`[track]`: what trackers are told is what the run's own files say; none of them can stop a run, or change it."""

import json
from pathlib import Path
from typing import Any, ClassVar

import pytest

from accord.artefacts import RECIPE
from accord.cli import run as accord
from accord.feedback import write_data
from accord.foreign.event_files import read_events
from accord.loop.drive import drive
from accord.loop.preflight import preflight
from accord.loop.progress import ProgressDisplay
from accord.loop.sameness import check_settings
from accord.loop.stages import settings_digest, stages_of
from accord.loop.tracking import Trackers
from accord.recipe import Recipe, Track, dump, load, parse
from accord.run import RunDirectory
from small_data import letters_dataset
from small_run import RECIPE as LETTERS

assert LETTERS.sft is not None
SHORT = LETTERS.model_copy(update={"sft": LETTERS.sft.model_copy(update={"epochs": 2, "save_every": 2})})


class Said(ProgressDisplay):
    """Keeps what is printed; stops the program after so many steps, where that is said."""

    def __init__(self, last: int = 0) -> None:
        super().__init__(quiet=True)
        self.lines: list[str] = []
        self._last = last

    def say(self, text: str) -> None:
        self.lines.append(text)

    def steps(self, items: Any, name: str) -> Any:
        for number, item in enumerate(items, 1):
            yield item
            if number == self._last:
                raise KeyboardInterrupt


class Recorder:
    """Stands in for a tracker's run as accelerate opens it."""

    runs: ClassVar[list["Recorder"]] = []
    fails_at: ClassVar[int] = 0

    def __init__(self, project: str, **more: Any) -> None:
        self.project, self.more = project, more
        self.rows: list[tuple[int, dict[str, float]]] = []
        self.config: dict[str, Any] = {}
        self.state = "made"
        self.runs.append(self)

    def start(self) -> None:
        print("a tracker's own words")
        self.state = "started"

    def store_init_configuration(self, values: dict[str, Any]) -> None:
        self.config = values

    def log(self, values: dict[str, float], step: int) -> None:
        if step == self.fails_at:
            raise ConnectionError("the server is gone")
        self.rows.append((step, values))

    def finish(self) -> None:
        self.state = "finished"


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> type[Recorder]:
    from accelerate import tracking

    monkeypatch.setattr(tracking, "WandBTracker", Recorder)
    monkeypatch.setattr(Recorder, "runs", [])
    return Recorder


def with_track(folder: Path, *to: str) -> Recipe:
    return SHORT.model_copy(update={"track": Track(to=to, project="letters", folder=str(folder / "tracked"))})


def a_run(path: Path) -> RunDirectory:
    run = RunDirectory.create(path)
    write_data(run, letters_dataset(prompts=12))
    return run


def logged(run: RunDirectory) -> list[dict[str, Any]]:
    return run.read_jsonl("sft/metrics.jsonl")


def test_a_tracker_is_told_what_the_run_logs(
    tmp_path: Path, recorded: type[Recorder], capsys: pytest.CaptureFixture[str]
) -> None:
    with a_run(tmp_path / "run") as run:
        drive(with_track(tmp_path, "wandb"), run, Said(), only=("sft",))
        (told,) = recorded.runs
        assert told.rows == [
            (row["step"], {key: value for key, value in row.items() if key != "step" and value is not None})
            for row in logged(run)
        ]
        name = f"run-{run.manifest.id[:6]}/sft"
        assert (told.project, told.more["name"], told.more["group"]) == ("letters", name, name.partition("/")[0])
    assert told.config["sft.epochs"] == 2
    assert not any(key.startswith("track") for key in told.config)
    assert told.state == "finished"
    printed = capsys.readouterr()
    assert ("own words" in printed.out, "own words" in printed.err) == (False, True)


def test_a_stage_that_goes_on_goes_on_in_the_same_run_of_the_tracker(tmp_path: Path, recorded: type[Recorder]) -> None:
    recipe = with_track(tmp_path, "wandb")
    with a_run(tmp_path / "run") as run, pytest.raises(KeyboardInterrupt):
        drive(recipe, run, Said(last=3), only=("sft",))
    assert recorded.runs[0].state == "finished"
    with RunDirectory.open(tmp_path / "run") as run:
        drive(recipe, run, Said(), only=("sft",))
    first, second = recorded.runs
    assert (first.more["id"], first.more["resume"]) == (second.more["id"], "allow")
    assert [step for step, _ in first.rows] == [1, 2, 3]
    assert [step for step, _ in second.rows] == [3, 4, 5, 6]


def test_a_tracker_that_fails_is_said_to_once_and_stops_nothing(
    tmp_path: Path, recorded: type[Recorder], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Recorder, "fails_at", 2)
    said = Said()
    with a_run(tmp_path / "run") as run:
        drive(with_track(tmp_path, "wandb"), run, said, only=("sft",))
        assert len(logged(run)) == 6
        assert "sft" in run.manifest.stages
    assert [line for line in said.lines if "wandb" in line] == [
        "  wandb is told no more, the run goes on: ConnectionError: the server is gone"
    ]
    assert [step for step, _ in recorded.runs[0].rows] == [1]


def test_a_tracker_that_is_not_installed_is_said_before_and_stops_nothing(tmp_path: Path) -> None:
    said = Said()
    with a_run(tmp_path / "run") as run:
        drive(with_track(tmp_path, "mlflow", "mlflow"), run, said, only=("sft",))
        assert "sft" in run.manifest.stages
    assert [line for line in said.lines if "mlflow" in line] == [
        "  mlflow is told no more, the run goes on: mlflow is not installed here (pip install mlflow)"
    ]
    assert accord(["init", str(tmp_path / "first")]) == 0
    recipe = load(tmp_path / "first/recipe.toml", {"track.to": '["mlflow"]'})
    assert any("recipe.track.to: mlflow is not installed" in note for note in preflight(recipe).notes)


def test_it_changes_no_digest_and_may_change_at_any_time(tmp_path: Path) -> None:
    tracked = with_track(tmp_path, "wandb", "tensorboard")
    assert [settings_digest(tracked, name) for name in stages_of(tracked)] == [
        settings_digest(SHORT, name) for name in stages_of(SHORT)
    ]
    with a_run(tmp_path / "run") as run:
        RECIPE.write(run, dump(SHORT))
        with pytest.raises(KeyboardInterrupt):
            drive(SHORT, run, Said(last=3), only=("sft",))
        check_settings(tracked, run)


def test_the_section_is_read_with_its_folder_beside_the_recipe(tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text('[track]\nto = ["tensorboard"]\n')
    recipe = load(tmp_path / "recipe.toml")
    assert recipe.track is not None
    assert recipe.track.folder == str(tmp_path / "tracked")
    assert load_again(tmp_path, dump(recipe)) == recipe
    assert "track" not in dump(parse(""))
    with pytest.raises(Exception, match=r"recipe\.track\.to"):
        parse('[track]\nto = ["tensorbored"]')


def load_again(folder: Path, text: str) -> Recipe:
    (folder / "again.toml").write_text(text)
    return load(folder / "again.toml")


def test_without_the_section_nobody_is_told(tmp_path: Path) -> None:
    with a_run(tmp_path / "run") as run:
        assert Trackers.of(SHORT, run, print).to == ()
        drive(SHORT, run, Said(), only=("sft",))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run"]


def test_tensorboard_has_the_numbers_of_every_stage(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="the extra tensorboard is not installed")
    recipe, said = with_track(tmp_path, "tensorboard"), Said()
    with a_run(tmp_path / "run") as run:
        with pytest.raises(KeyboardInterrupt):
            drive(recipe, run, Said(last=3), only=("sft",))
        drive(recipe, run, said, only=("sft", "reward"))
        assert [line for line in said.lines if "tensorboard" in line] == []
        (folder,) = (tmp_path / "tracked").iterdir()
        assert folder.name == f"run-{run.manifest.id[:6]}"
        for stage in ("sft", "reward"):
            events = read_events(folder / stage)
            rows = run.read_jsonl(f"{stage}/metrics.jsonl")
            assert sorted(events.steps) == [row["step"] for row in rows]
            for row in rows:
                assert events.steps[row["step"]]["loss"] == pytest.approx(row["loss"], rel=1e-6)
        card = json.loads((run.path / "reward/evaluation.json").read_text())
        assert events.steps[1]["held_out_accuracy"] == pytest.approx(card["accuracy"]["value"])
