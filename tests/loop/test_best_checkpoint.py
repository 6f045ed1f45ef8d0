"""The best step of a policy, by a judge that it was not trained on."""

import json
from pathlib import Path
from statistics import fmean

import pytest

from accord import recipe as recipes
from accord.artefacts import BEST, RunReader
from accord.errors import RecipeError
from accord.loop.drive import drive, start_run
from accord.loop.progress import ProgressDisplay
from accord.loop.reuse import reuse_stages
from accord.loop.rewards import judges_of
from accord.loop.stage import Context
from accord.loop.stages import settings_digest, stages_of
from accord.loop.starting import write_starter
from accord.recipe import Recipe
from accord.records import Completion
from accord.run import RunDirectory

QUIET = ProgressDisplay(quiet=True)
SMALL = {
    "sft.epochs": "1",
    "reward.epochs": "1",
    "evaluate.judge.epochs": "1",
    "policy.max_steps": "4",
    "policy.save_every": "1",
    "policy.sampling.max_tokens": "8",
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose policy has its best step kept, and one of the same recipe that keeps none."""
    path = tmp_path_factory.mktemp("best")
    write_starter(path / "first")
    recipe = recipe_of(path, **{"checkpoints.best_by": "eval_reward"})
    with start_run(recipe, path / "best", resume=False) as run:
        drive(recipe, run, QUIET, only=("data", "sft", "reward", "eval_reward", "policy"))
    policy_alone(path, "plain")
    return path


def recipe_of(home: Path, **changes: str) -> Recipe:
    return recipes.load(home / "first/recipe.toml", {**SMALL, **changes})


def policy_alone(home: Path, out: str, **changes: str) -> None:
    """Another policy on what the first run has trained."""
    recipe = recipe_of(home, **changes)
    with start_run(recipe, home / out, resume=False) as run:
        list(reuse_stages(recipe, run, home / "best", only=("reward", "eval_reward", "sft")))
        drive(recipe, run, QUIET, only=("policy",))


def model_of(path: Path, stage: str) -> dict[str, str]:
    with RunDirectory.open(path, write=False) as run:
        files = run.manifest.files.items()
        return {name.partition("/model/")[2]: file.sha256 for name, file in files if name.startswith(f"{stage}/model/")}


def means(home: Path) -> dict[int, float]:
    """The judge's mean of what each step's weights wrote, worked out from the files."""
    recipe = recipe_of(home)
    with RunDirectory.open(home / "best", write=False) as run:
        judge, reader = judges_of(Context(recipe, run))["eval_reward"], RunReader.of(run)
        rows = list(reader.samples())
        scores = judge.score(
            [reader.prompts[row.prompt] for row in rows], [Completion(prompt=row.prompt, text=row.text) for row in rows]
        ).value_N
        steps = sorted({row.step for row in rows})
        return {step - 1: fmean(scores[[row.step == step for row in rows]]) for step in steps if step > 1}


def test_the_best_step_by_the_judge_is_kept_beside_the_last(home: Path) -> None:
    with RunDirectory.open(home / "best", write=False) as run:
        best = BEST.read(run, "policy-best")
        assert not list(run.path.glob(".checkpoints/*"))
        assert run.maker_of(run.manifest.files["policy-best/best.json"]) == "policy"
    expected = means(home)
    assert set(expected) == {1, 2, 3}, "nothing is known of the last step before the evaluation"
    assert best.by == "eval_reward"
    assert best.step == max(expected, key=expected.__getitem__)
    assert best.value == pytest.approx(expected[best.step], abs=1e-6)


def test_it_is_the_policy_of_that_step(home: Path) -> None:
    step = json.loads((home / "best/policy-best/best.json").read_text())["step"]
    policy_alone(home, "until", **{"policy.max_steps": str(step)})
    assert model_of(home / "best", "policy-best") == model_of(home / "until", "policy")
    assert model_of(home / "best", "policy-best") != model_of(home / "best", "policy")


def test_what_is_kept_changes_no_number_and_no_settings(home: Path) -> None:
    assert model_of(home / "best", "policy") == model_of(home / "plain", "policy")
    one, other = (home / out / "policy/samples.jsonl" for out in ("best", "plain"))
    assert one.read_bytes() == other.read_bytes()
    plain, best = recipe_of(home), recipe_of(home, **{"checkpoints.best_by": "reward", "checkpoints.keep": "4"})
    assert [settings_digest(plain, name) for name in stages_of(plain)] == [
        settings_digest(best, name) for name in stages_of(best)
    ]
    assert "checkpoints" not in recipes.dump(plain)
    assert recipes.parse(recipes.dump(best)) == best


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[policy]\nkind = "dpo"\n[checkpoints]\nbest_by = "reward"', "writes nothing itself"),
        ('[checkpoints]\nbest_by = "reward"', "writes nothing itself"),
        ('[policy]\nkind = "ppo"\n[reward]\n[checkpoints]\nbest_by = "eval_reward"', "add an .evaluate. section"),
        (
            '[policy]\nkind = "ppo"\n[reward]\n[evaluate]\njudged = false\n[checkpoints]\nbest_by = "eval_reward"',
            "asks an independent judge",
        ),
        ("[checkpoints]\nkeep = 0", "checkpoints.keep"),
    ],
)
def test_steps_that_cannot_be_compared_are_refused(text: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        recipes.parse(text)


def test_the_judge_has_to_be_there_before_the_policy(home: Path) -> None:
    recipe = recipe_of(home, **{"checkpoints.best_by": "eval_reward"})
    with start_run(recipe, home / "early", resume=False) as run:
        list(reuse_stages(recipe, run, home / "best", only=("sft", "reward")))
        with pytest.raises(RecipeError, match="judge is not trained; do its stage first"):
            drive(recipe, run, QUIET, only=("policy",))
