"""Rewards with references: right answers, tests, schemas; where references come from, and what is refused."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from accord.errors import ArtefactError, RecipeError
from accord.feedback import Dataset
from accord.records import Completion, Demonstration, Evaluator, Feedback, Prompt
from accord.reward import AnswerReward, JsonSchemaReward, UnitTestsReward
from accord.reward.stated.answers import is_right
from accord.reward.stated.referenced import ReferencedReward
from accord.run import RunDirectory

ASKED = [Prompt.ask("6 times 7?"), Prompt.ask("7 times 8?", system="Be brief.")]


def dataset(*prompts: Prompt) -> Dataset:
    names = {prompt.id: prompt for prompt in prompts or ASKED}
    return Dataset(prompts=names, completions={}, evaluators={}, split_of=dict.fromkeys(names, "train"), pairs={})


def file_of(folder: Path, *rows: Any) -> str:
    file = folder / "references.jsonl"
    file.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows))
    return str(file)


def scored(settings: ReferencedReward, folder: Path, texts: dict[Prompt, str]) -> list[float]:
    run = RunDirectory.create(folder / "run")
    assert list(settings.steps(dataset(*texts), run)) == []
    completions = [Completion(prompt=prompt.id, text=text) for prompt, text in texts.items()]
    return settings.load(run).score(list(texts), completions).value_N.tolist()


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("6 times 7 is 42", True),
        ("41 + 1 = 42.0", True),
        ("#### 42", True),
        ("The answer is \\boxed{42}.", True),
        ("It is 42 km.", True),
        ("It costs $42", True),
        ("٤٢", True),
        ("forty-two", False),
        ("-42", False),
        ("4.2e1", True),
        ("420", False),
        ("42 or 43", False),
        ("The answer is 42 or 43.", False),
        ("The answer is 42 or possibly 43", False),
        ("It is 43, or perhaps 42", False),
        ("The answer is 41, 42 or 43.", False),
        ("There are 2 or 3 ways to see it; it is 42", True),
        ("The answer is 42. It took 3 or 4 steps.", True),
        (" ".join(map(str, range(100))), False),
        ("\n".join(f"The answer is {n}." for n in range(100)), False),
        ("", False),
        ("9" * 10_000, False),
    ],
)
def test_answers_by_their_number(text: str, right: bool) -> None:
    assert is_right(text, {"answer": "42"}) is right


@pytest.mark.parametrize(
    ("text", "answer", "right"),
    [
        ("the Paris!", "Paris", True),
        ("Well, I think that the answer is Paris.", "paris", True),
        ("The answer is Paris. It is the capital.", "Paris", True),
        ("The answer is St. Louis.", "St. Louis", True),
        ("The answer is London. The answer is Paris.", "Paris", False),
        ("<b>Paris</b>", "Paris", False),
        ("Paris or London", "Paris", False),
        ("Paris, London, Rome", "Paris", False),
        ("3.5", "35", False),
        ("-5", "5", False),
        ("1,000", "1000", True),
        ("Not Paris", "Paris", False),
        ("At 8 p.m.", ["eight", "at 8 pm"], True),
    ],
)
def test_answers_as_texts(text: str, answer: Any, right: bool) -> None:
    assert is_right(text, {"answer": answer}, "text") is right
    assert is_right(f" {text}\n", {"answer": text}, "exact")
    assert not is_right(f"{text}.", {"answer": text}, "exact")


def test_signs_units_shares_and_tolerance() -> None:
    assert is_right("It fell by so much: -3.5 degrees", {"answer": -3.5})
    assert not is_right("It fell by 3.5 degrees", {"answer": -3.5})
    assert is_right("75%", {"answer": "0.75"})
    assert is_right("3.14", {"answer": 3.14159, "tolerance": 0.01})
    assert not is_right("3.2", {"answer": 3.14159, "tolerance": 0.01})


@pytest.mark.parametrize(
    "text", ["1 " * 50_000, "9" * 500_000, "\\boxed{" * 50_000, "answer is " * 50_000, "1 or " * 30_000]
)
def test_no_output_makes_it_hang(text: str) -> None:
    began = time.process_time()
    assert not is_right(text, {"answer": "42"})
    assert not is_right(text, {"answer": "Paris"}, "text")
    assert time.process_time() - began < 5


def test_an_answer_may_be_asked_for_inside_a_tag(tmp_path: Path) -> None:
    file = file_of(
        tmp_path, {"prompt": ASKED[0].id, "answer": 42}, {"prompt": ASKED[1].text, "answer": [56, "fifty-six"]}
    )
    settings = AnswerReward(references=file, tag="answer")
    texts = {ASKED[0]: "<think>43</think><answer>42</answer>", ASKED[1]: "It is 56"}
    assert scored(settings, tmp_path, texts) == [1, 0]


def test_code_is_worth_the_share_of_tests_that_it_passes(tmp_path: Path) -> None:
    tests = ["assert double(2) == 4", "assert double(-1) == -2", "assert double('a') == 'ab'"]
    file = file_of(tmp_path, {"tests": tests})
    texts = {ASKED[0]: "```python\ndef double(x):\n    return 2 * x\n```", ASKED[1]: "while True: pass"}
    assert scored(UnitTestsReward(references=file, seconds=1.0), tmp_path, texts) == pytest.approx([2 / 3, 0])
    (tmp_path / "whole").mkdir()
    assert scored(UnitTestsReward(references=file, seconds=1.0, partial=False), tmp_path / "whole", texts) == [0, 0]


@pytest.mark.parametrize("test", ["assert double(2) ==", "return 1", "x = '\\0", "assert (" * 500, "if x:\n"])
def test_tests_that_do_not_compile_are_named_before_anything_learns(test: str, tmp_path: Path) -> None:
    settings = UnitTestsReward(
        references=file_of(tmp_path, {"tests": ["assert True"]}, {"prompt": "a", "tests": [test]})
    )
    (problem,) = settings.problems()
    assert ":2: the test " in problem
    assert "is no Python (" in problem
    with pytest.raises(RecipeError, match=r"references.jsonl:2: the test .* is no Python"):
        list(settings.steps(dataset(), RunDirectory.create(tmp_path / "run")))


def test_json_of_the_stated_form_is_worth_one(tmp_path: Path) -> None:
    schema = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
    settings = JsonSchemaReward(references=file_of(tmp_path, {"schema": schema}))
    assert scored(settings, tmp_path, {ASKED[0]: '```json\n{"n": 1}\n```', ASKED[1]: '{"n": "1"}'}) == [1, 0]


def test_demonstrations_are_references(tmp_path: Path) -> None:
    who = Evaluator(kind="person", pseudonym="one")
    said = tuple(
        Feedback(prompt=ASKED[0].id, completions=(), evaluator=who.id, judgement=Demonstration(text=text))
        for text in ("6 * 7 = 42", "forty-two")
    )
    data = dataset(ASKED[0])
    data = Dataset(data.prompts, {}, {who.id: who}, data.split_of, {}, {"train": said})
    settings = AnswerReward(references="demonstrations", match="exact")
    run = RunDirectory.create(tmp_path / "run")
    list(settings.steps(data, run))
    texts = [Completion(prompt=ASKED[0].id, text=text) for text in ("6 * 7 = 42", "forty-two", "42")]
    assert settings.load(run).score([ASKED[0]] * 3, texts).value_N.tolist() == [1, 1, 0]
    assert settings.anchored(tmp_path) == settings
    with pytest.raises(
        RecipeError, match=r"demonstrations: nothing for 1 of 2 prompts, the first of them p-\w+ \('7 times"
    ):
        list(settings.steps(Dataset(dataset().prompts, {}, {}, {}, {}, {"train": said}), run))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], 'no line with "answer"; write'),
        ([{"prompt": "a", "tests": ["x"]}], 'no line with "answer"; write'),
        (["{"], r"references.jsonl:1: not JSON"),
        ([["a"]], r"references.jsonl:1: not an object with a prompt"),
        ([{"prompt": "a"}], r"references.jsonl:1: not an object with a prompt and what is held against it"),
        ([{"prompt": 3, "answer": 1}], r"references.jsonl:1: not an object with a prompt"),
        (
            [{"prompt": "a", "answer": 1}, {"prompt": "a", "answer": 2}],
            r":2: says something else of the prompt of .*:1",
        ),
        (
            [{"prompt": "a", "answer": 1}, {"prompt": "a", "answer": 1, "tolerance": 5}],
            r":2: says something else of the prompt of .*:1",
        ),
        (
            [{"prompt": "a", "answer": 1}, {"prompt": "a", "answer": True}],
            r":2: says something else of the prompt of .*:1",
        ),
        (['{"prompt": "\\ud800", "answer": "4"}'], r"references.jsonl:1: holds half a character"),
        (['{"answer": {"\\udfff": 4}}'], r"references.jsonl:1: holds half a character"),
        (['{"answer": NaN}'], r"references.jsonl:1: not JSON"),
        ([{"prompt": "a", "answer": 1}, {"prompt": "b", "answer": "none"}], r"references.jsonl:2: .*states no number"),
        ([{"prompt": "a", "answer": True}], r"references.jsonl:1: the reference states no answer"),
        ([{"prompt": "a", "answer": []}], r"references.jsonl:1: the reference states no answer"),
    ],
)
def test_references_that_cannot_be_used_are_named(rows: list[Any], message: str, tmp_path: Path) -> None:
    settings = AnswerReward(references=file_of(tmp_path, *rows))
    (problem,) = settings.problems()
    assert problem.startswith("references: ")
    with pytest.raises(RecipeError, match=message):
        list(settings.steps(dataset(), RunDirectory.create(tmp_path / "run")))


def test_a_prompt_is_said_one_thing_of_by_its_id_and_by_its_text(tmp_path: Path) -> None:
    """But where several prompts end in one text, the id tells them apart."""
    first, second = ASKED[0], Prompt.ask(ASKED[0].text, system="In Roman numerals.")
    rows = [{"prompt": first.id, "answer": 42}, {"prompt": first.text, "answer": 43}]
    settings = AnswerReward(references=file_of(tmp_path, *rows))
    message = rf":2: says something else of the prompt {first.id} \('6 times 7\?'\) than .*:1 does by its id; leave one"
    with pytest.raises(RecipeError, match=message):
        list(settings.steps(dataset(first), RunDirectory.create(tmp_path / "run")))
    (tmp_path / "both").mkdir()
    assert scored(settings, tmp_path / "both", {first: "42", second: "43"}) == [1, 1]
    (tmp_path / "alike").mkdir()
    alike = AnswerReward(references=file_of(tmp_path, *rows[:1], rows[0] | {"prompt": first.text}))
    assert scored(alike, tmp_path / "alike", {first: "42"}) == [1]


def test_a_prompt_without_a_reference_is_named_before_anything_learns(tmp_path: Path) -> None:
    settings = AnswerReward(references=file_of(tmp_path, {"prompt": ASKED[0].text, "answer": 42}))
    run = RunDirectory.create(tmp_path / "run")
    message = (
        r"references.jsonl: nothing for 1 of 2 prompts, the first of them p-\w+ \('7 times 8\?'\); add a line for each"
    )
    with pytest.raises(RecipeError, match=message):
        list(settings.steps(dataset(), run))
    assert not settings.trained(run)


def test_a_run_goes_on_with_the_same_references_alone(tmp_path: Path) -> None:
    settings = AnswerReward(references="references.jsonl").anchored(tmp_path)
    assert settings.problems() == [f"references: no file {tmp_path}/references.jsonl"]
    file = Path(file_of(tmp_path, {"answer": 42}))
    run = RunDirectory.create(tmp_path / "run")
    list(settings.steps(dataset(), run))
    assert run.manifest.inputs["reward: references.jsonl"].path == "../references.jsonl"
    file.write_text('{"answer": 43}\n')
    with pytest.raises(ArtefactError, match=r"not the file that the stage 'reward' of .* noted; put that one back"):
        settings.load(run)
    file.unlink()  # the run has what it needs
    score = settings.load(run).score([ASKED[0]], [Completion(prompt=ASKED[0].id, text="42")])
    assert score.value_N.tolist() == [1]


def test_a_prompt_that_comes_later_and_has_no_reference_is_named(tmp_path: Path) -> None:
    settings = AnswerReward(references=file_of(tmp_path, {"prompt": ASKED[0].id, "answer": 42}))
    run = RunDirectory.create(tmp_path / "run")
    list(settings.steps(dataset(ASKED[0]), run))
    with pytest.raises(RecipeError, match=r"nothing for the prompt p-\w+ \('7 times 8\?'\)"):
        settings.load(run).score([ASKED[1]], [Completion(prompt=ASKED[1].id, text="56")])
