"""A reward of the user's own: a module that nobody else knows of, used from a recipe by `accord run`."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from accord.cli import run
from accord.extensions import temporary
from accord.loop.starting import write_starter
from accord.reward import REWARDS
from accord.run import RunDirectory

FUNCTION = "def score(prompts, completions):\n    return [-abs(len(c.text) - 60) / 60 for c in completions]\n"
SMALL = ["--policy.max_steps=1", "--evaluate.samples_per_prompt=2", "--sft.epochs=1", "--quiet"]


def with_rewards(folder: Path, reward: str, judge: str, *, head: str = "") -> Path:
    """The packaged example of a recipe with other rewards."""
    write_starter(folder)
    text = (folder / "recipe.toml").read_text()
    before, _, rest = text.partition("[reward]")
    between, _, _ = rest.partition("[evaluate.judge]")
    policy = between[between.index("[policy]") :]
    recipe = folder / "recipe.toml"
    recipe.write_text(f"{head}\n{before}[reward]\n{reward}\n{policy}[evaluate.judge]\n{judge}\n")
    return recipe


def test_a_reward_of_ones_own_is_used_from_a_recipe(example: Callable[[str], Path], tmp_path: Path) -> None:
    extension = example("reward")
    head = f'extensions = ["../{extension.name}"]'
    recipe = with_rewards(tmp_path / "first", 'kind = "words"\nscale = 0.2', 'kind = "words"', head=head)
    with temporary(REWARDS):
        assert run(["run", str(recipe), "--out", str(tmp_path / "run"), *SMALL]) == 0
        with RunDirectory.open(tmp_path / "run") as made:
            assert made.manifest.inputs["extension word_weights.py"].path == "../word_weights.py"
            assert json.loads((made.path / "reward/evaluation.json").read_text())["accuracy"]["value"] > 0
        extension.write_text(extension.read_text() + "\n# changed\n")
    with temporary(REWARDS):
        assert run(["run", str(recipe), "--out", str(tmp_path / "run"), "--resume", *SMALL]) == 2


def test_a_kind_that_is_not_loaded_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = with_rewards(tmp_path / "first", 'kind = "words"', "")
    assert run(["check", str(recipe)]) == 2
    assert "recipe.reward.kind: unknown kind of reward 'words'" in capsys.readouterr().err


def test_a_function_is_a_reward_and_a_judge(tmp_path: Path) -> None:
    own = 'kind = "python"\npath = "mine.py:score"'
    recipe = with_rewards(tmp_path / "first", f"{own}\n[rewards.brief]\n{own}", own)
    (recipe.parent / "mine.py").write_text(FUNCTION)
    out = tmp_path / "run"
    assert run(["run", str(recipe), "--out", str(out), *SMALL]) == 0
    with RunDirectory.open(out, write=False) as made:
        assert list(made.manifest.stages)[:6] == ["data", "sft", "reward", "rewards/brief", "eval_reward", "policy"]
        assert {"reward: mine.py", "rewards/brief: mine.py", "eval_reward: mine.py"} <= set(made.manifest.inputs)
        metrics = json.loads((out / "policy/metrics.jsonl").read_text().splitlines()[0])
        assert metrics["components"] == {"brief": pytest.approx(metrics["reward"])}
        card = json.loads((out / "rewards/brief/evaluation.json").read_text())
        assert "ece" not in card  # the function does not say what its numbers are worth in log-odds
        scores = json.loads((out / "eval_reward/scores.jsonl").read_text().splitlines()[0])
        assert scores["length"] is None
    assert run(["evaluate", str(out), "--json"]) == 0
