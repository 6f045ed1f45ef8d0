"""Simulated people whom a round asks: kept as such, as reliable as is said of them, the same when asked again."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from accord.artefacts import ASKING
from accord.collect.sources.simulated import SimulatedAnswerer, SimulatedEvaluator
from accord.errors import AccordError, ArtefactError, RecipeError
from accord.feedback import Ledger
from accord.interfaces import Item
from accord.loop.asked_evaluators import check_rounds
from accord.loop.drive import drive, start_run
from accord.loop.round_recipe import round_recipe
from accord.recipe.crowd import read_crowd
from accord.records import Comparison, Completion, Evaluator, Feedback, Message, Prompt
from accord.run import RunDirectory
from rounds_run import QUIET, write_recipe

CROWD = """
[truth]
kind = "python"
path = "gold.py:score"

[[people]]
name = "careful"
count = 2
temperature = 0.01
lapse = 0.0

[[people]]
name = "left-handed"
temperature = 0.01
lapse = 0.0
position = 1000.0
seconds_a_word = 2.0
"""
GOLD = "def score(texts):\n    return [-float(len(text)) for text in texts]\n"
ASKED = '[{by="crowd:crowd.toml", labels=12}]'


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one round."""
    home = tmp_path_factory.mktemp("crowd")
    recipe = write_recipe(home, rounds="1")
    own = round_recipe(recipe, home / "run", 1)
    with start_run(own, home / "run/rounds/01", resume=True) as run:
        drive(own, run, QUIET)
    return home


def asks(first: Path, home: Path, *, overlap: int = 1, crowd: str = CROWD, asked: str = ASKED) -> RunDirectory:
    """The second round, as far as it asks a crowd."""
    if not home.exists():
        shutil.copytree(first / "run/rounds/01", home / "run/rounds/01")
    recipe = write_recipe(home, overlap=overlap, evaluators=asked)
    (home / "crowd.toml").write_text(crowd)
    if not (home / "gold.py").exists():
        (home / "gold.py").write_text(GOLD)
    check_rounds(recipe)
    own = round_recipe(recipe, home / "run", 2)
    with start_run(own, home / "run/rounds/02", resume=True, parents=("first",)) as run:
        drive(own, run, QUIET, only=("ask",))
    return RunDirectory.open(home / "run/rounds/02", write=False)


def said(home: Path) -> tuple[list[Feedback], dict[str, Evaluator], dict[str, Completion]]:
    with Ledger(home / "feedback.db", write=False) as ledger:
        records = [record for record in ledger.feedback() if record.study == "shorter"]
        return records, ledger.evaluators(), ledger.completions()


def test_a_crowd_is_several_evaluators_of_its_own_kind_who_tell_the_truth(first: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    asked = ASKING.read(asks(first, home))
    assert (asked.learns_anew, asked.labels) == (True, 12)
    records, evaluators, texts = said(home)
    by = {name: evaluators[name] for name in {record.evaluator for record in records}}
    assert {each.kind for each in by.values()} == {"simulated"}
    names = {each.pseudonym for each in by.values()}
    assert names <= {f"crowd:crowd.toml:{name}" for name in ("careful 1", "careful 2", "left-handed")}
    assert len(names) > 1
    assert all(each.attributes and {"truth", "settings"} <= each.attributes.keys() for each in by.values())
    for record in records:
        assert isinstance(record.judgement, Comparison)
        left, right = (len(texts[name].text) for name in record.completions)
        if "careful" in by[record.evaluator].pseudonym and left != right:
            assert record.judgement.preferred == ("left" if left < right else "right")
        if "left-handed" in by[record.evaluator].pseudonym:
            assert record.judgement.preferred == "left"
        assert record.round == 2
        assert record.repeat_of is None
        assert record.seconds is not None
        assert record.seconds > 0.1, "simulated seconds, not those of the program"


def test_the_same_run_is_answered_the_same_and_nobody_is_asked_twice(first: Path, tmp_path: Path) -> None:
    answers = []
    for name in ("one", "two"):
        asks(first, tmp_path / name, overlap=2)
        records, evaluators, _ = said(tmp_path / name)
        answers.append(
            sorted(
                (evaluators[each.evaluator].pseudonym, each.completions, str(each.judgement), each.seconds)
                for each in records
            )
        )
        assert len({(each.evaluator, frozenset(each.completions)) for each in records}) == len(records) == 12
        pairs = [frozenset(each.completions) for each in records]
        assert all(pairs.count(pair) == 2 for pair in pairs), "each pair by as many as the study's overlap"
    assert answers[0] == answers[1]
    home = tmp_path / "one"
    before, _, _ = said(home)
    own = round_recipe(write_recipe(home, overlap=2, evaluators=ASKED), home / "run", 2)
    with start_run(own, home / "run/rounds/02", resume=True, again=("ask",), parents=("first",)) as run:
        drive(own, run, QUIET, only=("ask",))
    assert [each.id for each in said(home)[0]] == [each.id for each in before]


def test_a_rule_that_reads_nothing_may_be_the_truth(first: Path, tmp_path: Path) -> None:
    """A text of one word is best, so whoever is careful never prefers the longer of two that are both longer."""
    crowd = CROWD.replace('kind = "python"\npath = "gold.py:score"', 'kind = "length"\ntarget = 1')
    asks(first, tmp_path / "home", crowd=crowd)
    records, evaluators, texts = said(tmp_path / "home")
    for record in records:
        left, right = (len(texts[name].text.split()) for name in record.completions)
        if "careful" in evaluators[record.evaluator].pseudonym and min(left, right) == 1 < max(left, right):
            assert isinstance(record.judgement, Comparison)
            assert record.judgement.preferred == ("left" if left < right else "right")
    assert len(records) == 12


def test_a_truth_that_has_changed_while_a_round_was_stopped_is_refused(first: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    asks(first, home)
    (home / "gold.py").write_text(GOLD.replace("-float", "float"))
    own = round_recipe(write_recipe(home, evaluators=ASKED), home / "run", 2)
    with (
        start_run(own, home / "run/rounds/02", resume=True, again=("ask",), parents=("first",)) as run,
        pytest.raises(ArtefactError, match=r"gold\.py: not the file that"),
    ):
        drive(own, run, QUIET, only=("ask",))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (('kind = "python"\n', ""), r"crowd\.toml: truth\.kind: missing"),
        (('kind = "python"\npath = "gold.py:score"', 'kind = "bradley_terry"'), "is learnt from people"),
        (("gold.py:score", "other.py:score"), "no file"),
        (("gold.py:score", "gold.py:gold"), "no function 'gold'"),
        (('name = "left-handed"', 'name = "careful 2"'), "two are called 'careful 2'"),
        (("position = 1000.0", "positions = 1.0"), "did you mean 'position'"),
        (("position = 1000.0", "temperatur = 1.0"), "did you mean 'temperature'"),
        (("lapse = 0.0\nposition", "lapse = 2.0\nposition"), "less than or equal to 1"),
    ],
)
def test_what_no_crowd_can_be_is_refused_before_anything_is_asked(
    tmp_path: Path, change: tuple[str, str], problem: str
) -> None:
    (tmp_path / "gold.py").write_text(GOLD)
    (tmp_path / "crowd.toml").write_text(CROWD.replace(*change))
    with pytest.raises(AccordError, match=problem):
        read_crowd(tmp_path / "crowd.toml")


def test_a_study_that_a_crowd_cannot_answer_is_refused(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, overlap=4, evaluators=ASKED)
    (tmp_path / "gold.py").write_text(GOLD)
    (tmp_path / "crowd.toml").write_text(CROWD)
    with pytest.raises(RecipeError, match=r"people: 3, and study 'shorter' asks 4 people"):
        check_rounds(recipe)
    (tmp_path / "study.toml").write_text('name = "x"\ntitle = "x"\n[[questions]]\nkind = "ranking"\ntext = "Order."\n')
    with pytest.raises(RecipeError, match="simulated people compare two texts"):
        check_rounds(recipe)
    no_ties = 'name = "x"\ntitle = "x"\n[[questions]]\nkind = "comparison"\nties = false\ntext = "Which?"\n'
    (tmp_path / "study.toml").write_text(no_ties)
    (tmp_path / "crowd.toml").write_text(CROWD + "tie_within = 1.0\n")
    with pytest.raises(RecipeError, match="offers no ties"):
        check_rounds(recipe)


# -- one simulated person ---------------------------------------------------------------------------------------------


def items(number: int) -> tuple[list[Item], dict[str, tuple[float, ...]]]:
    """Pairs of texts of which the first is better by 1."""
    made, qualities = [], {}
    for index in range(number):
        prompt = Prompt(messages=(Message(role="user", content=f"question {index}"),))
        pair = tuple(Completion(prompt=prompt.id, text=f"{side} {index}") for side in ("better", "worse"))
        made.append(Item(prompt, pair))
        qualities |= {pair[0].id: (1.0,), pair[1].id: (0.0,)}
    return made, qualities


def shares(person: SimulatedEvaluator, number: int = 2000) -> dict[str, float]:
    asked, qualities = items(number)
    answerer = SimulatedAnswerer(person, qualities, seed=5)
    said = [answerer.answer(item).judgement for item in asked]
    return {
        side: float(np.mean([isinstance(each, Comparison) and each.preferred == side for each in said]))
        for side in ("left", "right", "tie")
    }


def test_how_often_is_what_the_settings_say() -> None:
    """By Rao and Kupper's model, with a lapse of a fifth."""
    found = shares(SimulatedEvaluator(name="a", temperature=1.0, lapse=0.2, tie_within=0.5, position=0.25))
    left, right = (1 / (1 + np.exp(-(side * 1.25 - 0.5))) for side in (1, -1))
    expected = {"left": 0.8 * left + 0.1, "right": 0.8 * right + 0.1, "tie": 0.8 * (1 - left - right)}
    assert found == pytest.approx(expected, abs=0.035)


def test_without_ties_nobody_calls_one() -> None:
    assert shares(SimulatedEvaluator(name="a", temperature=3.0), 500)["tie"] == 0


def test_what_is_said_of_an_item_depends_on_nothing_else_that_is_asked() -> None:
    asked, qualities = items(20)
    answerer = SimulatedAnswerer(SimulatedEvaluator(name="a", temperature=2.0), qualities, seed=1)
    forth = {item.prompt.id: answerer.answer(item) for item in asked}
    back = {item.prompt.id: answerer.answer(item) for item in reversed(asked)}
    assert forth == back
    other = SimulatedAnswerer(SimulatedEvaluator(name="b", temperature=2.0), qualities, seed=1)
    assert [forth[item.prompt.id] for item in asked] != [other.answer(item) for item in asked]
