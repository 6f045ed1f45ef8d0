"""A new run that starts from what another one has finished."""

import errno
import json
import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
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
from accord.loop.stages import settings_digest
from accord.loop.starting import write_starter
from accord.recipe import Recipe
from accord.records import Comparison, Feedback, Prompt
from accord.run import RunDirectory, directory, verify
from accord.run.taking import take_stage

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


# -- runs that somebody changed -------------------------------------------------------------------------------


def edit_manifest(run: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads((run / "manifest.json").read_text())
    change(content)
    (run / "manifest.json").write_text(json.dumps(content))


def two_of_one_name(place: Path) -> tuple[Recipe, Recipe]:
    """A recipe whose two rewards lie in files of the same name, and the same with the files exchanged."""
    for folder in ("a", "b"):
        (place / "first" / folder).mkdir(exist_ok=True)
        (place / "first" / folder / "mine.py").write_text(
            f"def score(texts):  # {folder}\n    return [0.5] * len(texts)\n"
        )
    text = (place / "first/recipe.toml").read_text()
    recipes_of = []
    for name, (main, other) in {"plain": ("a", "b"), "exchanged": ("b", "a")}.items():
        reward = f'path = "{main}/mine.py:score"\n\n[rewards.second]\nkind = "python"\npath = "{other}/mine.py:score"\n'
        file = place / f"first/{name}.toml"
        file.write_text(text.replace('path = "mine.py:score"\n', reward))
        recipes_of.append(recipes.load(file, {"sft.epochs": "1"}))
    return recipes_of[0], recipes_of[1]


def test_files_of_one_name_that_were_exchanged_are_others(place: Path) -> None:
    recipe, exchanged = two_of_one_name(place)
    with start_run(recipe, place / "two", resume=False) as run:
        drive(recipe, run, QUIET, only=("data", "reward", "rewards/second"))
    for settings, expected in ((recipe, {"data", "reward", "rewards/second"}), (exchanged, {"data"})):
        with start_run(settings, place / f"new-{len(expected)}", resume=False) as run:
            said = {
                name: what for name, _, what in (s.partition(": ") for s in reuse_stages(settings, run, place / "two"))
            }
        assert was_taken(said) == expected
    assert said["reward"].endswith("b/mine.py (reward.path) is not what it was")


def test_a_recipe_that_contradicts_its_manifest_is_not_believed(place: Path) -> None:
    def change(manifest: dict[str, Any]) -> None:
        manifest["stages"]["sft"]["settings"] = settings_digest(recipe_in(place, **{"sft.optim.lr": "0.02"}), "sft")

    edit_manifest(place / "made", change)
    assert taken(recipe_in(place), place)["sft"] == "done anew, since it was made with other settings"
    other = taken(recipe_in(place, **{"sft.optim.lr": "0.02"}), place, out="other")
    assert other["sft"] == "done anew, since sft.optim.lr was 0.005, now 0.02"


def test_a_recipe_that_was_edited_is_not_read(place: Path) -> None:
    file = place / "made/recipe.toml"
    file.write_text(file.read_text().replace("0.005", "0.02"))
    with pytest.raises(ArtefactError, match=r"recipe\.toml: differs from its digest"):
        taken(recipe_in(place), place)
    assert not (place / "new").exists()


def test_a_stage_without_files_is_none(place: Path) -> None:
    def change(manifest: dict[str, Any]) -> None:
        manifest["files"] = {name: file for name, file in manifest["files"].items() if file["stage"] != "sft"}

    edit_manifest(place / "made", change)
    assert taken(recipe_in(place), place)["sft"] == "done anew, since none of its files is in the manifest there"


@pytest.mark.parametrize("file", ["recipe.toml", ".checkpoints/policy/000001/state.json", "manifest.json"])
def test_a_stage_is_given_no_file_that_is_not_a_stages(file: str, place: Path) -> None:
    def change(manifest: dict[str, Any]) -> None:
        content = (place / "made" / file).read_bytes()
        manifest["files"][file] = {"sha256": sha256(content).hexdigest(), "bytes": len(content), "stage": "sft"}

    (place / "made" / file).parent.mkdir(parents=True, exist_ok=True)
    (place / "made" / file).touch()
    edit_manifest(place / "made", change)
    if file == "manifest.json":  # which cannot hold its own digest
        with (
            RunDirectory.open(place / "made", write=False) as made,
            RunDirectory.create(place / "new") as new,
            pytest.raises(ArtefactError),
        ):
            take_stage(new, made, "sft")
        return
    with pytest.raises(ArtefactError, match="do not take anything from that run"):
        taken(recipe_in(place), place)
    with RunDirectory.open(place / "new") as new:
        assert "sft" not in new.manifest.stages
        assert recipes.load(new.path / "recipe.toml") == recipe_in(place)


def test_a_stage_that_was_made_after_an_upgrade_is_of_the_new_versions(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, versions = recipe_in(place), directory.current_versions()
    with monkeypatch.context() as patch:
        patch.setattr(directory, "current_versions", lambda: {**versions, "torch": "1.0"})
        with start_run(recipe, place / "made", resume=True, again=("reward",)) as run:
            drive(recipe, run, QUIET, only=("reward",))
            assert run.manifest.stages["reward"].versions == {"torch": "1.0"}
    said = taken(recipe, place)
    assert was_taken(said) == {"data", "sft"}
    assert said["reward"] == f"done anew, since torch was 1.0, now {versions['torch']}"


def test_a_prompt_that_nobody_judged_is_a_prompt_more(place: Path) -> None:
    with Ledger(place / "first/feedback.db") as ledger:
        ledger.add(Prompt.ask("Is this one new?"))
    assert taken(recipe_in(place), place)["data"] == "done anew, since the ledger has 1 prompts now that it had not"


def test_a_model_of_the_hub_that_is_at_another_commit_is_another_model(place: Path) -> None:
    edit_manifest(place / "made", lambda manifest: manifest["inputs"].update({"sft.base": {"digest": "0" * 40}}))
    said = taken(recipe_in(place), place)
    assert said["sft"] == "done anew, since sft.base was read at commit 000000000000, which is not the one that is here"


def test_a_run_in_rounds_is_told_by_one_of_them(place: Path) -> None:
    shutil.copytree(place / "made", place / "made/rounds/01")
    with pytest.raises(ArtefactError, match=r"made in rounds; name one of them, such as .*rounds/01"):
        check_source(recipe_in(place), place / "made", place / "new")
    check_source(recipe_in(place), place / "made/rounds/01", place / "new")


def test_a_manifest_of_another_schema_is_refused(place: Path) -> None:
    edit_manifest(place / "made", lambda manifest: manifest.update(schema=2))
    with pytest.raises(ArtefactError, match="this run has schema 2"):
        check_source(recipe_in(place), place / "made", place / "new")


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
