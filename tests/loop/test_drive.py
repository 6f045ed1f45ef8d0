"""The stages in order: done once, gone on with after a break, refused under other settings."""

import json
import math
from pathlib import Path

import pytest

from accord.artefacts import RunReader
from accord.errors import ArtefactError, RecipeError
from accord.feedback import Ledger
from accord.loop.drive import drive, start_run
from accord.loop.progress import ProgressDisplay
from accord.loop.rewards import judges_of
from accord.loop.stage import Context
from accord.loop.stages import STAGES, settings_digest, stages_of
from accord.policy import DPO, PPO
from accord.recipe import Data, Recipe, dump, load, parse
from accord.records import Comparison, Feedback
from accord.run import RunDirectory
from small_data import letters_dataset
from small_run import RECIPE

QUIET = ProgressDisplay(quiet=True)


def write_ledger(path: Path) -> None:
    """The letters data as comparisons in a ledger."""
    data = letters_dataset(prompts=12)
    said = [
        Feedback(
            evaluator=pair.evaluator or "",
            prompt=pair.prompt,
            completions=(pair.chosen, pair.rejected),
            judgement=Comparison(preferred="tie" if pair.tie else "left"),
        )
        for pairs in data.pairs.values()
        for pair in pairs
    ]
    with Ledger(path) as ledger:
        ledger.add(*data.prompts.values(), *data.completions.values(), *data.evaluators.values(), *said)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("home")
    write_ledger(path / "letters.db")
    return path


@pytest.fixture(scope="module")
def recipe(home: Path) -> Recipe:
    data = Data(
        ledger=str(home / "letters.db"), train=0.4, eval_reward=0.4, held_out=0.2, supervised="all", about="letters"
    )
    return RECIPE.model_copy(update={"data": data})


@pytest.fixture(scope="module")
def whole(home: Path, recipe: Recipe) -> Path:
    with start_run(recipe, home / "runs" / "whole", resume=False) as run:
        drive(recipe, run, QUIET)
    return home / "runs" / "whole"


def without_times(path: Path) -> list[dict[str, object]]:
    return [{**json.loads(line), "seconds": 0} for line in path.read_text().splitlines()]


def test_a_run_leaves_every_file_of_the_plan(whole: Path, recipe: Recipe) -> None:
    with RunDirectory.open(whole) as run:
        assert list(run.manifest.stages) == list(stages_of(recipe))
        for name in (
            "recipe.toml",
            "data/summary.json",
            "sft/model",
            "reward/evaluation.json",
            "eval_reward/scores.jsonl",
            "policy/model",
            "policy/value",
            "policy/samples.jsonl",
            "evaluation/curve.jsonl",
            "evaluation/evaluation.json",
            "audit.json",
            "report.html",
        ):
            run.verified(name)
        assert run.manifest.inputs["ledger"].rows > 0
    assert not list((whole / ".checkpoints").glob("*"))


def test_the_policy_beats_its_start_by_the_independent_judge(whole: Path) -> None:
    found = json.loads((whole / "evaluation/evaluation.json").read_text())
    assert found["win_rate"]["value"] > 0.55
    assert found["kl"]["value"] > 0


def test_a_run_says_how_far_the_optimum_of_its_objective_is(whole: Path) -> None:
    found = json.loads((whole / "evaluation/evaluation.json").read_text())["optimum"]
    steps = [json.loads(line) for line in (whole / "policy/metrics.jsonl").read_text().splitlines()]
    assert found["kl_coef"] == steps[-1]["kl_coef"]
    assert 0 < found["kl"]["value"] < math.log(found["samples"])
    assert "What it was trained for" in (whole / "report.html").read_text(encoding="utf-8")


def test_a_finished_run_is_not_done_again(whole: Path, recipe: Recipe) -> None:
    before = json.loads((whole / "manifest.json").read_text())["stages"]
    with start_run(recipe, whole, resume=True) as run:
        drive(recipe, run, QUIET)
    assert json.loads((whole / "manifest.json").read_text())["stages"] == before


def test_a_run_that_is_there_is_not_overwritten(whole: Path, recipe: Recipe) -> None:
    with pytest.raises(ArtefactError, match="--resume"):
        start_run(recipe, whole, resume=False)


def test_other_settings_want_another_folder(whole: Path, recipe: Recipe) -> None:
    assert isinstance(recipe.policy, PPO)
    other = recipe.model_copy(update={"policy": recipe.policy.model_copy(update={"kl_coef": 0.7})})
    with pytest.raises(ArtefactError, match="stage 'policy' finished with other settings"):
        start_run(other, whole, resume=True)
    with pytest.raises(ArtefactError, match="seed"):
        start_run(recipe.model_copy(update={"seed": 5}), whole, resume=True)


def test_the_saved_recipe_is_the_recipe(whole: Path, recipe: Recipe) -> None:
    assert load(whole / "recipe.toml") == recipe
    assert parse(dump(recipe)) == recipe


def test_stages_done_one_by_one_give_the_same_run(home: Path, whole: Path, recipe: Recipe) -> None:
    for stage in stages_of(recipe):
        with start_run(recipe, home / "runs" / "apart", resume=True) as run:
            drive(recipe, run, QUIET, only=(stage,))
    apart = home / "runs" / "apart"
    for name in ("evaluation/evaluation.json", "reward/evaluation.json", "data/pairs-train.jsonl"):
        assert (apart / name).read_bytes() == (whole / name).read_bytes()
    assert without_times(apart / "policy/metrics.jsonl") == without_times(whole / "policy/metrics.jsonl")


def test_a_stage_that_does_not_exist_names_its_neighbour(whole: Path, recipe: Recipe) -> None:
    with start_run(recipe, whole, resume=True) as run, pytest.raises(RecipeError, match="did you mean 'reward'"):
        drive(recipe, run, QUIET, only=("rewrad",))


def test_dpo_needs_no_reward_model(home: Path, recipe: Recipe) -> None:
    dpo = recipe.model_copy(
        update={"policy": DPO(dtype="float32", max_pairs=32, batch_size=8, save_every=50), "reward": None}
    )
    with start_run(dpo, home / "runs" / "dpo", resume=False) as run:
        drive(dpo, run, QUIET)
        found = run.read_json("evaluation/evaluation.json")
        assert "win_rate" in found
        assert "win_rate_reward" not in found
        assert "optimum" not in found
        verdicts = {each["challenge"]: each["verdict"] for each in run.read_json("audit.json")["findings"]}
    assert verdicts["RG2"] == "NOT_ASSESSABLE"


def test_a_stage_depends_on_its_section_and_on_those_of_what_it_needs(recipe: Recipe) -> None:
    assert recipe.evaluate is not None
    assert recipe.reward is not None
    changes = {
        "seed": {"seed": 7},
        "data": {"data": recipe.data.model_copy(update={"max_pairs": 5})},
        "reward": {"reward": recipe.reward.model_copy(update={"epochs": 3.0})},
        "evaluate": {"evaluate": recipe.evaluate.model_copy(update={"samples_per_prompt": 3})},
    }
    before = {name: settings_digest(recipe, name) for name in stages_of(recipe)}
    moved = {}
    for key, change in changes.items():
        other = recipe.model_copy(update=change)
        moved[key] = {name for name in before if settings_digest(other, name) != before[name]}
    assert moved["seed"] == moved["data"] == set(before)
    assert moved["reward"] == {"reward", "policy", "evaluate", "audit", "report"}
    assert moved["evaluate"] == {"evaluate", "audit", "report"}
    elsewhere = recipe.model_copy(update={"data": recipe.data.model_copy(update={"ledger": "moved.db"})})
    assert all(settings_digest(elsewhere, name) == digest for name, digest in before.items())


def test_a_recipe_has_the_stages_of_its_sections(recipe: Recipe) -> None:
    assert list(stages_of(Recipe())) == ["data", "audit", "report"]
    several = recipe.model_copy(update={"rewards": {"brief": recipe.reward, "kind": recipe.reward}})
    named = ["rewards/brief", "rewards/kind"]
    assert list(stages_of(several)) == ["data", "sft", "reward", *named, *list(stages_of(recipe))[3:]]
    asked = {"ask", "judges", "metrics"}
    assert [name for name in STAGES.names if name not in {*asked, "rewards", "combine"}] == list(stages_of(recipe))
    bare = recipe.model_copy(update={"evaluate": None, "sft": None})
    assert list(stages_of(bare)) == ["data", "reward", "policy", "audit", "report"]


def test_a_stage_without_its_section_is_refused(whole: Path, recipe: Recipe) -> None:
    with start_run(recipe, whole, resume=True) as run, pytest.raises(RecipeError, match="'sft' in this recipe"):
        drive(recipe.model_copy(update={"sft": None}), run, QUIET, only=("sft",))


def test_stages_below_a_prefix_leave_their_files_there_and_read_each_others(recipe: Recipe, tmp_path: Path) -> None:
    values = {"sft.epochs": "1", "reward.epochs": "1", "evaluate.judge.epochs": "1", "policy.max_steps": "1"}
    short = parse(dump(recipe), {**values, "evaluate.samples_per_prompt": "2"})
    stages = ("data", "sft", "reward", "eval_reward", "policy", "evaluate")
    with start_run(short, tmp_path / "run", resume=False) as run:
        drive(short, run, QUIET, only=stages, prefix="rounds/03")
        assert list(run.manifest.stages) == [f"rounds/03/{name}" for name in stages]
        assert {name for name in run.manifest.files if not name.startswith("rounds/03/")} == {"recipe.toml"}
        reader = RunReader.of(run, prefix="rounds/03")
        assert reader.evaluation.win_rate is not None
        assert len(reader.metrics("policy")) == 1
        assert set(judges_of(Context(short, run, prefix="rounds/03"))) == {"reward", "eval_reward"}
        assert judges_of(Context(short, run)) == {}
