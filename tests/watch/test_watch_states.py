"""What a run does, by its files and its lock: worked on, waiting, stopped, killed, ended, damaged, not begun."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from logged_runs import begin_policy, finish, log_steps
from watched_runs import SHORT, make_trained

from accord.errors import ArtefactError, TrainingStopped, WaitingForPeople
from accord.feedback import write_data
from accord.loop import drive as driving
from accord.loop.drive import drive
from accord.loop.progress import ProgressDisplay
from accord.loop.stage import Context, Stage
from accord.loop.stages import stages_of
from accord.recipe import Recipe, load
from accord.run import RunDirectory, holder_of
from accord.watch import RunView, Watched, view_of
from accord.watch.stage_table import planned_stages
from small_data import letters_dataset

ROOT = Path(__file__).parents[2]


def look(path: Path) -> RunView:
    return view_of(Watched(path))


def test_a_run_that_is_worked_on_names_its_process_and_how_far_it_is(tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path / "run") as run:
        finish(run, "data")
        begin_policy(run, total=10)
        log_steps(run, 4)
        view = look(run.path)
        assert view.state.kind == "running"
        assert view.state.words.startswith(f"Process {os.getpid()} on ")
        assert view.state.words.endswith(" works on it: policy goes on.")
        policy = view.stages[-1]
        assert (policy.name, policy.state, policy.step, policy.total, policy.left) == ("policy", "going", 4, 10, 12.0)
        assert view.going == policy
        run.finish("policy", "settings", 9.0)
        view = look(run.path)
        assert (view.state.kind, view.stages[-1].state, view.stages[-1].seconds) == ("running", "done", 9.0)
        assert run.manifest.steps == {}
    assert look(run.path).state.kind == "ended"


def test_a_killed_run_is_stopped_though_its_lock_names_a_process(killed_run: Path) -> None:
    view = look(killed_run)
    assert json.loads((killed_run / ".lock").read_text())["pid"] > 0
    assert (view.state.kind, view.state.stage) == ("stopped", "policy")
    assert view.state.words.startswith("No process works on it, and it left no word: it was killed")
    assert (view.stages[-1].step, view.stages[-1].total, view.stages[-1].goes) == (4, 10, 1)


class Ends(ProgressDisplay):
    """Ends the program after a step by an error."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(quiet=True)
        self._error = error

    def steps(self, items: Any, name: str) -> Any:
        yield next(iter(items))
        raise self._error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (KeyboardInterrupt(), "stopped by Ctrl-C"),
        (TrainingStopped("the loss is nan at step 2; step 1 is kept"), "the loss is nan at step 2; step 1 is kept"),
        (ZeroDivisionError("by zero"), "ZeroDivisionError: by zero"),
    ],
)
def test_a_run_that_was_stopped_says_why(tmp_path: Path, error: BaseException, words: str) -> None:
    with RunDirectory.create(tmp_path / "run") as run:
        write_data(run, letters_dataset(prompts=12))
        with pytest.raises(type(error)):
            drive(SHORT, run, Ends(error), only=("sft",))
    view = look(run.path)
    assert (view.state.kind, view.state.stage, view.state.words) == ("stopped", "sft", words)
    assert (view.stages[-1].step, view.stages[-1].total) == (1, 6)
    with RunDirectory.open(run.path) as again:
        drive(SHORT, again, ProgressDisplay(quiet=True), only=("sft",))
        assert again.manifest.stopped == {}
    assert look(run.path).stages[-1].goes == 2


def test_a_run_that_waits_for_people_says_what_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(context: Context) -> None:
        raise WaitingForPeople("8 completions wait for people")

    monkeypatch.setattr(driving, "chosen_stages", lambda recipe, only: {"policy": Stage("policy", (), "policy", ask)})
    with RunDirectory.create(tmp_path / "run") as run:
        with pytest.raises(WaitingForPeople):
            drive(SHORT, run, ProgressDisplay(quiet=True))
        assert run.manifest.stopped == {}
    state = look(run.path).state
    assert (state.kind, state.word, state.words) == ("waits", "waits for people", "8 completions wait for people")


def test_a_run_of_which_nothing_has_begun(tmp_path: Path) -> None:
    RunDirectory.create(tmp_path / "run").close()
    assert look(tmp_path / "run").state.kind == "empty"


@pytest.mark.parametrize("content", [b"", b'{"name": "x', b"[]", b'{"schema": 1, "versions": {}}', b"\xff" * 99])
def test_a_damaged_manifest_is_shown_with_what_is_wrong(tmp_path: Path, content: bytes) -> None:
    RunDirectory.create(tmp_path / "run").close()
    (tmp_path / "run/manifest.json").write_bytes(content)
    view = look(tmp_path / "run")
    assert view.state.kind == "damaged"
    assert "manifest.json" in view.state.words
    assert view.stages == ()


def test_a_manifest_that_leads_out_of_its_run_is_refused(tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path / "run") as run:
        run.begin("../elsewhere")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/metrics.jsonl").write_text('{"step": 1, "loss": 1}\n')
    snapshot = Watched(run.path).look(Watched(run.path).places()[-1])
    assert snapshot.metrics == {}
    assert any("leads out of the run" in problem for problem in snapshot.problems)


def test_looking_keeps_nobody_out_and_writes_nothing(tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path / "run") as run:
        finish(run, "data")
    before = {path: path.stat().st_mtime_ns for path in run.path.rglob("*")}
    for _ in range(50):
        assert holder_of(run.path) is None
        with RunDirectory.open(run.path, write=False):
            look(run.path)
    assert {path: path.stat().st_mtime_ns for path in run.path.rglob("*")} == before
    with RunDirectory.open(run.path):
        assert holder_of(run.path) is not None


def test_where_there_is_no_run_the_place_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match=r"there is no run here \(no manifest\.json, and no rounds/01"):
        Watched(tmp_path)


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.toml")), ids=lambda path: path.stem)
def test_the_stages_to_come_are_those_that_the_recipe_asks_for(path: Path) -> None:
    recipe = load(path)
    assert list(planned_stages(recipe.model_dump(mode="json", exclude_none=True))) == list(stages_of(recipe))


def test_the_stages_to_come_of_a_recipe_with_named_rewards_and_without_a_judge() -> None:
    assert SHORT.evaluate is not None
    assert SHORT.reward is not None
    recipe = Recipe(
        rewards={"helpful": SHORT.reward, "harmless": SHORT.reward},
        policy=SHORT.policy,
        evaluate=SHORT.evaluate.model_copy(update={"judged": False}),
    )
    assert list(planned_stages(recipe.model_dump(mode="json", exclude_none=True))) == list(stages_of(recipe))


@pytest.mark.slow
def test_a_real_run_below_a_prefix_is_seen_as_one_without(tmp_path: Path, trained: Path) -> None:
    make_trained(tmp_path / "run", prefix="rounds/03")
    view, plain = view_of(Watched(tmp_path / "run")), view_of(Watched(trained))
    assert view.place.name == "rounds/03"
    assert [row.name for row in view.stages] == [row.name for row in plain.stages if row.state == "done"]
    assert [one.stage for one in view.training] == [one.stage for one in plain.training]
    assert [measure.name for measure in view.measures] == [measure.name for measure in plain.measures]
    assert [prompt.text for prompt in view.snapshot.samples] == [prompt.text for prompt in plain.snapshot.samples]
