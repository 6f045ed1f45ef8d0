"""A run from Python: what may be handed over, what is refused, and that the command line knows the run."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from accord import recipe as recipes
from accord.artefacts import EVALUATION_SAMPLES, RECIPE, RunReader
from accord.cli import run as accord
from accord.errors import ArtefactError, RecipeError, StorageError
from accord.loop import TrainedRun, run_recipe, train
from accord.loop.drive import drive, start_run
from accord.loop.from_python import training
from accord.loop.from_python.inputs import InputFiles
from accord.loop.progress import ProgressDisplay
from accord.run import RunDirectory

PROMPTS = [f"Name river {number}." for number in range(10)]
PAIRS = [{"prompt": prompt, "chosen": "The Rhine.", "rejected": "No."} for prompt in PROMPTS]
TINY: dict[str, Any] = {"model": "tiny", "dtype": "float32", "quiet": True}
FEW = {"samples_per_prompt": 2, "sampling": {"max_tokens": 4}}
ONLINE: dict[str, Any] = {
    "max_steps": 1,
    "prompts_per_step": 2,
    "group_size": 2,
    "sampling": {"max_tokens": 4},
    "evaluate": FEW,
}


def short(texts: list[str]) -> list[float]:
    return [-float(len(text)) for text in texts]


def shorter(texts: list[str]) -> list[float]:
    return [-2.0 * len(text) for text in texts]


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> list[recipes.Recipe]:
    """The recipes that would be run; none is."""
    asked: list[recipes.Recipe] = []

    def keep(content: Any, out: Path, *, quiet: bool) -> TrainedRun:
        asked.append(recipes.parse(tomli_w.dumps(content)))
        return TrainedRun(Path(out))

    monkeypatch.setattr(training, "run_recipe", keep)
    return asked


# -- what may be handed over -------------------------------------------------------------------------------------


def test_a_function_is_kept_and_learnt_from(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    run = train("rloo", prompts=PROMPTS, reward=short, out=out, **TINY, **ONLINE)
    assert run.model == out / "policy" / "model"
    assert run.report.is_file()
    with RunDirectory.open(out, write=False) as opened:
        samples = RunReader.of(opened).rows(EVALUATION_SAMPLES)
    assert {sample.arm for sample in samples} == {"start", "policy"}
    assert all(sample.reward == -len(sample.text) for sample in samples)
    assert all(sample.eval_reward is None for sample in samples)  # nobody else judges
    assert "win rate by its own reward" in str(run)
    began = (out / "policy" / "metrics.jsonl").stat().st_mtime_ns
    train("rloo", prompts=PROMPTS, reward=short, out=out, **TINY, **ONLINE)  # nothing is left to be done
    assert (out / "policy" / "metrics.jsonl").stat().st_mtime_ns == began
    with pytest.raises(RecipeError, match=r"reward\.py: the run beside it was begun with another one"):
        train("rloo", prompts=PROMPTS, reward=lambda_free_copy(), out=out, **TINY, **ONLINE)
    with pytest.raises(ArtefactError, match="max_steps"):
        train("rloo", prompts=PROMPTS, reward=short, out=out, **TINY, **ONLINE | {"max_steps": 2})
    assert accord(["audit", str(out), "--only", "P-EOS", "--json", "--trust-run"]) == 0
    assert json.loads(capsys.readouterr().out)["findings"]
    assert run.open().encode_prompt is not None


def lambda_free_copy() -> Callable[..., object]:
    return shorter


@pytest.mark.slow
def test_pairs_teach_a_policy_and_a_reward(tmp_path: Path) -> None:
    policy = train("dpo", data=PAIRS, judge="learnt", out=tmp_path / "dpo", batch_size=4, evaluate=FEW, **TINY)
    assert policy.model.is_dir()
    assert any(row["name"].startswith("win rate by the independent judge") for row in policy.numbers)
    reward = train("bradley_terry", data=PAIRS, out=tmp_path / "reward", step_completions=8, **TINY)
    assert reward.model == tmp_path / "reward" / "reward" / "model"
    with pytest.raises(ArtefactError, match="no policy was trained"):
        reward.open()
    again = run_recipe(tmp_path / "reward" / RECIPE.file, tmp_path / "again", quiet=True)
    assert numbers_of(again) == numbers_of(reward)


def numbers_of(run: TrainedRun) -> list[Any]:
    return [(row["name"], row["value"]) for row in run.numbers if row["key"] != "seconds"]


def test_what_a_call_says_is_the_recipe(tmp_path: Path, planned: list[recipes.Recipe]) -> None:
    train("ppo", prompts=PROMPTS, reward={"kind": "length", "target": 9}, judge=short, out=tmp_path / "run", **TINY)
    (recipe,) = planned
    assert recipe.policy is not None
    assert recipe.policy.base == "tiny"
    assert recipe.reward is not None
    assert recipe.reward.kind == "length"
    assert recipe.evaluate is not None
    assert (recipe.evaluate.judged, recipe.evaluate.judge.kind) == (True, "python")
    assert (recipe.data.train, recipe.data.eval_reward, recipe.data.held_out) == (0.8, 0.0, 0.2)


def test_without_a_reward_one_is_learnt_from_the_data(tmp_path: Path, planned: list[recipes.Recipe]) -> None:
    train("rloo", data=PAIRS, judge="learnt", out=tmp_path / "run", **TINY)
    (recipe,) = planned
    assert recipe.reward is not None
    assert recipe.reward.kind == "bradley_terry"
    assert recipe.data.format == "trl_preference"
    assert recipe.data.eval_reward == 0.44


def test_a_file_is_read_where_it_lies(tmp_path: Path, planned: list[recipes.Recipe]) -> None:
    file = tmp_path / "pairs.jsonl"
    file.write_text("".join(json.dumps(pair) + "\n" for pair in PAIRS))
    code = tmp_path / "own.py"
    code.write_text("def score(texts):\n    return [1.0] * len(texts)\n")
    train("rloo", data=str(file), reward=f"{code}:score", out=tmp_path / "run", **TINY)
    (recipe,) = planned
    assert recipe.data.source == str(file)
    assert recipe.reward is not None
    assert recipe.reward.model_dump()["path"] == f"{code}:score"
    assert not (tmp_path / "run-inputs").exists()


@pytest.mark.parametrize(
    ("row", "kept"),
    [
        ("Name a river.", {"prompt": "Name a river."}),
        ({"prompt": "Name a river.", "answer": "Rhine"}, {"prompt": "Name a river."}),
        ([{"role": "user", "content": "Name it."}], {"messages": [{"role": "user", "content": "Name it."}]}),
        (
            {"messages": [{"role": "user", "content": "Name it."}]},
            {"messages": [{"role": "user", "content": "Name it."}]},
        ),
    ],
)
def test_prompts_of_every_shape(row: Any, kept: dict[str, Any], tmp_path: Path) -> None:
    file = InputFiles(tmp_path / "run").prompts([row])
    assert [json.loads(line) for line in Path(file).read_text().splitlines()] == [kept]


def test_rows_of_the_datasets_library(tmp_path: Path, planned: list[recipes.Recipe]) -> None:
    datasets = pytest.importorskip("datasets")
    train("dpo", data=datasets.Dataset.from_list(PAIRS), out=tmp_path / "run", **TINY)
    assert planned[0].data.format == "trl_preference"


# -- what is refused ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "given", "said"),
    [
        ("rlo", {"prompts": PROMPTS, "reward": short}, r"no algorithm and no kind of reward 'rlo'.*rloo"),
        ("rloo", {"prompts": PROMPTS}, "rloo learns from a reward: pass reward="),
        (
            "rloo",
            {"prompts": PROMPTS, "reward": short, "judge": short},
            "judge is the reward that the policy learns from",
        ),
        ("rloo", {"prompts": [3], "reward": short}, r"prompts\[0\]: a int"),
        ("rloo", {"prompts": [{"question": "?"}], "reward": short}, r"prompts\[0\]: has no 'prompt'.*question"),
        ("dpo", {"data": ["a text"]}, r"data\[0\]: a str; give dictionaries"),
        (
            "rloo",
            {"prompts": PROMPTS, "reward": short, "group_sizes": 3},
            r"policy.group_sizes: no such field.*size",
        ),
        ("rloo", {"prompts": PROMPTS, "reward": {"kind": "lenght"}}, r"reward.kind: .*length"),
    ],
)
def test_what_does_not_go_together_is_named(kind: str, given: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=said):
        train(kind, out=tmp_path / "run", **TINY, **given)
    assert not (tmp_path / "run").exists()


def test_prompts_alone_teach_no_reward(tmp_path: Path) -> None:
    file = InputFiles(tmp_path / "run").prompts(PROMPTS)
    recipe = {"data": {"ledger": str(tmp_path / "feedback.db"), "prompts": file}, "reward": {"base": "tiny"}}
    with pytest.raises(RecipeError, match="there is no feedback in it"):
        run_recipe(recipe, tmp_path / "run", quiet=True)


def test_a_run_that_failed_before_anything_was_done_begins_again_in_its_folder(tmp_path: Path) -> None:
    sections = {"data": {"ledger": str(tmp_path / "feedback.db"), "prompts": str(tmp_path / "none.jsonl")}}
    wrong, out = recipes.parse(tomli_w.dumps(sections)), tmp_path / "run"
    with start_run(wrong, out, resume=False) as run, pytest.raises(StorageError, match="no such file"):
        drive(wrong, run, ProgressDisplay(quiet=True), only=("data",))
    mended = wrong.model_copy(
        update={"data": wrong.data.model_copy(update={"prompts": InputFiles(out).prompts(PROMPTS)})}
    )
    with start_run(mended, out, resume=False) as run:
        drive(mended, run, ProgressDisplay(quiet=True), only=("data",))
    with pytest.raises(ArtefactError, match="a run is already here"):
        start_run(mended, out, resume=False)
