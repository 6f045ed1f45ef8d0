"""A run that is stopped and taken up again counts the time of all goes at each stage, and says how many there were."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TypeVar

import pytest

from accord.artefacts import RunReader
from accord.errors import ArtefactError
from accord.feedback import write_data
from accord.interfaces import Step
from accord.loop.drive import drive
from accord.loop.progress import ProgressDisplay
from accord.report.first_screen import facts
from accord.report.provenance import provenance
from accord.run import RunDirectory, SpentEntry
from small_data import letters_dataset
from small_run import RECIPE

S = TypeVar("S", bound=Step)
SFT = RECIPE.sft
assert SFT is not None
SHORT = RECIPE.model_copy(update={"sft": SFT.model_copy(update={"epochs": 2, "save_every": 1})})


class Clock:
    """Monotonic seconds that pass when the test says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr("accord.run.directory.time", SimpleNamespace(monotonic=lambda: self.now))


class StoppedAfter(ProgressDisplay):
    """Stops the program, as Ctrl-C does, after so many steps."""

    def __init__(self, steps: int) -> None:
        super().__init__(quiet=True)
        self._last = steps

    def steps(self, items: Iterable[S], name: str) -> Iterator[S]:
        for number, item in enumerate(items, 1):
            yield item
            if number == self._last:
                raise KeyboardInterrupt


def costs(spent: SpentEntry) -> tuple[int, float]:
    """Without its memory, which is that of whatever process the tests run in."""
    return spent.goes, spent.seconds


def a_run(path: Path) -> None:
    with RunDirectory.create(path) as run:
        write_data(run, letters_dataset(prompts=12))


def a_file(folder: Path) -> None:
    (folder / "x").write_text("x")


def test_a_stage_that_was_stopped_counts_both_goes(tmp_path: Path) -> None:
    a_run(tmp_path / "run")
    with RunDirectory.open(tmp_path / "run") as run, pytest.raises(KeyboardInterrupt):
        drive(SHORT, run, StoppedAfter(2), only=("sft",))
    with RunDirectory.open(tmp_path / "run") as run:
        first = run.manifest.spent["sft"]
        assert first.goes == 1
        assert first.seconds > 0
        drive(SHORT, run, ProgressDisplay(quiet=True), only=("sft",))
        entry = run.manifest.stages["sft"]
        assert entry.goes == 2
        assert entry.seconds > first.seconds
        assert run.manifest.spent == {}
        reader = RunReader(run)
        (when,) = [fact.value for fact in facts(reader) if fact.name == "When"]
        assert when.endswith("of computing, and was stopped and taken up again 1 time.")
        took, _, held = dict(provenance(reader).stages)["sft"].partition(", ")
        assert took.endswith(" in 2 goes")
        assert held.endswith("B of memory at the most")


def test_what_a_kill_leaves_is_counted_as_far_as_it_was_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    run = RunDirectory.create(tmp_path / "run")
    run.begin("policy")
    clock.now += 7
    run.save_checkpoint("policy", 1, a_file)
    clock.now += 1000  # of which nothing is kept
    run.close()  # killed: neither paused nor finished
    with RunDirectory.open(tmp_path / "run") as again:
        assert [costs(each) for each in again.manifest.spent.values()] == [(1, 7.0)]
        again.begin("policy")
        clock.now += 3
        again.finish("policy", "s", 3.0)
        assert (again.manifest.stages["policy"].seconds, again.manifest.stages["policy"].goes) == (10.0, 2)


def test_time_between_goes_and_of_stages_made_again_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    with RunDirectory.create(tmp_path / "run") as run:
        run.begin("policy")
        clock.now += 5
        run.pause("policy")
        clock.now += 500
        run.write_text("note", "a file that is entered while nothing goes on")
        assert costs(run.manifest.spent["policy"]) == (1, 5.0)
        run.begin("policy")
        clock.now += 2
        run.forget("policy")
        run.begin("policy")
        run.finish("policy", "s", 1.5)
        assert (run.manifest.stages["policy"].seconds, run.manifest.stages["policy"].goes) == (1.5, 1)


def test_a_manifest_of_before_is_read_and_a_strange_one_is_refused(tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path / "run") as run:
        run.finish("data", "s", 2.0)
    file = tmp_path / "run" / "manifest.json"
    content = json.loads(file.read_text())
    del content["spent"], content["stages"]["data"]["goes"]
    file.write_text(json.dumps(content))
    with RunDirectory.open(tmp_path / "run", write=False) as run:
        assert run.manifest.stages["data"].goes == 1
        assert run.manifest.spent == {}
    file.write_text(json.dumps(content | {"spent": {"policy": {"goes": "two", "seconds": 1.0}}}))
    with pytest.raises(ArtefactError, match="not a manifest"):
        RunDirectory.open(tmp_path / "run", write=False)
