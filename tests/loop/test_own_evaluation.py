"""Further judges and metrics of an evaluation: functions, rules, what is learnt; by prompt, side by side."""

import re
from pathlib import Path

import numpy as np
import pytest
from own_evaluation_runs import START, evaluated_run, perform, recipe_with

from accord.artefacts import OWN_EVALUATION, TEXT_NUMBERS, OwnEvaluation, RunReader
from accord.errors import ExtensionError, RecipeError
from accord.loop.drive import drive, start_run
from accord.loop.own_evaluation import by_prompt
from accord.loop.progress import ProgressDisplay
from accord.loop.stages import settings_digest, stages_of
from accord.recipe import Recipe, dump, load, parse
from accord.report.sections import policy as policy_section
from accord.report.table import summary, to_json
from accord.run import RunDirectory
from accord.stats import mean

EXAMPLES = Path(__file__).parents[2] / "examples"
TEXTS = {
    "start": [["a b", "b b b"], ["b", "a"], ["b b a a", "b"], ["b a", "b b"]],
    "policy": [["a a", "a a b b"], ["a", "b a"], ["a b a", "a a a"], ["a", "a a"]],
}
FUNCTIONS = """
def letters(texts):
    return [text.count("a") / len(text) for text in texts]

def other(texts):
    return [-len(text) for text in texts]

def questions(prompts, texts):
    assert all(prompt.startswith("Write text") for prompt in prompts)
    return [text.count("b") for text in texts]

def held(texts, references):
    return [float(text == reference["answer"]) for text, reference in zip(texts, references)]

def broken(texts):
    return [float("nan") for _ in texts]
"""


@pytest.fixture
def functions(tmp_path: Path) -> Path:
    file = tmp_path / "mine.py"
    file.write_text(FUNCTIONS)
    return file


def found(run: RunDirectory, stage: str) -> OwnEvaluation:
    return OWN_EVALUATION.read(run, stage)


def made(path: Path, sections: str, before: str = START) -> tuple[RunDirectory, Recipe]:
    recipe = recipe_with(sections, before)
    run = evaluated_run(path, recipe, TEXTS)
    perform(run, recipe, *(name for name in stages_of(recipe) if name.startswith(("judges/", "metrics/"))))
    return run, recipe


def test_a_function_is_a_judge_and_its_numbers_are_kept(tmp_path: Path, functions: Path) -> None:
    run, _ = made(tmp_path / "run", f'[evaluate.judges.mine]\nfunction = "{functions}:letters"\n')
    with run:
        rows = list(TEXT_NUMBERS.read(run, "judges/mine"))
        assert [row.value for row in rows[:2]] == [1 / 3, 0]
        told = found(run, "judges/mine")
        assert (told.role, told.kind, told.trained_on) == ("judge", "python", None)
        assert told.by == "the function letters of mine.py"
        share = {arm: [[t.count("a") / len(t) for t in some] for some in TEXTS[arm]] for arm in TEXTS}
        gaps = [np.mean(own) - np.mean(start) for own, start in zip(share["policy"], share["start"], strict=True)]
        assert told.difference is not None
        assert told.difference == mean(gaps)
        assert told.difference.n == 4
        wins = [
            np.mean([(p > s) + 0.5 * (p == s) for p in own for s in start])
            for own, start in zip(share["policy"], share["start"], strict=True)
        ]
        assert told.win_rate is not None
        assert told.win_rate.value == pytest.approx(np.mean(wins))
        assert told.accuracy is not None  # of the held-out pairs, which the letters decide
        assert told.accuracy.value == 1


def test_a_difference_is_one_of_prompts() -> None:
    """Prompts differ by far more than arms do: paired, the difference is sure."""
    start = [(str(place), 100.0 * place) for place in range(8)]
    policy = [(prompt, value + 1 + 0.01 * int(prompt)) for prompt, value in start]
    estimate = by_prompt(policy, start)
    assert estimate is not None
    assert estimate.low is not None
    assert 1 < estimate.low < estimate.value < 1.1
    assert by_prompt(policy, [("another", 1.0)]) is None


@pytest.mark.parametrize(
    ("section", "start", "policy"),
    [
        ('kind = "length"', [2, 3], [2, 4]),
        ('kind = "length"\nunit = "characters"', [3, 5], [3, 7]),
        ('kind = "distinct"\nn = 1', [1, 1 / 3], [0.5, 0.5]),
        ('kind = "distinct"\nn = 2', [1, 0.5], [1, 1]),
    ],
)
def test_metrics_by_name(tmp_path: Path, section: str, start: list[float], policy: list[float]) -> None:
    run, _ = made(tmp_path / "run", f"[evaluate.metrics.number]\n{section}\n")
    with run:
        rows = list(TEXT_NUMBERS.read(run, "metrics/number"))
        of = {arm: [row.value for row in rows if row.arm == arm] for arm in ("start", "policy")}
        assert of["start"][:2] == pytest.approx(start)
        assert of["policy"][:2] == pytest.approx(policy)
        assert found(run, "metrics/number").win_rate is None


def test_metrics_beside_references(tmp_path: Path, functions: Path) -> None:
    (tmp_path / "answers.jsonl").write_text('{"answer": "B b, b!"}\n')
    sections = (
        f'[evaluate.metrics.match]\nkind = "exact_match"\nreferences = "{tmp_path}/answers.jsonl"\n'
        f'[evaluate.metrics.own]\nfunction = "{functions}:held"\nreferences = "{tmp_path}/answers.jsonl"\n'
        f'[evaluate.metrics.both]\nfunction = "{functions}:questions"\n'
    )
    run, _ = made(tmp_path / "run", sections)
    with run:
        match = found(run, "metrics/match")
        assert match.start is not None
        assert match.policy is not None
        assert (match.start.value, match.policy.value) == (1 / 8, 0)  # but for case and punctuation
        own = found(run, "metrics/own")
        assert own.start is not None
        assert own.start.value == 0
        both = found(run, "metrics/both")
        assert both.start is not None
        assert both.start.value == np.mean([t.count("b") for some in TEXTS["start"] for t in some])


def test_what_a_function_does_wrong_is_said_with_its_place(tmp_path: Path, functions: Path) -> None:
    with pytest.raises(ExtensionError, match=r"mine\.py.*not finite"):
        made(tmp_path / "run", f'[evaluate.judges.mine]\nfunction = "{functions}:broken"\n')
    with pytest.raises(RecipeError, match="wants references, and none are given"):
        made(tmp_path / "run2", f'[evaluate.metrics.mine]\nfunction = "{functions}:held"\n')


def test_who_taught_the_policy_is_not_independent(tmp_path: Path, functions: Path) -> None:
    before = f'[policy]\nkind = "ppo"\nbase = "tiny"\n[reward]\nkind = "python"\npath = "{functions}:letters"\n'
    (tmp_path / "copy.py").write_text(FUNCTIONS)
    sections = (
        f'[evaluate.judges.same]\nfunction = "{tmp_path}/copy.py:letters"\n'
        f'[evaluate.judges.other]\nfunction = "{functions}:other"\n'
        f'[evaluate.metrics.same]\nfunction = "{functions}:letters"\n'
    )
    run, _ = made(tmp_path / "run", sections, before)
    with run:
        assert found(run, "judges/other").trained_on is None
        for stage in ("judges/same", "metrics/same"):
            assert "[reward]" in (found(run, stage).trained_on or "")
        section = policy_section(RunReader.of(run))
    said = " ".join(section.sentences)
    assert "Here 3 comparisons of the policy with its start stand side by side" in said
    assert "0.15 of 3 would be expected" in said
    assert "What same says is not independent: the policy was trained on it: [reward]" in said
    judges, metrics = section.grids
    assert [row[:3] for row in judges.rows] == [
        ("same", "the function letters of copy.py", "no"),
        ("other", "the function other of mine.py", "yes"),
    ]
    assert metrics.rows[0][0] == "same"
    assert metrics.files == ("metrics/same/comparison.json", "metrics/same/numbers.jsonl")


def test_a_metric_of_what_was_rewarded_is_not_independent(tmp_path: Path) -> None:
    run, _ = made(
        tmp_path / "run", '[evaluate.metrics.words]\nkind = "length"\n[evaluate.metrics.two]\nkind = "distinct"\n'
    )
    with run:
        assert "of the same kind, length" in (found(run, "metrics/words").trained_on or "")
        assert found(run, "metrics/two").trained_on is None


def test_a_policy_that_learns_from_pairs_was_taught_by_no_reward(tmp_path: Path) -> None:
    before = '[policy]\nkind = "dpo"\nbase = "tiny"\n[reward]\nkind = "length"\ntarget = 3\n'
    run, _ = made(tmp_path / "run", '[evaluate.metrics.words]\nkind = "length"\n', before)
    with run:
        assert found(run, "metrics/words").trained_on is None


def test_they_stand_in_the_table_and_in_its_json(tmp_path: Path, functions: Path) -> None:
    sections = f'[evaluate.judges.mine]\nfunction = "{functions}:letters"\n[evaluate.metrics.words]\nkind = "length"\n'
    run, _ = made(tmp_path / "run", sections)
    with run:
        rows = {row["key"]: row for row in to_json(summary(run))}
        told = found(run, "judges/mine")
        assert told.win_rate is not None
        assert rows["judges.mine.win_rate"]["value"] == told.win_rate.to_json()
        assert rows["judges.mine.win_rate"]["file"] == "judges/mine/comparison.json"
        assert rows["metrics.words.difference"]["name"] == "words, policy less start (the policy was trained on it)"


def test_a_recipe_says_it_again_and_changes_no_other_stage(functions: Path) -> None:
    plain = parse(START + "[evaluate]\n")
    recipe = recipe_with(
        f'[evaluate.judges.mine]\nfunction = "{functions}:letters"\n[evaluate.judges.far]\nurl = "http://a/v1"\n'
    )
    assert parse(dump(recipe)) == recipe
    assert [name for name in stages_of(recipe) if name not in stages_of(plain)] == ["judges/mine", "judges/far"]
    assert all(settings_digest(recipe, name) == settings_digest(plain, name) for name in stages_of(plain))
    moved = parse(dump(recipe), {"evaluate.judges.far.url": '"http://b/v1"'})
    asked = parse(dump(recipe), {"evaluate.judges.far.question": '"Which is shorter?"'})
    assert settings_digest(moved, "judges/far") == settings_digest(recipe, "judges/far")
    assert settings_digest(asked, "judges/far") != settings_digest(recipe, "judges/far")


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("[evaluate.judges.x]\nties = true", r"evaluate\.judges\.x\.kind: missing"),
        ('[evaluate.judges.x]\nurl = "here"', r"evaluate\.judges\.x\.url: 'here' is no address"),
        ('[evaluate.judges.x]\nurl = "http://me:secret@a"', "recipes are copied"),
        ('[evaluate.metrics.x]\nkind = "lenght"', "did you mean 'length'"),
        ('[evaluate.metrics.x]\nkind = "bradley_terry"', "unknown metric"),
        ("[evaluate]\njudges = 3", r"evaluate\.judges"),
        ('[evaluate.judges.x]\nfunction = "score"', "does not name a file and a function"),
    ],
)
def test_what_is_no_judge_is_refused_by_its_key(section: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        recipe_with(section)


def test_the_recipe_of_the_documents_is_one() -> None:
    text = (EXAMPLES.parent / "docs" / "evaluate.md").read_text()
    recipe = recipe_with(text.split("```toml\n")[1].split("```")[0])
    assert [name for name in stages_of(recipe) if "/" in name] == [
        "judges/helpful", "judges/published", "judges/larger",
        "metrics/words", "metrics/variety", "metrics/right", "metrics/asks_back",
    ]  # fmt: skip


@pytest.mark.slow
def test_a_judge_is_added_to_a_run_that_is_finished(tmp_path: Path) -> None:
    """Nothing but the judge and the page is made; the page and the comparison of runs have it."""
    example = load(EXAMPLES / "judges.toml", {"data.ledger": f'"{tmp_path / "feedback.db"}"'})
    assert example.evaluate is not None
    few = example.evaluate.model_copy(update={"judges": {}, "metrics": {}, "samples_per_prompt": 2})
    before = example.model_copy(update={"evaluate": few})
    after = example.model_copy(update={"evaluate": example.evaluate.model_copy(update={"samples_per_prompt": 2})})
    names = [name for name in stages_of(before) if name != "audit"]
    with start_run(before, tmp_path / "run", resume=False) as run:
        drive(before, run, ProgressDisplay(quiet=True), only=tuple(names))
        made = {name: entry.sha256 for name, entry in run.manifest.files.items()}
        assert "Further judges" not in (run.path / "report.html").read_text()
    with start_run(after, tmp_path / "run", resume=True) as run:
        drive(after, run, ProgressDisplay(quiet=True), only=tuple(name for name in stages_of(after) if name != "audit"))
        page = re.sub("<[^>]+>", "", (run.path / "report.html").read_text())  # terms lead to the glossary
        assert "Further judges: the policy against its start" in page
        assert "Further metrics, by text" in page
        kept = {name: entry.sha256 for name, entry in run.manifest.files.items()}
        assert {name for name in made if kept[name] != made[name]} == {"recipe.toml", "report.html"}
        keys = {row.key for row in summary(run)}
        assert {"judges.helpful.win_rate", "judges.brief.difference", "metrics.asks_back.difference"} <= keys
