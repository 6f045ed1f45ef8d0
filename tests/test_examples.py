"""Every recipe in examples/ runs to its end, and every algorithm has one."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from accord import recipe
from accord.artefacts import FINDINGS, Verdict
from accord.loop.drive import drive, start_run
from accord.loop.progress import ProgressDisplay
from accord.loop.stages import settings_digest, stages_of
from accord.policy.registry import ALGORITHMS
from accord.recipe import Recipe

FILES = sorted((Path(__file__).parents[1] / "examples").glob("*.toml"))
QUIET = ProgressDisplay(quiet=True)
BEFORE = {"data", "sft", "reward", "eval_reward"}  # the stages before the policy, which most recipes have alike


@pytest.fixture(scope="module")
def beginning(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Recipe], Path]:
    """A folder with a ledger and a run that has all stages before the policy, made once for recipes that share them."""
    made: dict[tuple[str, ...], Path] = {}

    def begin(settings: Recipe) -> Path:
        names = [name for name in stages_of(settings) if name in BEFORE]
        key = tuple(settings_digest(settings, name) for name in names)
        if key not in made:
            folder = tmp_path_factory.mktemp("beginning")
            data = settings.data.model_copy(update={"ledger": str(folder / "feedback.db")})
            with start_run(settings.model_copy(update={"data": data}), folder / "run", resume=False) as run:
                drive(settings.model_copy(update={"data": data}), run, QUIET, only=tuple(names))
            made[key] = folder
        return made[key]

    return begin


def test_every_algorithm_has_an_example() -> None:
    policies = [recipe.load(file).policy for file in FILES]
    assert {policy.kind for policy in policies if policy is not None} == set(ALGORITHMS.names)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_an_example_runs(file: Path, beginning: Callable[[Recipe], Path], tmp_path: Path) -> None:
    ledger = tmp_path / "here/feedback.db"
    settings = recipe.load(file, {"data.ledger": f'"{ledger}"', "evaluate.samples_per_prompt": "2"})
    shutil.copytree(beginning(settings), tmp_path / "here")
    with start_run(settings, tmp_path / "here/run", resume=True) as run:
        drive(settings, run, QUIET)
        assert run.has("policy/model")
        assert run.has("report.html")
        assert run.read_json("evaluation/evaluation.json")["win_rate"]
        fired = [finding for finding in FINDINGS.read(run) if finding.verdict is Verdict.FIRES]
    # Each trains as it says it does. What else fires is no fault of the training: models of this size seldom end their
    # texts, evaluators of two groups stand on both sides.
    assert {f.check for f in fired if f.challenge.startswith("P-")} <= {"stopping", "overlap"}
