"""Whether the judge that evaluates is the reward itself, under another name or in another place."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from audit_checks import evaluation_sample, finding_of
from safetensors.torch import save_file

from accord.artefacts import EVALUATION_SAMPLES, MODEL, RECIPE, Verdict
from accord.audit.reward.same_code import same_function
from accord.audit.reward.same_judge import ordered_otherwise
from accord.audit.reward.same_weights import same_weights
from accord.run import InputEntry, RunDirectory, digest_of

CHECK = "RE1 same judge"
FUNCTION = "def score(texts):\n    return [len(text) for text in texts]\n"
RETOLD = (
    '# Another file.\ndef score(texts):\n    """Longer."""\n    return [\n        len(text) for text in texts\n    ]\n'
)


def run_of(tmp_path: Path, scores: Mapping[str, object] | None = None, recipe: str = "") -> RunDirectory:
    """A run with samples of which reward and judge have such scores, and a recipe."""
    run = RunDirectory.create(tmp_path / "run", seed=0)
    if recipe:
        RECIPE.write(run, recipe)
    if scores is not None:
        columns = {name: np.asarray(of).tolist() for name, of in scores.items()}
        rows = [
            evaluation_sample("policy", f"p{i % 5}", text=f"text {i}", **{name: of[i] for name, of in columns.items()})
            for i in range(len(columns["reward"]))
        ]
        EVALUATION_SAMPLES.write(run, rows)
    return run


@pytest.mark.parametrize("change", [lambda x: x, lambda x: 3 * x - 7, lambda x: 1 / (1 + np.exp(-x))])
def test_any_rising_function_of_the_reward_is_the_reward(tmp_path, change):
    reward_N = np.random.default_rng(1).normal(size=60)
    found = finding_of(CHECK, run_of(tmp_path, {"reward": reward_N, "eval_reward": change(reward_N)}))
    assert found.verdict is Verdict.FIRES
    assert "orders 0 of 1,770 pairs" in found.result


@pytest.mark.parametrize("other", [0.05, -1.0, 1.0])
def test_a_judge_that_is_nearly_the_reward_or_its_opposite_is_another(tmp_path, other):
    random = np.random.default_rng(2)
    reward_N = random.normal(size=60)
    judge_N = -reward_N if other < 0 else reward_N + other * random.normal(size=60)
    assert finding_of(CHECK, run_of(tmp_path, {"reward": reward_N, "eval_reward": judge_N})).verdict is Verdict.QUIET


def test_two_tests_of_right_and_wrong_that_agree_tell_nothing(tmp_path):
    right_N = (np.arange(80) % 3 == 0).astype(float)
    found = finding_of(CHECK, run_of(tmp_path, {"reward": right_N, "eval_reward": right_N}))
    assert found.verdict is Verdict.NOT_ASSESSABLE
    assert "20 different scores" in found.result


def test_a_component_that_is_the_judge_is_named(tmp_path):
    random = np.random.default_rng(3)
    judge_N, other_N = random.normal(size=50), random.normal(size=50)
    parts = [
        {"clear": {"value": judge}, "short": {"value": other}} for judge, other in zip(judge_N, other_N, strict=True)
    ]
    scores = {"reward": judge_N + other_N, "eval_reward": judge_N}
    run = RunDirectory.create(tmp_path / "run", seed=0)
    rows = [
        evaluation_sample(
            "policy", "p", text=f"text {i}", components=part, **{name: float(of[i]) for name, of in scores.items()}
        )
        for i, part in enumerate(parts)
    ]
    EVALUATION_SAMPLES.write(run, rows)
    found = finding_of(CHECK, run)
    assert found.verdict is Verdict.FIRES
    assert "'clear'" in found.result
    assert "'short'" not in found.result


def test_pairs_are_counted_by_hand():
    # Of (1, 2, 3) and (1, 3, 3): 1-2 and 1-3 alike, 2-3 ordered by one of them alone.
    assert ordered_otherwise(np.array([1.0, 2, 3]), np.array([1.0, 3, 3])) == (1, 3)
    assert ordered_otherwise(np.array([1.0, 2, 3]), np.array([3.0, 2, 1])) == (3, 3)
    assert ordered_otherwise(np.zeros(3), np.zeros(3)) == (0, 0)


# -- weights -------------------------------------------------------------------------------------------------


def weights(folder: Path, seed: int, *, parts: int = 1, tensors: int = 3, metadata: str = "") -> Path:
    """A folder of safetensors of that seed, in so many files."""
    folder.mkdir(parents=True)
    random = torch.Generator().manual_seed(seed)
    drawn = {f"layer.{i}": torch.randn(4, 3, generator=random) for i in range(tensors)}
    for part in range(parts):
        mine = {name: value for i, (name, value) in enumerate(drawn.items()) if i % parts == part}
        save_file(mine, folder / f"model-{part}.safetensors", {"format": "pt", "note": metadata})
    return folder


def test_weights_are_the_same_however_they_are_divided(tmp_path):
    first = weights(tmp_path / "a", 1)
    other = weights(tmp_path / "b", 1, parts=2, metadata="saved on another day")
    (other / "README.md").write_text("another model")
    assert same_weights(first, other) is True
    assert same_weights(first, weights(tmp_path / "c", 2)) is False
    assert same_weights(first, weights(tmp_path / "d", 1, tensors=2)) is False
    (tmp_path / "empty").mkdir()
    assert same_weights(first, tmp_path / "empty") is None


@pytest.mark.parametrize("damage", [b"", b"\xff" * 8, b"\x04\0\0\0\0\0\0\0{{{{"])
def test_a_file_that_is_no_safetensors_holds_no_weights(tmp_path, damage):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "model.safetensors").write_bytes(damage)
    assert same_weights(tmp_path / "a", weights(tmp_path / "b", 1)) is None


@pytest.mark.parametrize(("seed", "verdict"), [(1, Verdict.FIRES), (2, Verdict.QUIET)])
def test_weights_of_a_run_without_samples(tmp_path, seed, verdict):
    run = run_of(tmp_path, recipe='[reward]\nkind = "bradley_terry"\n[evaluate.judge]\nkind = "bradley_terry"\n')
    for stage, drawn in (("reward", 1), ("eval_reward", seed)):
        with MODEL.write(run, stage=stage) as folder:
            weights(folder / "inner", drawn)
            (folder / "stage.txt").write_text(stage)
    assert finding_of(CHECK, run).verdict is verdict


def test_a_published_model_in_another_folder_is_the_same(tmp_path):
    weights(tmp_path / "a", 1), weights(tmp_path / "renamed", 1)
    kinds = '[reward]\nkind = "classifier"\nmodel = "a"\n[evaluate.judge]\nkind = "classifier"\nmodel = "renamed"\n'
    reward_N = (np.arange(30) % 2).astype(float)
    run = run_of(tmp_path, {"reward": reward_N, "eval_reward": reward_N}, kinds)
    for stage, name in (("reward", "a"), ("eval_reward", "renamed")):
        run.record_input(f"{stage}: {name}", InputEntry(name, f"../{name}"))
    assert finding_of(CHECK, run).verdict is Verdict.FIRES


# -- code ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("other", "name", "same"),
    [
        (FUNCTION, "score", True),
        (RETOLD, "score", True),
        (FUNCTION.replace("score", "judge"), "judge", True),
        (FUNCTION + "judge = score\n", "score", False),  # what else is in the file may matter
        (FUNCTION.replace("len(text)", "-len(text)"), "score", False),
        ("from a import score\n", "score", False),
        ("def score(:\n", "score", False),
    ],
)
def test_functions_of_two_files(tmp_path, other, name, same):
    (tmp_path / "a.py").write_text(FUNCTION)
    (tmp_path / "b.py").write_text(other)
    assert same_function((tmp_path / "a.py", "score"), (tmp_path / "b.py", name)) is same


@pytest.mark.parametrize(
    ("more", "same"),
    [
        ("judge = score\n", True),
        ("other = score\njudge = other\n", True),
        (FUNCTION.replace("score", "judge"), True),
        ("def judge(texts):\n    return [-len(text) for text in texts]\n", False),
        ("judge = len\n", False),
    ],
)
def test_functions_of_one_file(tmp_path, more, same):
    (tmp_path / "a.py").write_text(FUNCTION + more)
    assert same_function((tmp_path / "a.py", "score"), (tmp_path / "a.py", "judge")) is same


@pytest.mark.parametrize("scored", [True, False])
def test_a_function_under_another_name_in_another_file(tmp_path, scored):
    kinds = (
        f'[reward]\nkind = "python"\npath = {json.dumps(str(tmp_path / "a.py"))[:-1]}:score"\n'
        f'[evaluate.judge]\nkind = "python"\npath = {json.dumps(str(tmp_path / "b.py"))[:-1]}:judge"\n'
    )
    (tmp_path / "a.py").write_text(FUNCTION)
    (tmp_path / "b.py").write_text("# independent\n" + FUNCTION.replace("score", "judge"))
    right_N = (np.arange(30) % 2).astype(float)  # verdicts that tell nothing by themselves
    run = run_of(tmp_path, {"reward": right_N, "eval_reward": right_N}, kinds)
    for stage, name in (("reward", "a.py"), ("eval_reward", "b.py")):
        run.record_input(f"{stage}: {name}", InputEntry(digest_of(tmp_path / name), f"../{name}"))
    if not scored:
        (tmp_path / "b.py").unlink()  # a run that was moved: nothing is said of code that is not there
    verdict = Verdict.FIRES if scored else Verdict.NOT_ASSESSABLE
    assert finding_of(CHECK, run).verdict is verdict
