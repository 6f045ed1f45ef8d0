"""Going on with a run: what belongs to it, what it refuses to go on with, and what it does again."""

import json
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from huggingface_hub import constants as hub

from accord import recipe as recipes
from accord.artefacts import RunReader
from accord.errors import ArtefactError, RecipeError
from accord.interfaces import Step
from accord.lm.loading import load
from accord.loop.drive import drive, start_run
from accord.loop.progress import ProgressDisplay
from accord.loop.starting import write_starter
from accord.recipe import Recipe
from accord.run import RunDirectory, directory

S = TypeVar("S", bound=Step)
POLICY = ("policy",)
SMALL = {
    "sft.epochs": "1",
    "reward.epochs": "1",
    "evaluate.judge.epochs": "1",
    "evaluate.samples_per_prompt": "2",
    "policy.max_steps": "4",
    "policy.save_every": "2",
}


class Stops(ProgressDisplay):
    """Ctrl-C after some steps of a stage."""

    def __init__(self, stage: str, after: int) -> None:
        super().__init__(quiet=True)
        self.stage, self.after = stage, after

    def steps(self, items: Iterable[S], name: str) -> Iterator[S]:
        for item in items:
            yield item
            if name == self.stage and item.step == self.after:
                raise KeyboardInterrupt


class Listens(ProgressDisplay):
    """Keeps what is said."""

    def __init__(self) -> None:
        super().__init__(quiet=True)
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    @property
    def done(self) -> list[str]:
        """The stages that were done, and not done before."""
        places = [line.split("] ")[1] for line in self.said if line.startswith("[")]
        return [place.partition(":")[0] for place in places if not place.endswith("done before")]


def recipe_with(home: Path, **changes: str) -> Recipe:
    return recipes.load(home / "first/recipe.toml", {**SMALL, **changes})


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe; a finished run of it; and one that was stopped after the third step of its policy."""
    path = tmp_path_factory.mktemp("resuming")
    write_starter(path / "first")
    load("tiny").save(path / "model")
    recipe = recipe_with(path)
    with start_run(recipe, path / "whole", resume=False) as run:
        drive(recipe, run, ProgressDisplay(quiet=True))
    with start_run(recipe, path / "stopped", resume=False) as run, pytest.raises(KeyboardInterrupt):
        drive(recipe, run, Stops("policy", 3))
    return path


@pytest.fixture
def stopped(home: Path, tmp_path: Path) -> Path:
    shutil.copytree(home / "first", tmp_path / "first")
    return Path(shutil.copytree(home / "stopped", tmp_path / "run"))


@pytest.fixture
def whole(home: Path, tmp_path: Path) -> Path:
    shutil.copytree(home / "first", tmp_path / "first")
    return Path(shutil.copytree(home / "whole", tmp_path / "run"))


def resume(recipe: Recipe, path: Path, *again: str, only: tuple[str, ...] = ()) -> list[str]:
    """Go on with a run, and say which stages were done."""
    progress = Listens()
    with start_run(recipe, path, resume=True, again=again) as run:
        drive(recipe, run, progress, only=only)
    return progress.done


def numbers(path: Path) -> dict[str, object]:
    """What a run has found, without times."""
    with RunDirectory.open(path, write=False) as run:
        reader = RunReader.of(run)
        metrics = [row.model_copy(update={"seconds": None}) for row in reader.metrics("policy")]
        model = {name: file.sha256 for name, file in run.manifest.files.items() if name.startswith("policy/model")}
        return {"metrics": metrics, "samples": reader.samples(), "model": model}


# -- whose a checkpoint is -------------------------------------------------------------------------------------


def test_a_stopped_run_goes_on_to_the_same_numbers(home: Path, stopped: Path) -> None:
    assert resume(recipe_with(home), stopped) == ["policy", "evaluate", "audit", "report"]
    assert numbers(stopped) == numbers(home / "whole")


def test_a_new_run_wants_an_empty_folder(home: Path, stopped: Path) -> None:
    """`rm -rf run/*` leaves what begins with a dot, the checkpoints among it."""
    for path in [each for each in stopped.iterdir() if not each.name.startswith(".")]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for again in (False, True):
        with pytest.raises(ArtefactError, match=r"run: not empty \(\.checkpoints\); choose a new folder"):
            start_run(recipe_with(home, seed="5"), stopped, resume=again)
    assert list((stopped / ".checkpoints/policy").iterdir())


def test_a_run_without_its_manifest_is_not_begun_anew(home: Path, stopped: Path) -> None:
    (stopped / "manifest.json").unlink()
    with pytest.raises(ArtefactError, match=r"not empty \(\.checkpoints and 6 more\)"):
        start_run(recipe_with(home), stopped, resume=True)


def test_a_folder_that_holds_the_recipe_is_not_made_a_run(home: Path, tmp_path: Path) -> None:
    shutil.copytree(home / "first", tmp_path / "my")
    before = {path: path.read_bytes() for path in (tmp_path / "my").iterdir()}
    with pytest.raises(ArtefactError, match="not empty"):
        start_run(recipes.load(tmp_path / "my/recipe.toml"), tmp_path / "my", resume=True)
    assert {path: path.read_bytes() for path in (tmp_path / "my").iterdir()} == before


def test_a_kill_while_a_run_is_made_leaves_a_folder_that_can_be_used(tmp_path: Path) -> None:
    for name in (".lock", "manifest.json.part"):
        (tmp_path / name).write_text("")
    RunDirectory.create(tmp_path).close()
    with RunDirectory.open(tmp_path, write=False) as run:
        assert run.manifest.id


def test_another_runs_checkpoint_is_refused(home: Path, stopped: Path, tmp_path: Path) -> None:
    recipe = recipe_with(home)
    with start_run(recipe, tmp_path / "other", resume=False) as run, pytest.raises(KeyboardInterrupt):
        drive(recipe, run, Stops("policy", 2))
    shutil.rmtree(stopped / ".checkpoints")
    shutil.copytree(tmp_path / "other/.checkpoints", stopped / ".checkpoints")
    with pytest.raises(ArtefactError, match=r"not a checkpoint of this run \(run was \w+, now \w+\)"):
        resume(recipe, stopped)
    assert resume(recipe, stopped, "policy", only=POLICY) == ["policy"]
    assert numbers(stopped) == numbers(home / "whole")


def test_other_versions_of_what_computes_are_refused(
    home: Path, stopped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = directory.current_versions()
    monkeypatch.setattr(directory, "current_versions", lambda: {**versions, "torch": "1.0"})
    with pytest.raises(ArtefactError, match=rf"\(torch was {versions['torch']}, now 1\.0\)".replace("+", r"\+")):
        resume(recipe_with(home), stopped)


# -- other settings --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"policy.optim.lr": "0.002"}, r"policy\.optim\.lr was 0\.001, now 0\.002"),
        ({"policy.kl_coef": "0.1"}, r"policy\.kl_coef was 0\.05, now 0\.1"),
        ({"policy.prompts_per_step": "2"}, r"policy\.prompts_per_step was 4, now 2"),
        ({"policy.group_size": "2"}, r"policy\.group_size was 4, now 2"),
        ({"policy.dtype": "bfloat16"}, r"policy\.dtype was 'float32', now 'bfloat16'"),
        ({"policy.kind": "grpo"}, r"\(policy\.kind was 'ppo', now 'grpo'; .*; and \d+ more\)"),
        ({"policy.lora.rank": "2"}, r"policy\.lora\.rank was unset, now 2"),
        ({"policy.base": "tiny"}, r"policy\.base was unset, now 'tiny'"),
        ({"policy.trained_layers": "1"}, r"policy\.trained_layers was unset, now 1"),
        ({"policy.max_steps": "8"}, r"policy\.max_steps was 4, now 8"),
        ({"sft.batch_size": "4"}, r"stage 'sft' finished .*sft\.batch_size was 8, now 4"),
        ({"data.max_pairs": "9"}, r"data\.max_pairs was 200000, now 9"),
        ({"reward.base": "smollm2-135m"}, r"reward\.base was 'tiny', now 'smollm2-135m'"),
    ],
)
def test_other_settings_are_refused_with_key_old_and_new_value(
    change: dict[str, str], message: str, home: Path, stopped: Path
) -> None:
    recipe_before = (stopped / "recipe.toml").read_bytes()
    if "policy.kind" in change:
        changed = recipes.load(home / "first/recipe.toml", {**SMALL, **change, "policy.sampling.max_tokens": "24"})
    else:
        changed = recipe_with(home, **change)
    with pytest.raises(ArtefactError, match=message):
        start_run(changed, stopped, resume=True)
    assert (stopped / "recipe.toml").read_bytes() == recipe_before
    assert [path.name for path in (stopped / ".checkpoints/policy").iterdir()] == ["00000002"]


def test_what_has_not_begun_may_change(home: Path, stopped: Path) -> None:
    recipe = recipe_with(home, **{"evaluate.samples_per_prompt": "3"})
    assert resume(recipe, stopped, only=POLICY) == ["policy"]
    assert recipes.load(stopped / "recipe.toml") == recipe


@pytest.mark.slow
def test_other_files_of_a_base_model_are_refused(home: Path, tmp_path: Path) -> None:
    shutil.copytree(home / "model", tmp_path / "model")
    recipe = recipe_with(home, **{"policy.base": str(tmp_path / "model")})
    with start_run(recipe, tmp_path / "run", resume=False) as run, pytest.raises(KeyboardInterrupt):
        drive(recipe, run, Stops("policy", 2))
    load("tiny", seed=1).save(tmp_path / "model")
    with pytest.raises(ArtefactError, match=r"the files of policy\.base were \w{16}, now \w{16}"):
        start_run(recipe, tmp_path / "run", resume=True)
    shutil.rmtree(tmp_path / "model")
    shutil.copytree(home / "model", tmp_path / "elsewhere/model")  # moved with the run, it is still the same
    moved = recipe_with(home, **{"policy.base": str(tmp_path / "elsewhere/model")})
    assert resume(moved, tmp_path / "run", only=POLICY) == ["policy"]


def test_a_run_notes_of_which_commit_of_the_hub_its_model_was(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "HF_HUB_CACHE", str(tmp_path / "hub"))
    cached, commit = tmp_path / "hub/models--me--start", "c" * 40
    shutil.copytree(home / "model", cached / "snapshots" / commit)
    (cached / "refs").mkdir()
    (cached / "refs/v1").write_text(commit)
    recipe = recipe_with(home, **{"sft.base": "me/start", "sft.revision": "v1", "sft.max_examples": "8"})
    with start_run(recipe, tmp_path / "run", resume=False) as run:
        assert "sft.base" not in run.manifest.inputs
        drive(recipe, run, ProgressDisplay(quiet=True), only=("data",))
        drive(recipe, run, ProgressDisplay(quiet=True), only=("sft",))
        assert run.manifest.inputs["sft.base"].digest == commit
    assert resume(recipe, tmp_path / "run", only=("sft",)) == []


@pytest.mark.slow
def test_a_run_with_a_reward_in_a_file_can_be_moved(home: Path, tmp_path: Path) -> None:
    shutil.copytree(home / "first", tmp_path / "a/first")
    (tmp_path / "a/first/mine.py").write_text("def score(prompts, completions):\n    return [0.0] * len(completions)\n")
    own = {"reward.kind": "python", "reward.path": "mine.py:score"}
    text = (tmp_path / "a/first/recipe.toml").read_text()
    before, _, rest = text.partition("[reward]")
    text = before + '[reward]\nkind = "python"\npath = "mine.py:score"\n\n' + rest[rest.index("[policy]") :]
    (tmp_path / "a/first/recipe.toml").write_text(text)
    small = {key: value for key, value in SMALL.items() if not key.startswith("reward.")}
    recipe = recipes.load(tmp_path / "a/first/recipe.toml", small)
    with start_run(recipe, tmp_path / "a/run", resume=False) as run, pytest.raises(KeyboardInterrupt):
        drive(recipe, run, Stops("policy", 2))
    (tmp_path / "a").rename(tmp_path / "b")
    assert own["reward.path"] in text
    moved = recipes.load(tmp_path / "b/first/recipe.toml", small)
    assert resume(moved, tmp_path / "b/run", only=POLICY) == ["policy"]


# -- logs ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("log", "damage"), [("metrics.jsonl", "cut back"), ("samples.jsonl", "altered"), ("metrics.jsonl", "gone")]
)
def test_a_log_that_lost_what_its_checkpoint_counts_on_is_refused(
    log: str, damage: str, home: Path, stopped: Path
) -> None:
    """As a power cut may leave it: the checkpoint of step 2 is there, and of the log the first step alone."""
    file = stopped / "policy" / log
    lines = file.read_bytes().splitlines(keepends=True)
    if damage == "cut back":
        file.write_bytes(lines[0])
    elif damage == "altered":
        file.write_bytes(lines[0].replace(b'"step":1', b'"step":7') + b"".join(lines[1:]))
    else:
        file.unlink()
    with pytest.raises(ArtefactError, match=rf"{log}: not what it was at the last checkpoint.*--again"):
        resume(recipe_with(home), stopped)
    resume(recipe_with(home), stopped, "policy", only=POLICY)
    assert numbers(stopped) == numbers(home / "whole")


def test_logs_are_on_the_disk_before_a_checkpoint_counts(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    sync, rename = os.fsync, Path.rename

    def fsync(handle: int) -> None:
        events.append(f"sync {Path(os.readlink(f'/proc/self/fd/{handle}')).name}")
        sync(handle)

    def renamed(path: Path, target: Path) -> Path:
        events.append(f"rename {Path(target).name}")
        return rename(path, target)

    recipe = recipe_with(home)
    with start_run(recipe, tmp_path / "run", resume=False) as run:
        drive(recipe, run, ProgressDisplay(quiet=True), only=("data", "sft", "reward"))
        monkeypatch.setattr(os, "fsync", fsync)
        monkeypatch.setattr(Path, "rename", renamed)
        with pytest.raises(KeyboardInterrupt):
            drive(recipe, run, Stops("policy", 2), only=("policy",))
    until = events[: events.index("rename 00000002")]
    assert {"sync metrics.jsonl", "sync samples.jsonl", "sync optimiser.safetensors", "sync checkpoint.json"} <= set(
        until
    )


# -- damage, and doing again -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "damage", "again"),
    [
        ("report.html", "altered", ["report"]),
        ("audit.json", "gone", ["audit"]),
        ("evaluation/curve.jsonl", "altered", ["evaluate"]),
        ("policy/value/head.safetensors", "altered", ["policy"]),
        ("policy/metrics.jsonl", "gone", ["policy"]),
        ("sft/model/model.safetensors", "gone", ["sft"]),
        ("reward/scores.jsonl", "altered", ["reward"]),
        ("data/pairs-train.jsonl", "gone", ["data"]),
    ],
)
def test_a_stage_whose_files_are_damaged_is_done_again(
    file: str, damage: str, again: list[str], home: Path, whole: Path
) -> None:
    """And alone: what it makes again is the same, so that what builds on it stays."""
    if damage == "altered":
        content = (whole / file).read_bytes()
        (whole / file).write_bytes(content[:-2] + bytes([content[-2] ^ 1]) + content[-1:])
    else:
        (whole / file).unlink()
    assert resume(recipe_with(home), whole) == again
    assert resume(recipe_with(home), whole) == []
    assert numbers(whole) == numbers(home / "whole")


@pytest.mark.slow
def test_again_does_a_stage_and_what_builds_on_it_again(home: Path, whole: Path) -> None:
    recipe = recipe_with(home, **{"policy.kl_coef": "0.5"})
    with pytest.raises(ArtefactError, match="--again policy"):
        start_run(recipe, whole, resume=True)
    with pytest.raises(RecipeError, match="did you mean 'policy'"):
        start_run(recipe, whole, resume=True, again=("polcy",))
    assert resume(recipe, whole, "policy") == ["policy", "evaluate", "audit", "report"]
    assert numbers(whole)["metrics"] != numbers(home / "whole")["metrics"]


@pytest.mark.slow
def test_what_builds_on_a_stage_that_came_out_otherwise_is_done_again(home: Path, whole: Path) -> None:
    with RunDirectory.open(whole) as run:
        run.write_text("data/summary.json", (whole / "data/summary.json").read_text() + " ", stage="data")
    assert resume(recipe_with(home), whole) == ["sft", "reward", "eval_reward", "policy", "evaluate", "audit", "report"]
    assert numbers(whole) == numbers(home / "whole")


def test_what_builds_on_other_files_than_it_began_with_starts_anew(home: Path, stopped: Path) -> None:
    with RunDirectory.open(stopped) as run:
        run.write_text("data/summary.json", (stopped / "data/summary.json").read_text() + " ", stage="data")
    progress = Listens()
    recipe = recipe_with(home)
    with start_run(recipe, stopped, resume=True) as run:
        drive(recipe, run, progress, only=("policy",))
        assert len(RunReader.of(run).metrics("policy")) == 4
    assert progress.said[0] == "[1/1] policy: again, since what it builds on was made again"


def test_a_kill_between_a_checkpoint_and_its_clean_up_is_swept(home: Path, stopped: Path) -> None:
    kept = stopped / ".checkpoints/policy/00000002"
    shutil.copytree(kept, kept.with_name("00000001"))
    shutil.copytree(kept, kept.with_name("00000003.part"))
    shutil.copytree(kept, stopped / ".checkpoints/sft/00000004")
    shutil.copytree(stopped / "sft/model", stopped / "sft/model.gone.part")
    (stopped / "manifest.json.part").write_text("{")
    RunDirectory.open(stopped, write=False).close()
    assert kept.with_name("00000001").is_dir()
    RunDirectory.open(stopped).close()
    left = sorted(str(path.relative_to(stopped)) for path in stopped.rglob("*") if path.is_dir())
    assert [path for path in left if path.startswith(".checkpoints")] == [
        ".checkpoints",
        ".checkpoints/policy",
        ".checkpoints/policy/00000002",
    ]
    assert not list(stopped.rglob("*.part"))


def assessed(findings: list[dict[str, Any]]) -> set[tuple[str, str]]:
    return {(each["challenge"], each["check"]) for each in findings if each["verdict"] != "NOT_ASSESSABLE"}


@pytest.mark.slow
def test_audit_and_report_stand_below_a_prefix(home: Path, tmp_path: Path) -> None:
    recipe = recipe_with(home)
    with start_run(recipe, tmp_path / "run", resume=False) as run:
        drive(recipe, run, ProgressDisplay(quiet=True), prefix="rounds/03")
        assert {name for name in run.manifest.files if not name.startswith("rounds/03/")} == {"recipe.toml"}
        page = (run.path / "rounds/03/report.html").read_text()
        findings = json.loads((run.path / "rounds/03/audit.json").read_text())["findings"]
    links = [part.partition('"')[0] for part in page.split('href="')[1:]]
    assert links
    assert all(link.startswith("#") for link in links), "what is sent alone leads nowhere"
    named = [name for name in run.manifest.files if name.removeprefix("rounds/03/") in page]
    assert {"rounds/03/evaluation/evaluation.json", "rounds/03/evaluation/samples.jsonl"} <= set(named)
    with RunDirectory.open(home / "whole", write=False) as run:
        plain = [finding.to_json() for finding in RunReader.of(run).findings]
    assert (
        len(assessed(findings) ^ assessed(plain)) <= 2
    )  # what the other seeds of the stages leave too few samples for
