"""Every recipe in examples/ runs to its end, and every algorithm has one."""

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from accord import recipe
from accord.artefacts import FINDINGS, RunReader, Verdict
from accord.audit.challenges import CHALLENGES, PREFLIGHT
from accord.audit.examine import examine
from accord.errors import WaitingForPeople
from accord.loop.drive import drive, start_run
from accord.loop.progress import ProgressDisplay
from accord.loop.stages import settings_digest, stages_of
from accord.policy.registry import ALGORITHMS
from accord.recipe import Recipe
from accord.reward import REWARDS

FILES = sorted((Path(__file__).parents[1] / "examples").glob("*.toml"))
APART = {"soup", "person", "sampler"}  # what builds on other runs, waits for people, or needs a server
WITH_POLICY = [file for file in FILES if recipe.load(file).policy is not None and file.stem not in APART]
ALONE = [file for file in FILES if file not in WITH_POLICY and file.stem not in APART]
EXAMPLES = Path(__file__).parents[1] / "examples"
QUIET = ProgressDisplay(quiet=True)
TO_THE_END = {"dpo", "ppo", "specification"}  # with the whole audit and the page
PREFLIGHTS = tuple(each.id for each in CHALLENGES if each.section == PREFLIGHT)
BEFORE = ("data", "sft", "eval_reward", "reward")  # the stages before the policy; what most recipes have alike is first


@pytest.fixture(scope="module")
def beginning(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Recipe], Path]:
    """A folder with a ledger and a run that has all stages before the policy, made once for all with its settings."""
    made: dict[tuple[str, ...], Path] = {}

    def begin(settings: Recipe) -> Path:
        folder: Path | None = None
        key: tuple[str, ...] = ()
        for name in BEFORE:
            if name in stages_of(settings):
                key = (*key, settings_digest(settings, name))
                if key not in made:
                    made[key] = add(name, settings, folder)
                folder = made[key]
        assert folder is not None
        return folder

    def add(name: str, settings: Recipe, before: Path | None) -> Path:
        folder = tmp_path_factory.mktemp("beginning")
        if before is not None:
            shutil.copytree(before, folder, dirs_exist_ok=True)
        data = settings.data.model_copy(update={"ledger": str(folder / "feedback.db")})
        settings = settings.model_copy(update={"data": data})
        with start_run(settings, folder / "run", resume=before is not None) as run:
            drive(settings, run, QUIET, only=(name,))
        return folder

    return begin


def test_every_algorithm_has_an_example() -> None:
    policies = [recipe.load(file).policy for file in FILES]
    assert {policy.kind for policy in policies if policy is not None} == set(ALGORITHMS.names)


def test_every_kind_of_judgement_that_the_joint_reward_learns_from_has_an_example_in_which_it_is_alone() -> None:
    alone = {recipe.load(file).data.kinds for file in FILES}
    kinds = REWARDS.get("joint").learns_from - {"ranking"}
    assert {(kind,) for kind in kinds} | {("ranking", "comparison")} <= alone


@pytest.mark.parametrize("file", ALONE, ids=lambda file: file.stem)
def test_an_example_of_a_reward_alone_runs(file: Path, tmp_path: Path) -> None:
    settings = recipe.load(file, {"data.ledger": f'"{tmp_path / "feedback.db"}"'})
    with start_run(settings, tmp_path / "run", resume=False) as run:
        # The audit and the report are of one kind of judgement without pairs, and of all.
        whole = file.stem in {"learnt_demonstration", "learnt_joint"}
        drive(settings, run, QUIET, only=() if whole else tuple(name for name in stages_of(settings) if name in BEFORE))
        held_out = RunReader.of(run).feedback("held_out")
        judgements = RunReader.of(run).card("reward").judgements
    assert {row.kind: row.acts for row in judgements or ()} == Counter(each.judgement.kind for each in held_out)


def test_every_kind_of_reward_has_an_example() -> None:
    recipes = [recipe.load(file) for file in FILES]
    kinds = {reward.kind for each in recipes for reward in each.reward_sections.values()}
    assert set(REWARDS.names) - {"python", "classifier"} <= kinds  # these need a file or a model of the user's own


def test_the_soup_is_of_two_runs(tmp_path: Path) -> None:
    for number, settings in enumerate(({"reward.epochs": "2"}, {"reward.optim.lr": "1e-3"}), 1):
        own = {"data.ledger": f'"{tmp_path / "feedback.db"}"', **settings}
        one = recipe.load(EXAMPLES / "learnt_comparisons.toml", own)
        with start_run(one, tmp_path / f"soup-{number}", resume=False) as run:
            drive(one, run, QUIET, only=("data", "reward"))
    models = [str(tmp_path / f"soup-{number}") for number in (1, 2)]
    own = {"data.ledger": f'"{tmp_path / "feedback.db"}"', "reward.models": str(models)}
    settings = recipe.load(EXAMPLES / "soup.toml", own)
    with start_run(settings, tmp_path / "run", resume=False) as run:
        drive(settings, run, QUIET, only=("data", "reward"))
        assert run.has("reward/model")
        assert run.has("reward/evaluation.json")


def test_people_are_waited_for(tmp_path: Path) -> None:
    own = {"data.ledger": f'"{tmp_path / "feedback.db"}"', "reward.items": f'"{tmp_path / "items.jsonl"}"'}
    settings = recipe.load(EXAMPLES / "person.toml", own)
    with start_run(settings, tmp_path / "run", resume=False) as run, pytest.raises(WaitingForPeople):
        drive(settings, run, QUIET)
    assert (tmp_path / "items.jsonl").read_text().count("\n") > 1


@pytest.mark.parametrize("file", WITH_POLICY, ids=lambda file: file.stem)
def test_an_example_runs(file: Path, beginning: Callable[[Recipe], Path], tmp_path: Path) -> None:
    ledger = tmp_path / "here/feedback.db"
    settings = recipe.load(file, {"data.ledger": f'"{ledger}"', "evaluate.samples_per_prompt": "2"})
    shutil.copytree(beginning(settings), tmp_path / "here")
    whole = file.stem in TO_THE_END
    stages = tuple(name for name in stages_of(settings) if whole or name not in {"audit", "report"})
    with start_run(settings, tmp_path / "here/run", resume=True) as run:
        drive(settings, run, QUIET, only=stages)
        assert run.has("policy/model")
        assert run.has("report.html") == whole
        assert run.read_json("evaluation/evaluation.json")["win_rate"]
        findings = FINDINGS.read(run) if whole else examine(run, settings=settings.audit, only=PREFLIGHTS).findings
    # Each trains as it says it does. What else fires is no fault of the training: models of this size seldom end their
    # texts, evaluators of two groups stand on both sides.
    fired = {each.check for each in findings if each.verdict is Verdict.FIRES and each.challenge in PREFLIGHTS}
    assert fired <= {"stopping", "overlap"}
