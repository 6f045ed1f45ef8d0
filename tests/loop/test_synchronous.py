"""A reward that goes on while the policy learns from it: who is asked, what is learnt, and a run killed anywhere."""

import json
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file
from tools.kill_run import kill_again_and_again

from accord.artefacts import (
    ALGORITHM,
    ASKED_PAIRS,
    ASKED_TEXTS,
    METRICS,
    REWARD_UPDATES,
    ROUNDS,
    SAMPLES,
    OnlineMetrics,
    RewardUpdate,
    RolloutRow,
    RunReader,
)
from accord.cli.main import run as accord
from accord.errors import ModelError, RecipeError, TrainingStopped
from accord.feedback import Ledger
from accord.loop.drive import drive, start_run
from accord.loop.preflight import preflight
from accord.loop.rewards import policy_judge
from accord.loop.stage import Context
from accord.loop.step_pairs import step_pairs
from accord.recipe import Recipe, load
from accord.records import Completion, Feedback
from accord.run import RunDirectory
from accord.watch import Watched
from rounds_run import QUIET, SYNCHRONOUS, make_rounds, write_recipe, write_synchronous

BEFORE = ("data", "sft", "reward")
ONE = {"policy.max_steps": "2", "policy.save_every": "1"}


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a recipe and its run, whose policy is still to be trained."""
    home = tmp_path_factory.mktemp("begun")
    run_stages(write_synchronous(home), home, *BEFORE)
    return home


@pytest.fixture(scope="module")
def made(begun: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with the policy."""
    home = copied(begun, tmp_path_factory.mktemp("made") / "home")
    run_stages(write_synchronous(home), home, "policy")
    return home


def run_stages(recipe: Recipe, home: Path, *stages: str) -> None:
    with start_run(recipe, home / "run", resume=True) as run:
        drive(recipe, run, QUIET, only=stages)


def copied(home: Path, to: Path) -> Path:
    shutil.copytree(home, to)
    return to


def second(begun: Path, home: Path, **settings: str) -> list[RewardUpdate]:
    """What was done between the steps of a policy under other settings."""
    copied(begun, home)
    run_stages(write_synchronous(home, **settings), home, "policy")
    return updates(home)


def opened(home: Path) -> RunDirectory:
    return RunDirectory.open(home / "run", write=False)


def updates(home: Path) -> list[RewardUpdate]:
    return list(REWARD_UPDATES.read(opened(home)))


def samples(home: Path) -> list[RolloutRow]:
    return list(SAMPLES.read(opened(home), "policy"))


def answers(home: Path) -> list[Feedback]:
    with Ledger(home / "feedback.db", write=False) as ledger:
        return [record for record in ledger.feedback() if record.study == "shorter" and record.repeat_of is None]


# -- what is done -----------------------------------------------------------------------------------------------------


def test_answers_are_asked_for_every_so_many_steps_up_to_the_budget(made: Path) -> None:
    rows = updates(made)
    assert [(row.step, row.labels, row.spent, row.learnt) for row in rows] == [
        (2, 6, 6, True),
        (4, 4, 10, True),
        (6, 0, 10, False),
    ]
    assert rows[2].reason == "the budget is spent"
    assert {(row.every, row.order, row.round) for row in rows} == {(2, "reward_first", 1)}
    assert len(answers(made)) == 10


def test_what_is_asked_about_are_texts_of_that_step(made: Path) -> None:
    run, split_of = opened(made), RunReader(opened(made)).split_of
    written = {(row.step, row.text) for row in samples(made)}
    for step in (2, 4):
        texts = {text.id: text for text in ASKED_TEXTS.read(run, f"policy-reward/{step:04d}")}
        assert {(step, text.text) for text in texts.values()} <= written
        assert {text.writer for text in texts.values()} == {f"policy of round 1, step {step}"}
        for pair in ASKED_PAIRS.read(run, f"policy-reward/{step:04d}"):
            assert {texts[name].prompt for name in pair.completions} == {pair.prompt}
            assert split_of[pair.prompt] == "train"
            assert pair.probability is not None
    with Ledger(made / "feedback.db", write=False) as ledger:
        kept = ledger.completions()
    assert {kept[name].writer for record in answers(made) for name in record.completions} == {
        "policy of round 1, step 2",
        "policy of round 1, step 4",
    }
    assert {record.round for record in answers(made)} == {1}


def test_every_sample_says_which_reward_scored_it(made: Path) -> None:
    versions = {row.step: row.reward_version for row in samples(made)}
    assert versions == {1: 0, 2: 1, 3: 1, 4: 2, 5: 2, 6: 2}
    metrics = [row for row in METRICS.read(opened(made), "policy") if isinstance(row, OnlineMetrics)]
    assert [row.reward_version for row in metrics] == list(versions.values())
    assert [row.labels for row in metrics] == [0, 6, 6, 10, 10, 10]


def test_the_reward_that_scored_last_is_the_reward_of_the_run(made: Path) -> None:
    rows, run = updates(made), opened(made)
    assert rows[0].reward != rows[1].reward
    first, last = (load_file(made / f"run/{stage}/model/head.safetensors") for stage in ("reward", "policy-reward"))
    assert not all(bool((first[name] == last[name]).all()) for name in first)
    recipe = write_synchronous(made)
    judge = policy_judge(Context(recipe, run, QUIET, "evaluate"))
    assert judge is not None
    of_step = [row for row in samples(made) if row.step == 6]
    prompts = [RunReader(run).prompts[row.prompt] for row in of_step]
    texts = [Completion(prompt=row.prompt, text=row.text, token_ids=row.token_ids) for row in of_step]
    assert judge.score(prompts, texts).value_N.tolist() == pytest.approx([row.reward for row in of_step], abs=1e-4)
    assert not (made / "run/policy-reward/0004/model").exists()


def test_what_came_of_the_reward_is_on_record(made: Path) -> None:
    first = updates(made)[0]
    assert (first.pairs, first.new_pairs, first.steps, first.version) == (6, 6, 2, 1)
    assert first.judgements == 6 + len(RunReader(opened(made)).pairs("train"))
    for share in (first.fresh, first.held_out):
        assert share is not None
        assert share.after is not None
        assert 0 <= share.before.value <= 1
    assert first.first_loss is not None
    assert first.last_loss is not None
    assert first.policy != updates(made)[1].policy
    told = ALGORITHM.read(opened(made), "policy").sentence
    assert told.endswith("while 10 answers on its newest texts were given and the reward learnt of them 2 times")


def test_labels_are_shown_while_a_run_is_watched(made: Path) -> None:
    watched = Watched(made / "run")
    snapshot = watched.look(watched.place(""))
    assert [vars(count) for count in snapshot.labels] == [
        {"section": "synchronous", "requested": 10, "answered": None, "budget": 10}
    ]
    assert not snapshot.problems


# -- killed anywhere --------------------------------------------------------------------------------------------------


class Killed(BaseException):
    """Nothing catches it, as nothing catches a kill."""


@contextmanager
def killed(
    monkeypatch: pytest.MonkeyPatch, owner: type, method: str, wanted: Callable[..., bool], *, after: bool = False
) -> Iterator[None]:
    """Inside the block a method is the last thing that is done, or not done any more, where `wanted` says so."""
    whole = getattr(owner, method)

    def dying(self: Any, *args: Any, **named: Any) -> Any:
        if not wanted(*args):
            return whole(self, *args, **named)
        if after:
            whole(self, *args, **named)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(owner, method, dying)
        with pytest.raises(Killed):
            yield


def file(name: str) -> Callable[..., bool]:
    return lambda given, *_: given == name


class Nth:
    """True at the n-th time that it is asked."""

    def __init__(self, number: int) -> None:
        self.left = number

    def __call__(self, *_: object) -> bool:
        self.left -= 1
        return not self.left


KILLS: list[tuple[type, str, Callable[[], Callable[..., bool]], bool]] = [
    (RunDirectory, "write_jsonl", lambda: file("policy-reward/0002/pairs.jsonl"), False),
    (RunDirectory, "write_jsonl", lambda: file("policy-reward/0002/pairs.jsonl"), True),
    (Ledger, "add", lambda: Nth(3), True),
    (RunDirectory, "write_folder", lambda: file("policy-reward/0002/model"), False),
    (RunDirectory, "write_bytes", lambda: file("policy-reward/0002/update.json"), False),
    (RunDirectory, "write_bytes", lambda: file("policy-reward/0002/update.json"), True),
    (RunDirectory, "save_checkpoint", lambda: file("policy"), False),
    (Ledger, "add", lambda: Nth(2), False),
    (RunDirectory, "discard", lambda: file("policy-reward/0002/model"), True),
    (RunDirectory, "write_jsonl", lambda: file("policy/reward_updates.jsonl"), False),
    (RunDirectory, "write_bytes", lambda: file("policy/algorithm.json"), False),
]


@pytest.mark.parametrize("order", ["reward_first", pytest.param("policy_first", marks=pytest.mark.slow)])
def test_a_run_that_is_killed_everywhere_is_the_run_that_never_was(
    begun: Path, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: str
) -> None:
    settings = {"synchronous.order": order}
    whole = made
    if order == "policy_first":
        second(begun, whole := tmp_path / "whole", **settings)
        assert [row.reward_version for row in samples(whole)][::16] == [0, 0, 1, 1, 2, 2]
    home = copied(begun, tmp_path / "home")
    recipe = write_synchronous(home, **settings)
    for owner, method, wanted, after in KILLS:
        with killed(monkeypatch, owner, method, wanted(), after=after):
            run_stages(recipe, home, "policy")
    run_stages(recipe, home, "policy")
    same(home, whole)


def same(home: Path, whole: Path) -> None:
    """Both runs have the same policy and reward, to the last bit, and asked for the same."""
    for name in ("policy/model/model.safetensors", "policy-reward/model/model.safetensors", "policy/samples.jsonl"):
        assert (home / "run" / name).read_bytes() == (whole / "run" / name).read_bytes(), name
    for name in ("policy-reward/model/head.safetensors", "policy/reward_updates.jsonl"):
        assert (home / "run" / name).read_bytes() == (whole / "run" / name).read_bytes(), name
    assert len(answers(home)) == len(answers(whole)) == updates(home)[-1].spent
    assert {record.completions for record in answers(home)} == {record.completions for record in answers(whole)}
    for own in (home, whole):
        manifest = json.loads((own / "run/manifest.json").read_text())
        assert not [name for name in manifest["files"] if not (own / "run" / name).is_file()]
        assert not [name for name in manifest["files"] if name.startswith("policy-reward/0") and "model/" in name]


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_a_process_that_is_killed_goes_on_to_the_run_that_never_was(tmp_path: Path) -> None:
    write_synchronous(tmp_path / "first")
    (tmp_path / "out").mkdir()
    settings = ("policy.max_steps=5", "policy.save_every=2")
    kills, found = kill_again_and_again(
        tmp_path / "first/recipe.toml", tmp_path / "out", kills=6, seed=11, settings=settings, signals=(signal.SIGKILL,)
    )
    assert len(kills) == 6
    assert found == []


# -- in rounds --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_in_rounds_the_reward_goes_on_from_what_it_became_and_all_answers_are_the_budget(tmp_path: Path) -> None:
    """With the moments of both optimisers, too."""
    own = write_recipe(tmp_path, rounds="2", budget="20", optimiser="continue")
    text = (tmp_path / "recipe.toml").read_text()
    (tmp_path / "recipe.toml").write_text(text + SYNCHRONOUS)
    recipe = load(tmp_path / "recipe.toml", {"loop.rounds": "2", "loop.budget": "20", "loop.optimiser": "continue"})
    assert own.loop == recipe.loop
    make_rounds(recipe, tmp_path / "run")
    with RunDirectory.open(tmp_path / "run", write=False) as run:
        summary = ROUNDS.read(run)
    assert [(row.labels, row.between_steps, row.spent) for row in summary.rounds] == [(6, 6, 6), (14, 2, 20)]
    assert len(answers(tmp_path)) == 20
    one, two = (tmp_path / f"run/rounds/0{number}" for number in (1, 2))
    made_by = RunReader(RunDirectory.open(two, write=False)).recipe
    assert made_by["reward"]["go_on_from"] == str(one / "policy-reward/model")
    assert made_by["reward"]["optim"]["moments_from"] == str(one / "policy-reward/moments")
    assert made_by["policy"]["optim"]["moments_from"] == str(one / "policy/moments")
    assert accord(["verify", str(tmp_path / "run")]) == 0
    before = (tmp_path / "run/rounds.json").read_bytes()
    make_rounds(recipe, tmp_path / "run")
    assert (tmp_path / "run/rounds.json").read_bytes() == before


# -- settings ---------------------------------------------------------------------------------------------------------


def test_an_update_that_is_never_due_changes_nothing(begun: Path, tmp_path: Path) -> None:
    assert second(begun, tmp_path / "with", **ONE, **{"synchronous.every": "10"}) == []
    home = copied(begun, tmp_path / "without")
    write_synchronous(home)
    text = (home / "recipe.toml").read_text()
    (home / "recipe.toml").write_text(text[: text.index("[synchronous]")])
    run_stages(load(home / "recipe.toml", ONE), home, "policy")
    with_it, without = (tmp_path / each / "run/policy/model/model.safetensors" for each in ("with", "without"))
    assert with_it.read_bytes() == without.read_bytes()
    assert {row.reward_version for row in samples(tmp_path / "with")} == {0}
    assert not (tmp_path / "with/run/policy-reward").exists()
    assert answers(tmp_path / "with") == []


@pytest.mark.parametrize(("rule", "judgements"), [("asked", [6, 10]), ("newest", [6, 4])])
def test_what_it_learns_from(begun: Path, tmp_path: Path, rule: str, judgements: list[int]) -> None:
    rows = second(begun, tmp_path / "home", **ONE, **{"synchronous.every": "1", "synchronous.learns_from": rule})
    assert [row.judgements for row in rows] == judgements
    assert [row.learns_from for row in rows] == [rule, rule]


def test_answers_alone_are_gathered_where_the_reward_makes_no_steps(begun: Path, tmp_path: Path) -> None:
    rows = second(begun, tmp_path / "home", **ONE, **{"synchronous.steps": "0"})
    assert [(row.labels, row.learnt, row.version) for row in rows] == [(6, False, 0)]
    assert "the reward stays" in rows[0].reason
    assert len(answers(tmp_path / "home")) == 6
    assert {row.reward_version for row in samples(tmp_path / "home")} == {0}


def test_moments_of_the_reward_go_on_where_that_is_asked_for(begun: Path, tmp_path: Path) -> None:
    often = {**ONE, "synchronous.every": "1"}
    heads = []
    for rule in ("anew", "continue"):
        rows = second(begun, tmp_path / rule, **often, **{"synchronous.optimiser": rule})
        assert [row.optimiser for row in rows] == [rule, rule]
        heads.append(load_file(tmp_path / rule / "run/policy-reward/model/head.safetensors"))
    assert not all(bool((heads[0][name] == heads[1][name]).all()) for name in heads[0])
    assert rows[0].reward is not None


NOBODY = '[{ by = "model:http://127.0.0.1:9/v1", labels = 2 }]'


def test_whoever_fails_stops_the_run_or_is_gone_on_without(
    begun: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr("accord.loop.reward_update.wait_for", waited.append)
    fails = {**ONE, "synchronous.evaluators": NOBODY, "policy.judge_retries": "1"}
    with pytest.raises(ModelError, match=r"127\.0\.0\.1:9"):
        second(begun, tmp_path / "stops", **fails)
    assert len(waited) == 1
    rows = second(begun, tmp_path / "skips", **fails, **{"policy.on_judge_failure": "skip"})
    assert [(row.skipped, row.labels, row.learnt) for row in rows] == [(True, 0, False)]
    assert "whoever is asked failed" in rows[0].reason
    assert len(samples(tmp_path / "skips")) == 2 * 16
    with pytest.raises(TrainingStopped, match=r"failed at step 2 .* and at as many before as"):
        second(
            begun,
            tmp_path / "too often",
            **fails,
            **{"policy.on_judge_failure": "skip", "policy.max_skipped_steps": "1", "synchronous.every": "1"},
        )


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"synchronous.evaluators": '[{by="people", labels=2}]'}, r"between two steps; .* \[loop\]"),
        ({"synchronous.evaluators": "[]"}, "at least 1 item"),
        ({"synchronous.every": "0"}, "greater than or equal to 1"),
        ({"synchronous.evry": "1"}, "did you mean 'every'"),
        ({"policy.kind": "reinforce", "policy.group_size": "1"}, "two texts of a prompt are compared"),
        ({"policy.kind": "rrhf"}, "does not train one policy on its own texts"),
        ({"policy.kind": "group_soup"}, "does not train one policy on its own texts"),
        ({"reward.kind": "length", "reward.target": "20"}, "'length' cannot go on from itself"),
        ({"data.split_by": "session"}, "divides what"),
        ({"checkpoints.best_by": "reward"}, "different versions of the reward"),
        ({"combine.kind": "weighted_sum", "rewards.b.kind": "length", "rewards.b.target": "20"}, "its scales are"),
        ({"synchronous.optimiser": "continue", "reward.lora.rank": "2"}, "adapters begin anew"),
        (
            {"loop.rounds": "2", "loop.budget": "9", "loop.ask": "never"},
            "10 is more than the 9 answers",
        ),
        (
            {"loop.rounds": "2", "loop.budget": "30", "loop.ask": "never", "loop.reward": "window"},
            "learns from what a round asked",
        ),
    ],
)  # fmt: skip
def test_what_cannot_go_on_in_turns_is_refused(tmp_path: Path, settings: dict[str, str], problem: str) -> None:
    with pytest.raises(RecipeError, match=problem):
        write_synchronous(tmp_path, **settings)


def test_what_is_asked_is_looked_at_before_anything_is_started(tmp_path: Path) -> None:
    recipe = write_synchronous(tmp_path)
    assert preflight(recipe).problems == ()
    planned = next(stage for stage in preflight(recipe).plan if stage.stage == "policy")
    assert "6 answers every 2 steps, 10 in all, 2 steps of the reward each" in planned.does
    rare = write_synchronous(tmp_path, **{"synchronous.every": "7"})
    assert "more than all steps" in next(each for each in preflight(rare).plan if each.stage == "policy").does
    for old, new, problem in (
        ("shorter", "nobody", "defines no 'nobody'"),
        ("crowd.py", "cloud.py", "cloud.py"),
    ):
        text = '[{ by = "program:crowd.py:shorter", labels = 6 }]'.replace(old, new)
        assert problem in str(preflight(write_synchronous(tmp_path, **{"synchronous.evaluators": text})).problems)
    (tmp_path / "study.toml").write_text(
        'name = "x"\ntitle = "x"\n[[questions]]\nkind = "demonstration"\ntext = "Write."\n'
    )
    assert "one question about two texts" in str(preflight(recipe).problems)


# -- pairs ------------------------------------------------------------------------------------------------------------


def texts(prompt: str, *written: str) -> list[Completion]:
    return [Completion(prompt=prompt, text=text) for text in written]


def test_pairs_are_of_different_texts_and_each_prompt_comes_before_any_twice() -> None:
    written = [*texts("p-1", "a", "b", "c", "d"), *texts("p-2", "e", "f", "e"), *texts("p-3", "g", "g", " ")]
    drawn = step_pairs(written, 9, seed=3)
    assert len(drawn) == 6 + 1
    assert {drawn[0][0].prompt, drawn[1][0].prompt} == {"p-1", "p-2"}
    assert all(first.prompt == second.prompt and first.text != second.text for first, second in drawn)
    assert len({frozenset((first.text, second.text)) for first, second in drawn}) == 7
    one, other = [pair for pair in drawn if pair[0].prompt == "p-1"][:2]
    assert {text.text for text in (*one, *other)} == {"a", "b", "c", "d"}
    assert step_pairs(texts("p-1", "a", "b", "c"), 2, seed=3) == step_pairs(texts("p-1", "a", "b", "c"), 2, seed=3)
    assert step_pairs([], 3, seed=1) == []
