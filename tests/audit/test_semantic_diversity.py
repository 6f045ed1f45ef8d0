"""DC2 semantic diversity: entropy over meanings among good answers, and who says what means the same."""

import re
import shutil
from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from math import exp, log
from pathlib import Path

import numpy as np
import pytest
from audit_checks import evaluation_sample
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from accord.artefacts import EVALUATION_SAMPLES, MEANINGS, AnswerMeaning, Finding, Verdict
from accord.artefacts import RECIPE as RECIPE_FILE
from accord.audit import CHECKS, AuditSettings, Evidence
from accord.audit.distribution.meanings import meanings_asked, meanings_read
from accord.audit.distribution.semantic_entropy import expected_entropy
from accord.audit.distribution.thresholds import DistributionThresholds
from accord.errors import ExtensionError
from accord.lm.entailment import load_entailment
from accord.loop.meanings import sort_answers
from accord.loop.named_code import code_named_in
from accord.loop.stage import Context
from accord.recipe import Recipe, dump, load
from accord.records import Prompt
from accord.run import RunDirectory
from entailment_models import entailment_model
from small_run import RECIPE

DOCUMENT = Path(__file__).parents[2] / "docs/audit.md"


def answers(
    start: Sequence[int], policy: Sequence[int], *, prompts: int = 12, **columns: object
) -> list[AnswerMeaning]:
    """To each prompt the same answers of both arms, by what they mean; those that are negative are not good."""
    return [
        AnswerMeaning(
            arm=arm,
            prompt=f"p{i}",
            text=f"{meaning}",
            meaning=abs(meaning),
            by="us",
            score=float(meaning >= 0),
            **columns,
        )
        for i in range(prompts)
        for arm, of_arm in (("start", start), ("policy", policy))
        for meaning in of_arm
    ]


def found(rows: Sequence[AnswerMeaning], tmp_path: Path, **thresholds: object) -> Finding:
    settings = AuditSettings.model_validate({"distribution": DistributionThresholds.model_validate(thresholds)})
    with RunDirectory.create(tmp_path / "run") as run:
        MEANINGS.write(run, rows)
        return CHECKS.get("DC2 semantic diversity").run(Evidence(run), settings)


@pytest.mark.parametrize(
    ("policy", "verdict", "ratio"),
    [
        ([0, 1, 2, 3] * 2, "quiet", 1.0),
        ([0] * 8, "fires", 0.0),
        ([0] * 7 + [1], "fires", -(7 / 8 * log(7 / 8) + 1 / 8 * log(1 / 8)) / log(4)),
        ([0, 1] * 4, "quiet", 0.5),
    ],
)
def test_entropy_is_held_against_the_starts(policy: list[int], verdict: str, ratio: float, tmp_path: Path) -> None:
    finding = found(answers([0, 1, 2, 3] * 2, policy), tmp_path)
    assert finding.verdict is Verdict[verdict.upper()]
    assert finding.estimate is not None
    assert finding.estimate.value == pytest.approx(ratio)
    assert finding.facts["good answers in effect, start"].value == pytest.approx(4)
    assert finding.facts["the start's good meanings that the policy still has"].value == len(set(policy)) / 4


def test_where_one_answer_is_right_there_is_nothing_to_lose(tmp_path: Path) -> None:
    """The start writes many wrong answers beside the right one, and the policy none."""
    start = [0, 0, 0, 0, -1, -2, -3, -4]
    finding = found(answers(start, [0] * 8), tmp_path)
    assert (finding.verdict, finding.estimate and finding.estimate.value) == (Verdict.QUIET, 1.0)
    assert found(answers(start, [0] * 8), tmp_path / "all", good_answer=0.0).verdict is Verdict.FIRES


def test_a_policy_that_is_oftener_good_is_not_wider_for_that(tmp_path: Path) -> None:
    """Four good answers of the start, all different, and eight of the policy's, two of each kind."""
    finding = found(answers([0, 1, 2, 3, -1, -1, -1, -1], [0, 1, 2, 3] * 2), tmp_path)
    assert finding.estimate is not None
    assert finding.estimate.value == pytest.approx(expected_entropy([2, 2, 2, 2], 4) / log(4))
    assert finding.facts["good answers to a prompt that are compared"].value == 4


def test_without_a_judge_every_answer_counts(tmp_path: Path) -> None:
    rows = [row.model_copy(update={"score": None}) for row in answers([0, -1, -2, -3], [0, 0, 0, 0])]
    assert found(rows, tmp_path).verdict is Verdict.FIRES


def test_what_is_too_little_is_said(tmp_path: Path) -> None:
    assert "6 prompts" in found(answers([0, 1, 2, 3], [0] * 4, prompts=5), tmp_path / "a").needs
    assert "there are 0" in found(answers([0, 1, 2], [0] * 8), tmp_path / "b").needs
    one_arm = [row for row in answers([0, 1, 2, 3], [0] * 4) if row.arm == "start"]
    assert found(one_arm, tmp_path / "c").verdict is Verdict.NOT_ASSESSABLE
    assert found([], tmp_path / "d").verdict is Verdict.NOT_ASSESSABLE
    assert found(answers([0, 1, 2, 3], [0] * 4), tmp_path / "e", good_answer=9.0).verdict is Verdict.NOT_ASSESSABLE


# -- samples whose meaning nobody was asked ----------------------------------------------------------------------


def of_samples(start: Sequence[str], policy: Sequence[str], tmp_path: Path, **thresholds: object) -> Finding:
    rows = [
        evaluation_sample(arm, f"p{i}", text=text)
        for i in range(12)
        for arm, texts in (("start", start), ("policy", policy))
        for text in texts
    ]
    settings = AuditSettings.model_validate({"distribution": DistributionThresholds.model_validate(thresholds)})
    with RunDirectory.create(tmp_path / "run") as run:
        EVALUATION_SAMPLES.write(run, rows)
        return CHECKS.get("DC2 semantic diversity").run(Evidence(run), settings)


def test_texts_that_all_differ_are_never_quiet(tmp_path: Path) -> None:
    start = [f"text {i}" for i in range(8)]
    finding = of_samples(start, [f"other {i}" for i in range(8)], tmp_path / "a")
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert "[audit.distribution] meaning" in finding.needs
    assert of_samples(start, ["The same.", "the same"] * 4, tmp_path / "b").verdict is Verdict.FIRES
    assert of_samples(start, start, tmp_path / "c", meaning="mine.py:same").verdict is Verdict.NOT_ASSESSABLE


def test_numbers_are_what_answers_end_with(tmp_path: Path) -> None:
    start = ["It is 12.", "That makes 12", "12", "I get 5.", "5", "So 1,000", "1000", "no idea"]
    rows = list(meanings_read([evaluation_sample("start", "p", text=text) for text in start], "number"))
    assert [row.meaning for row in rows] == [0, 0, 0, 1, 1, 2, 2, 3]
    assert of_samples(start, start, tmp_path, meaning="number").verdict is Verdict.QUIET


@pytest.mark.parametrize("meaning", ["words", "mine.py", "mine.py:", "mine.txt:same", "mine.py:a b"])
def test_who_cannot_be_asked_is_refused(meaning: str) -> None:
    with pytest.raises(ValidationError, match=r"mine\.py:same"):
        DistributionThresholds(meaning=meaning)


# -- the number itself -------------------------------------------------------------------------------------------


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.data())
def test_the_entropy_is_the_mean_over_all_draws(counts: list[int], data: st.DataObject) -> None:
    size = data.draw(st.integers(1, sum(counts)))
    kinds = [kind for kind, count in enumerate(counts) for _ in range(count)]
    entropies = []
    for draw in combinations(kinds, size):
        share_C = np.array(list(Counter(draw).values())) / size
        entropies.append(float(-(share_C * np.log(share_C)).sum()))
    assert expected_entropy(counts, size) == pytest.approx(np.mean(entropies), abs=1e-9)


def test_classes_of_one_size_have_as_many_answers_in_effect_as_there_are() -> None:
    assert exp(expected_entropy([5] * 8, 40)) == pytest.approx(8)
    assert expected_entropy([40, 0], 16) == 0
    assert expected_entropy([1] * 4, 1) == 0
    for size in (0, 5):
        with pytest.raises(ValueError, match="answers drawn"):
            expected_entropy([1, 3], size)


# -- a function of one's own -------------------------------------------------------------------------------------


def test_each_is_asked_about_against_the_first_of_every_class() -> None:
    """Equal texts once, texts of other prompts never, and all that can be asked together at once."""
    asked: list[list[tuple[str, str, str]]] = []

    def same(prompts: Sequence[Prompt], first: Sequence[str], second: Sequence[str]) -> list[bool]:
        asked.append([(p.text, a, b) for p, a, b in zip(prompts, first, second, strict=True)])
        return [a[0] == b[0] for a, b in zip(first, second, strict=True)]

    prompts = {name: Prompt.ask(name) for name in ("x", "y")}
    texts = {"x": ["a1", "a2", "a1", "b1", "b2"], "y": ["a1", "c1"]}
    samples = [evaluation_sample("start", name, text=text) for name, of in texts.items() for text in of]
    rows = list(meanings_asked(samples, [prompts[sample.prompt] for sample in samples], same, "us"))
    assert [row.meaning for row in rows] == [0, 0, 0, 1, 1, 0, 1]
    assert asked == [
        [("x", "a1", "a2"), ("y", "a1", "c1")],
        [("x", "a1", "b1")],
        [("x", "a1", "b2"), ("x", "b1", "b2")],
    ]


def with_function(file: Path, code: str, name: str = "same") -> Recipe:
    file.write_text(code)
    values = DistributionThresholds(meaning=f"{file}:{name}")
    return RECIPE.model_copy(update={"audit": RECIPE.audit.model_copy(update={values.family: values})})


def test_a_function_is_asked_once_and_again_where_it_changed(run: RunDirectory, tmp_path: Path) -> None:
    block = re.search(r"```py\n(\"\"\"Two answers mean the same.*?)```", DOCUMENT.read_text(), re.S)
    assert block is not None
    sort_answers(Context(RECIPE, run))
    assert not MEANINGS.has(run)
    sort_answers(Context(with_function(tmp_path / "same.py", block[1]), run))
    rows = Evidence(run).answer_meanings
    assert len(rows) == len([row for row in Evidence(run).evaluation_samples if row.arm in {"start", "policy"}])
    assert {row.meaning for row in rows} == {0}, "letters name no place"
    assert {row.by for row in rows} == {"same.py:same"}
    digest = run.manifest.files["meanings.jsonl"]
    sort_answers(Context(with_function(tmp_path / "same.py", block[1]), run))
    assert run.manifest.files["meanings.jsonl"] is digest
    first_letters = "def same(prompts, first, second):\n    return [a[:1] == b[:1] for a, b in zip(first, second)]"
    sort_answers(Context(with_function(tmp_path / "same.py", first_letters), run))
    rows = Evidence(run).answer_meanings
    for one, other in combinations(rows[:30], 2):
        if one.prompt == other.prompt:
            assert (one.meaning == other.meaning) is (one.text[:1] == other.text[:1])
    assert CHECKS.get("DC2 semantic diversity").run(Evidence(run), AuditSettings()).result


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("def same(p, a, b):\n    return [1.0] * len(a)", "True or False"),
        ("def same(p, a, b):\n    return [True]", "True or False"),
        ("def same(p, a, b):\n    raise KeyError('x')", "same.py:2: KeyError"),
        ("def same(p, a, b):\n    return None", "TypeError"),
        ("def sane(p, a, b):\n    return []", "did you mean 'sane'"),
        ("same = 3", "no function 'same'"),
        ("def", "same.py:1"),
    ],
)
def test_what_is_no_such_function_is_blamed_on_its_file(
    code: str, said: str, run: RunDirectory, tmp_path: Path
) -> None:
    with pytest.raises(ExtensionError, match=re.escape(said)):
        sort_answers(Context(with_function(tmp_path / "same.py", code), run))
    assert not MEANINGS.has(run)


def with_model(folder: Path) -> Recipe:
    values = DistributionThresholds(meaning="entailment", entailment_model=str(folder))
    return RECIPE.model_copy(update={"audit": RECIPE.audit.model_copy(update={values.family: values})})


def test_a_model_of_entailment_is_asked_once_and_again_where_it_changed(run: RunDirectory, tmp_path: Path) -> None:
    folder = entailment_model(tmp_path / "nli")
    recipe = with_model(folder)
    finding = CHECKS.get("DC2 semantic diversity").run(Evidence(run), recipe.audit)
    assert "what `nli` says" in finding.result
    sort_answers(Context(recipe, run))
    rows = Evidence(run).answer_meanings
    assert {row.by for row in rows} == {"entailment, nli"}
    model = load_entailment(str(folder))
    prompts = Evidence(run).prompts
    first_of: dict[tuple[str, int], str] = {}
    for row in rows:  # each is the same as the first of its class
        first = first_of.setdefault((row.prompt, row.meaning), row.text)
        assert first == row.text or model.same([prompts[row.prompt]], [first], [row.text]) == [True]
    written = run.manifest.files["meanings.jsonl"]
    sort_answers(Context(recipe, run))
    assert run.manifest.files["meanings.jsonl"] is written
    (folder / "note.txt").write_text("another")
    sort_answers(Context(recipe, run))
    assert run.manifest.files["meanings.jsonl"] is not written
    written = run.manifest.files["meanings.jsonl"]
    shutil.rmtree(folder)  # as when a run was moved: what was said stays
    sort_answers(Context(recipe, run))
    assert run.manifest.files["meanings.jsonl"] is written


@pytest.mark.parametrize("values", [{"meaning": "entailment"}, {"entailment_model": "nli"}])
def test_entailment_and_its_model_go_together(values: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="go together"):
        DistributionThresholds(**values)  # type: ignore[arg-type]


def test_a_run_that_names_a_function_is_not_trusted_by_itself(run: RunDirectory, tmp_path: Path) -> None:
    RECIPE_FILE.write(run, dump(with_function(tmp_path / "same.py", "")))
    assert code_named_in(run) == [f"audit.distribution.meaning = '{tmp_path}/same.py:same'"]


def test_the_file_is_meant_from_the_recipes_folder(tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text('[audit.distribution]\nmeaning = "mine/same.py:same"\n')
    recipe = load(tmp_path / "recipe.toml")
    assert recipe.audit.of(DistributionThresholds).function == (str(tmp_path / "mine/same.py"), "same")
    (tmp_path / "again.toml").write_text(dump(recipe))
    assert load(tmp_path / "again.toml") == recipe
