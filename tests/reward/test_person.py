"""People as the reward: a run that waits is a state, and nothing is asked or answered twice."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from accord import recipe
from accord.cli.main import run as accord
from accord.collect import Desk, Study, Task
from accord.errors import RecipeError, TrainingStopped, WaitingForPeople
from accord.feedback import Ledger
from accord.records import Completion, Declined, Prompt
from accord.reward import PersonJudge, PersonReward
from small_data import truth

STUDY = """
name = "raters"
title = "How many letters a?"
items_file = "items.jsonl"
overlap = {overlap}

[[questions]]
kind = "rating"
text = "How many are there?"

[questions.scale]
low = 1
high = 5
step = 1
"""
RECIPE = """
seed = 4

[data]
ledger = "feedback.db"
source = "SOURCE"
format = "trl_preference"
train = 0.4
eval_reward = 0.4
held_out = 0.2

[reward]
kind = "person"
study = "raters"
ledger = "people.db"
items = "items.jsonl"
budget = 40

[policy]
kind = "rloo"
base = "tiny"
dtype = "float32"
max_steps = 3
prompts_per_step = 2
group_size = 2
save_every = 1
sampling = { max_tokens = 4 }
"""
SOURCE = Path(__file__).parents[2] / "src/accord/loop/starter/feedback.jsonl"


def rate(folder: Path, *, people: int = 1) -> int:
    """Whoever is invited rates all there is, by the letters a; how many ratings that were."""
    (folder / "study.toml").write_text(STUDY.format(overlap=people))
    done = 0
    with Ledger(folder / "people.db") as ledger:
        desk = Desk(Study.load(folder / "study.toml"), ledger)
        desk.load_items()
        for number in range(people):
            person = desk.accept(desk.invite().token, consent=True)
            while isinstance(task := desk.next(person), Task):
                value = min(5, 1 + round(4 * truth(task.completions[0].text))) if number == 0 else 1 + number
                desk.submit(person, task.reservation, {"value": str(value)})
                done += 1
    return done


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "recipe.toml").write_text(RECIPE.replace("SOURCE", str(SOURCE)))
    return tmp_path


def judge(folder: Path, **settings: object) -> PersonJudge:
    whole = {"study": "raters", "ledger": "people.db", "items": "items.jsonl", "budget": 40, **settings}
    reward = PersonReward(**whole).anchored(folder)
    return PersonJudge("reward", reward)


PROMPTS = [Prompt.ask("Write."), Prompt.ask("Write more."), Prompt.ask("Write.")]
WORDS = ["aaaa", "bb", "aaaa"]
TEXTS = [Completion(prompt=p.id, text=text, writer="x") for p, text in zip(PROMPTS, WORDS, strict=True)]


def test_what_is_missing_is_asked_once_and_found_when_it_is_rated(tmp_path: Path) -> None:
    people = judge(tmp_path)
    for _ in range(2):
        with pytest.raises(WaitingForPeople, match="2 completions wait for people"):
            people.score(PROMPTS, TEXTS)
    assert len((tmp_path / "items.jsonl").read_text().splitlines()) == 2
    assert rate(tmp_path) == 2
    scores = people.score(PROMPTS, TEXTS)
    assert scores.value_N.tolist() == [1.0, 0.0, 1.0]
    assert scores.std_N is None
    assert people.score(PROMPTS[1:2], TEXTS[1:2]).value_N.tolist() == [0.0]


def test_several_raters_are_waited_for_and_their_mean_has_an_error(tmp_path: Path) -> None:
    people = judge(tmp_path, raters=3)
    with pytest.raises(WaitingForPeople):
        people.score(PROMPTS, TEXTS)
    rate(tmp_path, people=2)
    with pytest.raises(WaitingForPeople):
        people.score(PROMPTS, TEXTS)
    rate(tmp_path, people=3)
    scores = people.score(PROMPTS, TEXTS)
    assert scores.std_N is not None
    assert scores.std_N.shape == (3,)
    ratings = people._ratings({Completion(prompt=PROMPTS[0].id, text="aaaa").id})
    (values,) = ratings.values()
    assert len(values) >= 3
    assert scores.value_N[0] == pytest.approx(np.mean(list(values.values())))


def test_answers_of_another_study_or_that_were_taken_back_do_not_count(tmp_path: Path) -> None:
    with pytest.raises(WaitingForPeople):
        judge(tmp_path).score(PROMPTS, TEXTS)
    rate(tmp_path)
    with pytest.raises(WaitingForPeople):
        judge(tmp_path, study="others").score(PROMPTS, TEXTS)
    with Ledger(tmp_path / "people.db") as ledger:
        first = next(iter(ledger.feedback()))
        ledger.extend([first.model_copy(update={"replaces": first.id, "judgement": Declined(), "time": None})])
    with pytest.raises(WaitingForPeople, match="1 completions wait"):
        judge(tmp_path).score(PROMPTS, TEXTS)


def test_the_budget_and_patience_have_an_end(tmp_path: Path) -> None:
    with pytest.raises(TrainingStopped, match=r"2 ratings would be asked for, and the budget is 1; raise reward\."):
        judge(tmp_path, budget=1).score(PROMPTS, TEXTS)
    assert not (tmp_path / "items.jsonl").exists()
    with pytest.raises(WaitingForPeople):
        judge(tmp_path).score(PROMPTS, TEXTS)
    times = tmp_path / "items.times.jsonl"
    rows = [json.loads(line) for line in times.read_text().splitlines()]
    long_ago = (datetime.now(UTC) - timedelta(hours=3)).isoformat()
    times.write_text("".join(json.dumps({**row, "time": long_ago}) + "\n" for row in rows))
    with pytest.raises(TrainingStopped, match=r"longer than reward\.patience_hours = 2"):
        judge(tmp_path, patience_hours=2).score(PROMPTS, TEXTS)
    with pytest.raises(WaitingForPeople):
        judge(tmp_path, patience_hours=4).score(PROMPTS, TEXTS)
    times.write_text("{not a line\n")
    with pytest.raises(RecipeError, match=r"items\.times\.jsonl:1: not a line that was written here"):
        judge(tmp_path).score(PROMPTS, TEXTS)


@pytest.mark.slow
def test_a_run_waits_is_gone_on_with_and_ends(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["run", str(home / "recipe.toml"), "--out", str(home / "run"), "--resume", "--quiet"]
    waited, ratings = 0, 0
    while (status := accord(command)) == 4:
        waited += 1
        manifest = json.loads((home / "run/manifest.json").read_text())
        assert "wait for people" in manifest["waiting"]["policy"]
        assert "serve the study 'raters' with accord collect" in capsys.readouterr().err
        ratings += rate(home)
        assert waited < 10
    assert status == 0
    assert waited == 3  # once a step
    manifest = json.loads((home / "run/manifest.json").read_text())
    assert manifest["waiting"] == {}
    assert "policy" in manifest["stages"]
    rows = [json.loads(line) for line in (home / "run/policy/samples.jsonl").read_text().splitlines()]
    assert len(rows) == 12
    for row in rows:
        assert row["reward"] == pytest.approx(round(4 * min(1.0, truth(row["text"]))) / 4, abs=1e-6)
    assert ratings == len({(row["prompt"], row["text"]) for row in rows})


def test_the_recipe_is_as_python_has_it(home: Path) -> None:
    settings = recipe.load(home / "recipe.toml").reward
    assert isinstance(settings, PersonReward)
    assert settings.items == str(home / "items.jsonl")
    assert settings.ledger == str(home / "people.db")
    url = settings.model_copy(update={"ledger": "postgresql://host/people"})
    assert url.anchored(home).ledger == "postgresql://host/people"


@pytest.mark.slow
def test_budget_and_patience_may_be_raised_on_the_way(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["run", str(home / "recipe.toml"), "--out", str(home / "run"), "--resume", "--quiet"]
    assert accord([*command, "--reward.budget", "2"]) == 3
    assert "raise reward.budget" in capsys.readouterr().err
    assert accord([*command, "--reward.budget", "40", "--reward.patience_hours", "300"]) == 4
    assert accord([*command, "--reward.study", "others"]) == 2
    assert "reward.study was 'raters', now 'others'" in capsys.readouterr().err


def test_an_items_file_without_a_last_line_end_keeps_its_items(tmp_path: Path) -> None:
    (tmp_path / "items.jsonl").write_text('{"prompt": "hello", "completions": ["hi"]}')
    with pytest.raises(WaitingForPeople):
        judge(tmp_path).score(PROMPTS, TEXTS)
    lines = [json.loads(line) for line in (tmp_path / "items.jsonl").read_text().splitlines()]
    assert [line["completions"] for line in lines] == [["hi"], [{"text": "aaaa"}], [{"text": "bb"}]]


def test_people_are_not_asked_to_evaluate_or_to_set_a_scale() -> None:
    person = 'kind = "person"\nstudy = "s"\nledger = "l.db"\nitems = "i.jsonl"\nbudget = 4\n'
    with pytest.raises(RecipeError, match=r"evaluate\.judge: people are asked for what the policy learns from alone"):
        recipe.parse(f"[evaluate.judge]\n{person}")
    both = f'[reward]\n{person}[rewards.brief]\nkind = "length"\nat_most = 4\n[combine]\nkind = "weighted_sum"\n'
    with pytest.raises(RecipeError, match=r"combine\.normalise: people are not asked to set a scale"):
        recipe.parse(f'{both}normalise = "standardise"\nweights = {{ reward = 1.0, brief = 1.0 }}\n')
