"""A new run that starts from what another one has finished."""

import errno
import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from accord import recipe as recipes
from accord.cli import run as command
from accord.errors import ArtefactError, RecipeError
from accord.feedback import Ledger
from accord.loop.drive import drive, start_run
from accord.loop.progress import ProgressDisplay
from accord.loop.reuse import check_source, reuse_stages
from accord.loop.starting import write_starter
from accord.recipe import Recipe
from accord.records import Comparison, Feedback
from accord.run import RunDirectory, directory, verify

QUIET = ProgressDisplay(quiet=True)
TRAINED = ("data", "sft", "reward")
DATED = "{{ strftime_now('%Y-%m-%d') }}{% for m in messages %}<{{ m.role }}>{{ m.content }}{{ eos_token }}{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"  # noqa: E501


def recipe_in(home: Path, **changes: str) -> Recipe:
    return recipes.load(home / "first/recipe.toml", {"sft.epochs": "1", **changes})


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe with a reward in a file, and a run of it with its first stages finished."""
    path = tmp_path_factory.mktemp("from")
    write_starter(path / "first")
    (path / "first/mine.py").write_text("def score(texts):\n    return [float(len(text)) for text in texts]\n")
    file = path / "first/recipe.toml"
    before, _, rest = file.read_text().partition("[reward]")
    reward = '[reward]\nkind = "python"\npath = "mine.py:score"\n\n'
    file.write_text(before + reward + rest[rest.index("[policy]") :])
    recipe = recipe_in(path)
    with start_run(recipe, path / "made", resume=False) as run:
        drive(recipe, run, QUIET, only=TRAINED)
    return path


@pytest.fixture
def place(home: Path, tmp_path: Path) -> Path:
    """A copy of all of it, to be tampered with."""
    return Path(shutil.copytree(home, tmp_path / "place"))


def taken(recipe: Recipe, place: Path, *, out: str = "new", resume: bool = False, **options: Any) -> dict[str, str]:
    """What becomes of each stage, as it is said."""
    check_source(recipe, place / "made", place / out)
    with start_run(recipe, place / out, resume=resume) as run:
        lines = list(reuse_stages(recipe, run, place / "made", **options))
    return {name: what for name, _, what in (line.partition(": ") for line in lines)}


def was_taken(said: dict[str, str]) -> set[str]:
    return {name for name, what in said.items() if what.startswith("taken from")}


def test_stages_that_are_the_same_are_taken_without_room(place: Path) -> None:
    said = taken(recipe_in(place), place)
    assert was_taken(said) == set(TRAINED)
    assert said["policy"] == "done anew, since it is not finished there"
    assert said["report"] == "made anew, since it tells of one run"
    with RunDirectory.open(place / "made", write=False) as old, RunDirectory.open(place / "new") as new:
        assert [new.manifest.stages[name].run for name in TRAINED] == [old.manifest.id] * 3
        assert new.manifest.parents == [old.manifest.id]
        assert new.manifest.id != old.manifest.id
        for name in TRAINED:
            assert new.files_of(name) == old.files_of(name)
            assert all((new.path / file).samefile(old.path / file) for file in new.files_of(name))
        assert new.manifest.inputs.keys() == old.manifest.inputs.keys()
        assert new.manifest.inputs["reward: mine.py"] == old.manifest.inputs["reward: mine.py"]
        assert verify(new) == []
        drive(recipe_in(place), new, QUIET, only=TRAINED)
        assert new.manifest.stages["sft"].run == old.manifest.id, "it is done before"


def test_a_run_elsewhere_names_its_inputs_from_where_it_is(place: Path) -> None:
    taken(recipe_in(place), place, out="deeper/new")
    with RunDirectory.open(place / "deeper/new") as new:
        assert new.manifest.inputs["reward: mine.py"].path == "../../first/mine.py"
        assert new.manifest.inputs["ledger"].path == "../../first/feedback.db"


@pytest.mark.parametrize(
    ("change", "stage", "why"),
    [
        ({"sft.optim.lr": "0.02"}, "sft", "sft.optim.lr was 0.005, now 0.02"),
        ({"reward.timeout": "5"}, "reward", "reward.timeout was unset, now 5.0"),
        ({"data.max_pairs": "9"}, "data", "data.max_pairs was 200000, now 9"),
    ],
)
def test_a_stage_that_differs_is_done_anew_with_what_builds_on_it(
    change: dict[str, str], stage: str, why: str, place: Path
) -> None:
    said = taken(recipe_in(place, **change), place)
    assert said[stage] == f"done anew, since {why}"
    assert was_taken(said) == (set() if stage == "data" else set(TRAINED) - {stage})


def test_what_builds_on_files_that_were_made_again_is_not_the_same(place: Path) -> None:
    with RunDirectory.open(place / "made") as run:
        run.write_text("data/summary.json", (run.path / "data/summary.json").read_text() + " ", stage="data")
    said = taken(recipe_in(place), place)
    assert was_taken(said) == {"data"}
    assert said["sft"] == "done anew, since what it builds on was made again there after it"


@pytest.mark.parametrize("damage", ["altered", "gone", "cut"])
def test_damaged_files_are_never_taken(damage: str, place: Path) -> None:
    file = place / "made/sft/model/model.safetensors"
    content = file.read_bytes()
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]) if damage == "altered" else content[:-1])
    said = taken(recipe_in(place), place)
    assert was_taken(said) == {"data", "reward"}
    assert f"done anew, since {file} " in said["sft"]
    assert not (place / "new/sft").exists()


def test_a_ledger_that_grew_has_its_data_drawn_anew(place: Path) -> None:
    with Ledger(place / "first/feedback.db") as ledger:
        first = next(iter(ledger.feedback()))
        judgement = Comparison(preferred="tie")
        about = {"evaluator": first.evaluator, "prompt": first.prompt, "completions": first.completions}
        ledger.add(Feedback(**about, judgement=judgement, study="another"))
    said = taken(recipe_in(place), place)
    assert said["data"] == "done anew, since the ledger held 36 answers, now 37"
    assert said["sft"] == "done anew, since data, which it builds on, is"
    assert was_taken(said) == set()


def test_another_file_is_another_reward(place: Path) -> None:
    file = place / "first/mine.py"
    file.write_text(file.read_text() + "\n")
    said = taken(recipe_in(place), place)
    assert said["reward"] == f"done anew, since {file} (reward.path) is not what it was"
    assert was_taken(said) == {"data", "sft"}


def test_the_source_of_the_feedback_is_held_against_what_was_read(place: Path) -> None:
    file = place / "first/feedback.jsonl"
    file.write_text(file.read_text() + "\n")
    assert taken(recipe_in(place), place)["data"] == f"done anew, since {file} (data.source) is not what it was"


def test_other_versions_of_what_computes(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    versions = directory.current_versions()
    monkeypatch.setattr(directory, "current_versions", lambda: {**versions, "torch": "1.0"})
    said = taken(recipe_in(place), place)
    assert said["data"] == f"done anew, since torch was {versions['torch']}, now 1.0"
    assert was_taken(said) == set()


def test_a_template_that_writes_the_day_is_of_that_day(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = recipe_in(place, **{"sft.chat_template": DATED})
    with start_run(recipe, place / "dated", resume=False) as run:
        drive(recipe, run, QUIET, only=("data", "sft"))
        run.manifest.created = (datetime.now(UTC) - timedelta(days=2)).isoformat(timespec="seconds")
        run.write_text("note.txt", "")
    with start_run(recipe, place / "new", resume=False) as run:
        said = list(reuse_stages(recipe, run, place / "dated"))
    assert said[0].startswith("data: taken from")
    assert said[1].startswith("sft: done anew, since a chat template writes the day, then ")


def test_seeds_must_agree(place: Path) -> None:
    with pytest.raises(RecipeError, match=r"this run has seed 0, the recipe 5: .*give --seed 0"):
        taken(recipe_in(place, seed="5"), place)
    assert not (place / "new").exists()


def test_a_run_is_not_its_own_source(place: Path) -> None:
    with pytest.raises(ArtefactError, match="the new run itself"):
        check_source(recipe_in(place), place / "made", place / "first/../made")
    with pytest.raises(ArtefactError, match="there is no run here"):
        check_source(recipe_in(place), place / "nowhere", place / "new")


# -- kills, copies, and what the other run still has ------------------------------------------------------------


@pytest.fixture
def killed(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new run that was killed while the second stage was taken."""
    links = iter(range(1_000))
    link = os.link

    def linked(source: Path, target: Path) -> None:
        link(source, target)
        if "sft" in Path(target).parts and next(links) == 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", linked)
        with pytest.raises(KeyboardInterrupt):
            taken(recipe_in(place), place)
    assert list((place / "new").rglob("*.part"))
    with RunDirectory.open(place / "new", write=False) as run:
        assert list(run.manifest.stages) == ["data"]
    return place


def test_a_run_that_was_killed_while_it_took_stages_goes_on_taking(killed: Path) -> None:
    assert was_taken(taken(recipe_in(killed), killed, resume=True)) == {"sft", "reward"}
    with RunDirectory.open(killed / "new") as run:
        assert verify(run) == []


def test_a_run_that_was_killed_while_it_took_stages_goes_on_by_itself(killed: Path) -> None:
    """And what it writes does not reach the files that it shares with the other run."""
    recipe = recipe_in(killed)
    with start_run(recipe, killed / "new", resume=True) as run:
        drive(recipe, run, QUIET, only=("sft",))
        assert run.manifest.stages["sft"].run == ""
        assert verify(run) == []
    with RunDirectory.open(killed / "made", write=False) as old:
        assert verify(old) == []


def test_doing_a_taken_stage_again_leaves_the_other_run_whole(place: Path) -> None:
    recipe = recipe_in(place)
    taken(recipe, place)
    with start_run(recipe, place / "new", resume=True, again=("data",)) as run:
        drive(recipe, run, QUIET, only=TRAINED)
    with RunDirectory.open(place / "made", write=False) as old:
        assert verify(old) == []


def test_where_nothing_can_be_linked_files_are_copied(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    said = taken(recipe_in(place), place, only=("sft",))
    assert was_taken(said) == {"data", "sft"}
    assert said["sft"].endswith(" files of it as copies")
    assert "reward" not in said
    with RunDirectory.open(place / "new") as run:
        assert verify(run) == []
    assert not (place / "new/sft/metrics.jsonl").samefile(place / "made/sft/metrics.jsonl")


def test_a_copy_that_is_not_the_file_is_refused(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(shutil, "copyfile", lambda _, target: Path(target).write_bytes(b"half"))
    with pytest.raises(ArtefactError, match="changed while it was copied"):
        taken(recipe_in(place), place)


def test_the_command_takes_stages_and_refuses_what_contradicts(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place)
    arguments = ["run", "first/recipe.toml", "--sft.epochs", "1", "--out", "new", "--from", "made"]
    assert command([*arguments, "--only", "data"]) == 0
    assert "data: taken from made" in capsys.readouterr().out
    assert command([*arguments, "--resume", "--again", "data"]) == 2
    assert command([*arguments[:5], "other", *arguments[6:], "--seed", "4"]) == 2
    assert "give --seed 0" in capsys.readouterr().err
