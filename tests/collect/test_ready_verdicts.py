"""Ready verdicts: numbers as people write them, JSON against schemas, code against tests; as every kind they can be."""

import json
import os
import random
import shutil
from fractions import Fraction
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest
import tomli_w

from accord.collect.sources.ready_verdicts import ReadyVerdict
from accord.collect.study import Study
from accord.errors import StudyError
from accord.interfaces import Item
from accord.records import Comparison, Completion, Critique, Declined, Judgement, Label, Prompt, Ranking, Rating
from accord.sandbox.sandbox import Limits, Sandbox
from accord.verdicts.arithmetic import Arithmetic
from accord.verdicts.json_schema import JsonSchema
from accord.verdicts.marks import Marker, UnusableReferenceError
from accord.verdicts.numbers import final_number, same_number
from accord.verdicts.unit_tests import PROGRAM, UnitTests

DATA = os.environ.get("ACCORD_TEST_DATA")
NUMBERS = {
    "#### 42": "42",
    "She pays 3 + 4.\n#### 1,234": "1234",
    "#### $1,234.50 dollars": "1234.5",
    "#### -3": "-3",
    "####42": "42",
    "#### Step 2\nSo it is 7.": "7",
    "#### 2. Conclusion\nThe answer is 9.": "9",
    "The answer is 5.": "5",
    "So the final answer is:\n42": "42",
    "**Final Answer:** 42 apples, of 50": "42",
    "The answer is 3 + 4 = 7": "7",
    "A: 18": "18",
    r"so $\boxed{\frac{3}{4}}$": "3/4",
    r"\boxed{1,000} is it; see page 3": "1000",
    "Answer: 1 1/2": "3/2",
    "16 - 3 = 13": "13",
    "it is \u22127": "-7",
    "-$5": "-5",
    "$-5": "-5",
    "7 -2 = 5": "5",
    "pages 3-4": "4",
    "- 5 apples\n- 6 pears": "6",
    "x2 is 1.2e3": "1200",
    "1.2 x 10^3": "1200",
    "3 x 10^-2": "3/100",
    "3 x 10^+2": "300",
    "3 x 10^y2": "10",
    "3 x 10**n3": "10",
    r"1.2 \times 10^{-3}": "3/2500",
    "3.14.": "157/50",
    ".5": "1/2",
    "1/0": "",
    "1e999999999": "",
    "9" * 500: "",
    "forty-two": "",
    "": "",
    r"\boxed{none} of 5": "",
}


@pytest.mark.parametrize("text", NUMBERS)
def test_the_number_that_a_text_ends_with(text: str) -> None:
    number = final_number(text)
    assert number == final_number(NUMBERS[text]) if NUMBERS[text] else number is None
    assert number is None or number.value == Fraction(NUMBERS[text])


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("75%", ".75", True),
        ("75%", "75", True),
        ("75%", "75 percent", True),
        ("75%", "0.75%", False),
        ("0.30", "3/10", True),
        ("10/3", "3.33", False),
        ("1,000", "$1000.00", True),
    ],
)
def test_numbers_that_are_the_same(one: str, other: str, same: bool) -> None:
    first, second = final_number(one), final_number(other)
    assert first is not None
    assert second is not None
    assert same_number(first, second) == same_number(second, first) == same
    assert same_number(first, second, Fraction(1, 100)) or one in {"75%"}


@pytest.mark.skipif(DATA is None, reason="ACCORD_TEST_DATA names no folder with real human feedback")
def test_graded_solutions_of_gsm8k_are_graded_alike() -> None:
    """5,276 solutions that its authors graded: all alike, however the answer is marked; 11 of them mark none."""
    marker, forms = (
        Arithmetic(),
        ["{}", "#### {}", "So we get $\\boxed{{{}}}$.", "Therefore, the answer is ${}.00, as shown."],
    )
    counted = different = unmarked = 0
    for line in (Path(DATA or "") / "gsm8k/example_model_solutions.jsonl").read_text().splitlines():
        row = json.loads(line)
        for solution in (value for value in row.values() if isinstance(value, dict)):
            counted += 1
            steps, marked, answer = solution["solution"].rpartition("\nA: ")
            unmarked += not marked
            texts = [solution["solution"], *(f"{steps}\n{form.format(answer.strip())}" for form in forms if marked)]
            marks = [marker.mark(text, row["ground_truth"]).score for text in texts]
            different += sum(mark != solution["is_correct"] for mark in marks)
    assert (counted, different, unmarked) == (5276, 0, 11)


@pytest.mark.parametrize(
    "text",
    [
        "1,111" * 20_000,
        "1," * 40_000,
        "1 1/" * 20_000,
        "\n" * 80_000,
        "answer is " * 9_000,
        r"\boxed{" * 9_000,
        "####" + " " * 20_000 + "1. x",
        "#### " + "1" * 40_000,
        "answer" + " " * 40_000,
    ],
)
def test_long_texts_take_no_longer_than_they_are(text: str) -> None:
    start = perf_counter()
    final_number(text)
    assert perf_counter() - start < 5


def test_whatever_is_written_has_a_verdict() -> None:
    draw = random.Random(0)
    parts = ["1", "9" * 390, ".5", "1,234", "/", "\\frac{", "}", "####", "\\boxed{", "$", "%", "-", "\u2212", " ", "\n"]
    parts += ["e5", "x 10^", "x 10**{", "+", "y", "n3", "answer is", "A:", "\u00b2", "\u0663", "\u00a0", "0"]
    for _ in range(5_000):
        text = "".join(draw.choices(parts, k=draw.randint(0, 9)))
        mark = Arithmetic().mark(text, {"answer": "42"})
        assert mark.score in {0, 1}
    assert "1.111111111E+389" in Arithmetic().mark("1" * 390 + ".5", "42").remark


SCHEMA = {
    "schema": {
        "type": "object",
        "required": ["a"],
        "properties": {"a": {"type": "array", "items": {"type": "integer"}}},
    }
}


@pytest.mark.parametrize(
    ("text", "score", "remark"),
    [
        ('{"a": [1, 2]}', 1, "it is as the schema has it"),
        ('Here it is:\n```json\n{"a": []}\n```\nEnjoy.', 1, "it is as the schema has it"),
        ('{"a": [1, "x"]}', 0, 'at .a[1]: "x" is not of type "integer"'),
        ("{}", 0, 'at the top: "a" is a required property'),
        ('{"a": [1,]}', 0, "it is no JSON: line 1, column 10: "),
        ('{"a": [],\n "a": []}', 0, "it is no JSON: an object names 'a' twice"),
        ('{"a": [NaN]}', 0, "it is no JSON: NaN is no number of JSON"),
        ("", 0, "it is no JSON: line 1, column 1: "),
        ("[" * 100_000, 0, "it is no JSON: it is nested too deep"),
        ("1" * 5000, 0, "it is no JSON: Exceeds the limit"),
    ],
)
def test_json_is_held_against_its_schema(text: str, score: float, remark: str) -> None:
    mark = JsonSchema().mark(text, SCHEMA)
    assert mark.score == score
    assert mark.remark.startswith(remark)


CODE = "```python\ndef add(a, b):\n    return a + b\n```\nand then\n```py\nimport math\n```"
TESTS = {"tests": ["assert add(1, 2) == 3", "assert add(-1, 1) == 0", "assert math.pi > 3"]}


@pytest.fixture(scope="module")
def unit_tests() -> UnitTests:
    return UnitTests(Sandbox(PROGRAM, "run", limits=Limits(seconds=2, cpu_seconds=1)))


@pytest.mark.parametrize(
    ("text", "score", "remark"),
    [
        (CODE, 1, "3 of 3 tests pass"),
        (
            CODE.replace("a + b", "a - b"),
            1 / 3,
            "1 of 3 tests pass; the first that fails: assert add(1, 2) == 3 (Asser",
        ),
        (
            "def add(a, b): return a + b",
            2 / 3,
            "2 of 3 tests pass; the first that fails: assert math.pi > 3 (NameError",
        ),
        ("```\ndef add(a, b): return a + b\nimport math\n```\n```sh\nls\n```", 1, "3 of 3 tests pass"),
        ("I cannot do this.", 0, "its code does not run: SyntaxError"),
        ("```sh\nls\n```", 0, "it holds no code"),
        ("import os\nos._exit(0)", 0, "its code does not run: it ended without an answer (status 0)"),
        ("def add(a, b): exit_now", 0, "0 of 3 tests pass"),
        (
            "def add(a, b):\n    while True: pass",
            0,
            "0 of 3 tests pass; the first that fails: assert add(1, 2) == 3 (stop",
        ),
        ("import os\nos.fork()", 0, "its code does not run: stopped: it began a process"),
        (
            'import os\nfor n in range(3, 30):\n    try: os.write(n, b\'{"value": "passed"}\')\n'
            "    except OSError: pass\nos._exit(0)",
            0,
            "its code does not run: what it answered is no answer",
        ),
        ("print('3 of 3 tests pass')\ndef add(a, b): return 0", 1 / 3, "1 of 3 tests pass"),
    ],
)
def test_code_runs_against_the_tests_of_its_item(unit_tests: UnitTests, text: str, score: float, remark: str) -> None:
    mark = unit_tests.mark(text, TESTS)
    assert mark.score == pytest.approx(score)
    assert mark.remark.startswith(remark), mark.remark


@pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap (bwrap) is not installed")
def test_code_reads_no_file_of_this_machine(unit_tests: UnitTests) -> None:
    code = f"import pathlib\nassert not pathlib.Path({__file__!r}).exists()\ndef add(a, b): return a + b\nimport math"
    assert unit_tests.mark(code, TESTS).score == 1


@pytest.mark.parametrize(
    ("marker", "reference", "problem"),
    [
        (Arithmetic(), None, "has no 'answer'"),
        (Arithmetic(), {"tests": []}, "has no 'answer'"),
        (Arithmetic(), {"answer": "many"}, "states no number ('many')"),
        (Arithmetic(), {"answer": 1, "tolerance": -1}, "the tolerance of the item's reference is a number from 0 on"),
        (JsonSchema(), {"answer": 1}, "has no 'schema'"),
        (JsonSchema(), {"schema": {"type": "objct"}}, "the schema of the item's reference cannot be used"),
        (JsonSchema(), {"schema": {"$ref": "http://127.0.0.1:9/x"}}, "Retrieval is disabled"),
        (JsonSchema(), {"schema": {"$ref": "file:///etc/passwd"}}, "Retrieval is disabled"),
        (UnitTests(), {"tests": []}, "are no pieces of Python"),
        (UnitTests(), {"tests": [3]}, "are no pieces of Python"),
    ],
)
def test_a_reference_that_says_nothing_is_no_verdict(marker: Marker, reference: Any, problem: str) -> None:
    with pytest.raises(UnusableReferenceError) as raised:
        marker.mark("42", reference)
    assert problem in str(raised.value)
    answer = ReadyVerdict(marker, question("comparison")).answer(item(["1", "2"], reference))
    assert answer.judgement == Declined(reason=str(raised.value))


def question(kind: str, **keys: Any) -> Any:
    study = {"name": "s", "title": "S", "questions": [{"kind": kind, "text": "Right?", **keys}]}
    return Study.parse(tomli_w.dumps(study)).question


def item(texts: list[str], reference: Any = "42") -> Item:
    asked = Prompt.ask("6 x 7?")
    return Item(asked, tuple(Completion(prompt=asked.id, text=text) for text in texts), reference)


SCALE = {"low": 1.0, "high": 7.0, "step": 1.0}


@pytest.mark.parametrize(
    ("kind", "keys", "texts", "judgement"),
    [
        ("comparison", {}, ["42", "41"], Comparison(preferred="left", scores=(1.0, 0.0))),
        ("comparison", {}, ["no idea", "It is 42."], Comparison(preferred="right", scores=(0.0, 1.0))),
        ("comparison", {}, ["40", "41"], Comparison(preferred="tie", scores=(0.0, 0.0))),
        (
            "comparison",
            {"ties": False},
            ["40", "41"],
            Declined(reason="some have the same score (0 at best), and the study allows no ties"),
        ),
        ("ranking", {}, ["1", "42", "2", "6 x 7 = 42"], Ranking(tiers=((1, 3), (0, 2)))),
        ("rating", {"scale": SCALE}, ["42"], Rating(value=7.0, scale=SCALE)),
        ("rating", {"scale": SCALE}, ["1"], Rating(value=1.0, scale=SCALE)),
        ("label", {"labels": ["rude", "wrong"]}, ["1"], Label(selected=("wrong",), options=("rude", "wrong"))),
        ("label", {"labels": ["rude", "wrong"]}, ["42"], Label(selected=(), options=("rude", "wrong"))),
        ("label", {"labels": ["right", "wrong"]}, ["42"], Label(selected=("right",), options=("right", "wrong"))),
        ("critique", {}, ["It is 41."], Critique(text="it ends with 41, and the answer is 42")),
    ],
)
def test_the_same_verdict_as_every_kind_that_it_can_be(
    kind: str, keys: dict[str, Any], texts: list[str], judgement: Judgement
) -> None:
    asked = question(kind, **keys)
    shown = item(texts)
    answer = ReadyVerdict(Arithmetic(), asked).answer(shown)
    assert answer.judgement == judgement
    assert asked.restate(judgement, shown.completions).kind == judgement.kind


def test_a_share_of_the_tests_is_a_step_of_the_scale(unit_tests: UnitTests) -> None:
    half = Item(Prompt.ask("Add"), item([CODE.replace("a + b", "a - b")]).completions, TESTS)
    answer = ReadyVerdict(unit_tests, question("rating", scale=SCALE)).answer(half)
    assert answer.judgement == Rating(value=3.0, scale=SCALE)


def test_what_marks_cannot_answer_is_refused() -> None:
    with pytest.raises(StudyError, match="a demonstration needs somebody else"):
        ReadyVerdict(Arithmetic(), question("demonstration"))
    with pytest.raises(StudyError, match="says 'right' or 'wrong'; offer one of them"):
        ReadyVerdict(Arithmetic(), question("label", labels=["rude"]))
