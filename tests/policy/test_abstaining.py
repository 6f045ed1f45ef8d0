"""Refusals for what the model does not know: the threshold, the grading, and a small model that learns to refuse."""

import itertools
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from accord.errors import RecipeError
from accord.interfaces import Scores
from accord.lm.loading import load
from accord.lm.writer import ModelWriter
from accord.policy import SFT, Abstaining
from accord.policy.abstaining import matches, threshold
from accord.policy.materials import Materials, SupervisedExample
from accord.records import Completion, Prompt, Sampling
from accord.run import RunDirectory
from accord.train.optimiser import Optim

IDK = "I don't know."
WORDS = ["red", "blue", "green", "black", "white", "grey", "pink", "brown"]


def test_the_threshold_is_where_answering_and_refusing_are_worth_the_same() -> None:
    for right, wrong, idk in ((1.0, -1.0, 0.0), (1.0, 0.0, 0.25), (2.0, -6.0, 1.0)):
        share = threshold(right, wrong, idk)
        assert share * right + (1 - share) * wrong == pytest.approx(idk)
    assert [threshold(1, -cost, 0) for cost in (0.25, 1, 3, 9)] == pytest.approx([0.2, 0.5, 0.75, 0.9])
    assert threshold(1, 0, -1) < 0  # never refuse
    assert threshold(1, 0, 2) > 1  # never answer
    with pytest.raises(ValueError, match="worth more than a wrong one"):
        threshold(0, 0, 0)
    with pytest.raises(ValidationError, match="worth more than a wrong one"):
        Abstaining(right=-2)


def test_what_says_the_same_is_right() -> None:
    assert matches("The Beatles!", ["Beatles"])
    assert matches(" 8 p.m.", ["at nine", "8 pm"])
    assert not matches("In the evening", ["At eight in the evening"])
    assert not matches("", ["no"])


def question(number: int, *, known: bool) -> Prompt:
    return Prompt.ask(f"{'Is it?' if known else 'Colour?'} {number}")


def examples(numbers: range) -> list[SupervisedExample]:
    """Half of the questions have one answer, yes; the others a colour that nothing tells."""
    draw = random.Random(0)
    made = []
    for number in numbers:
        for known in (True, False):
            prompt = question(number, known=known)
            text = "yes" if known else draw.choice(WORDS)
            made.append(SupervisedExample(prompt, Completion(prompt=prompt.id, text=text)))
    return made


TRAINED, ASKED, HELD_OUT = examples(range(100, 260)), examples(range(300, 320)), examples(range(400, 420))
FORM: dict[str, Any] = {"dtype": "float32", "batch_size": 20, "save_every": 99, "optim": Optim(lr=1e-2, warmup_steps=2)}
SETTINGS = Abstaining(**FORM, epochs=30, sampling=Sampling(max_tokens=16))


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that has read other questions of both kinds."""
    with RunDirectory.create(tmp_path_factory.mktemp("runs") / "start") as run:
        list(SFT(base="tiny", **FORM, epochs=8).train_on(TRAINED, run))
        return run.verified("sft/model")


def answers(model: Path, *, known: bool) -> list[str]:
    prompts = [each.prompt for each in HELD_OUT if (each.completion.text == "yes") == known]
    made = ModelWriter(load(model)).write(prompts, 4, Sampling(max_tokens=16, seed=1))
    return [each.text for group in made for each in group]


def test_what_the_start_does_not_know_is_refused(start: Path, tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path / "run") as run:
        list(SETTINGS.steps(Materials(examples=ASKED, start=start), run))
        rows = run.read_jsonl("policy/candidates.jsonl")
        tuned = run.verified("policy/model")
    references = {each.prompt.id: each.completion.text for each in ASKED}
    for row in rows:
        assert row["right"] == matches(row["text"], [references[row["prompt"]]])
        assert row["known"] == (row["share"] > 0.5)
    for number in {row["group"] for row in rows}:
        group = [row for row in rows if row["group"] == number]
        assert len(group) == 10
        assert {row["share"] for row in group} == {sum(row["right"] for row in group) / 10}
    assert {references[row["prompt"]] for row in rows if row["known"]} == {"yes"}
    assert {references[row["prompt"]] for row in rows if not row["known"]} <= set(WORDS)
    before, after = (np.mean([text == IDK for text in answers(each, known=False)]) for each in (start, tuned))
    assert (before, after > 0.8) == (0, True)
    assert np.mean([text == "yes" for text in answers(tuned, known=True)]) > 0.8


def test_where_a_wrong_answer_costs_nothing_nothing_is_refused(start: Path, tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"wrong": 0.0, "idk": -0.1})
    with RunDirectory.create(tmp_path / "run") as run:
        list(itertools.islice(settings.steps(Materials(examples=ASKED, start=start), run), 1))
        assert all(row["known"] for row in run.read_jsonl("policy/candidates.jsonl"))


class Colours:
    """Any colour is as good as another."""

    name = "colours"

    def score(self, prompts: object, completions: list[Completion]) -> Scores:
        return Scores(np.array([float(each.text in {*WORDS, "yes"}) for each in completions]))


def test_a_judge_may_say_what_is_right(start: Path, tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"grade": "judge"})
    with RunDirectory.create(tmp_path / "run") as run:
        list(itertools.islice(settings.steps(Materials(examples=ASKED, judge=Colours(), start=start), run), 1))
        rows = run.read_jsonl("policy/candidates.jsonl")
    assert all(row["right"] == (row["text"] in {*WORDS, "yes"}) == (row["reward"] == 1) for row in rows)
    assert np.mean([row["known"] for row in rows]) > 0.9
    with RunDirectory.create(tmp_path / "none") as run, pytest.raises(RecipeError, match="no judge to learn from"):
        list(settings.steps(Materials(examples=ASKED, start=start), run))


def test_a_broken_off_stage_goes_on_from_the_same_answers(start: Path, tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path / "broken") as run:
        list(itertools.islice(SETTINGS.steps(Materials(examples=ASKED, start=start), run), 2))
    written = (tmp_path / "broken/policy/candidates.jsonl").read_bytes()
    with RunDirectory.open(tmp_path / "broken") as run:
        list(SETTINGS.steps(Materials(examples=ASKED, start=start), run))
        assert run.has("policy/model")
    assert (tmp_path / "broken/policy/candidates.jsonl").read_bytes() == written


def test_nothing_to_learn_from_is_an_error(tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path / "run") as run:
        with pytest.raises(RecipeError, match="no examples to learn from"):
            list(SETTINGS.steps(Materials(examples=[], start="tiny"), run))
        with pytest.raises(RecipeError, match="no model to start from"):
            list(SETTINGS.steps(Materials(examples=ASKED), run))
