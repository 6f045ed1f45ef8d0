"""Whose a folder is: told by its files, refused with what was looked for where they say nothing or several things."""

import os
from pathlib import Path

import pytest

from accord.cli import run
from accord.errors import ArtefactError, StorageError
from accord.foreign.recognition import recognise
from foreign_files import dpo_log, ppo_step, verl_files, verl_step, write_events, write_lines, write_state


def trl(folder: Path) -> None:
    write_state(folder / "checkpoint-6" / "trainer_state.json", dpo_log())


def verl(folder: Path) -> None:
    verl_files(folder / "rollouts", range(1, 3), lambda step, _: step / 9)


def openrlhf(folder: Path) -> None:
    write_events(folder / "ppo_1" / "events.out.tfevents.1", [ppo_step(1)])


@pytest.mark.parametrize("make", [trl, verl, openrlhf])
def test_a_folder_is_known_by_its_files(make: object, tmp_path: Path) -> None:
    assert callable(make)
    make(tmp_path)
    assert recognise(tmp_path).name == make.__name__
    assert recognise(tmp_path, make.__name__).name == make.__name__


def test_verl_is_known_by_its_metrics_alone(tmp_path: Path) -> None:
    write_lines(tmp_path / "project" / "experiment.jsonl", [verl_step(1)])
    assert recognise(tmp_path).name == "verl"


def test_an_empty_folder_is_refused_with_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match=r"no run here .*manifest.json.*trainer_state.json.*the folder is empty"):
        recognise(tmp_path)


def test_an_unknown_folder_is_refused_with_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing")
    (tmp_path / "weights").mkdir()
    for number in range(20):
        (tmp_path / f"z{number:02d}").touch()
    with pytest.raises(ArtefactError, match=r"there is notes.txt, weights/, z00.* and 10 more"):
        recognise(tmp_path)


def test_what_was_named_and_is_not_there_is_refused_with_what_is(tmp_path: Path) -> None:
    trl(tmp_path)
    with pytest.raises(
        ArtefactError, match=r"no run of verl is here .*of TRL there is checkpoint-6/trainer_state.json"
    ):
        recognise(tmp_path, "verl")


def test_a_folder_of_two_tools_has_to_be_said(tmp_path: Path) -> None:
    trl(tmp_path)
    verl(tmp_path)
    with pytest.raises(ArtefactError, match=r"several tools .*\(--from\)"):
        recognise(tmp_path)
    assert recognise(tmp_path, "verl").name == "verl"
    assert recognise(tmp_path, "trl").name == "trl"


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no such file"):
        recognise(tmp_path / "gone")


def test_links_are_followed_and_do_not_lead_in_circles(tmp_path: Path) -> None:
    """A folder may be a link, as caches have it; one that leads back up is not walked."""
    openrlhf(tmp_path / "real")
    (tmp_path / "real" / "again").symlink_to(tmp_path / "real", target_is_directory=True)
    (tmp_path / "link").symlink_to(tmp_path / "real", target_is_directory=True)
    assert recognise(tmp_path / "link").name == "openrlhf"


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    """A pipe of the right name would be waited for without end."""
    os.mkfifo(tmp_path / "trainer_state.json")
    (tmp_path / "completions").mkdir()
    os.mkfifo(tmp_path / "completions" / "completions_00001.parquet")
    os.mkfifo(tmp_path / "1.jsonl")
    os.mkfifo(tmp_path / "audit_samples.jsonl")
    os.mkfifo(tmp_path / "events.out.tfevents.1")
    with pytest.raises(ArtefactError, match="no run here"):
        recognise(tmp_path)


@pytest.mark.parametrize("target", ["nowhere", "trainer_state.json"])
def test_a_link_to_nothing_is_nothing(target: str, tmp_path: Path) -> None:
    (tmp_path / "trainer_state.json").symlink_to(tmp_path / target)
    assert run(["audit", str(tmp_path)]) == 2
