"""The first screen: whose model, what changed, what is wrong, what nobody can say; unknown stays unknown."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
import report_runs

from accord.artefacts import EVALUATION, EVALUATION_SAMPLES, EvaluationSample, Finding, RunReader, Verdict
from accord.audit.challenges import CHALLENGES
from accord.report import disclose
from accord.report.first_screen import anchor, changes, claims, facts
from accord.report.first_screen.plain_needs import plainly
from accord.report.first_screen.topics import TOPICS
from accord.report.words import of_hundred
from accord.run import RunDirectory
from accord.stats import Estimate, proportion

STATEMENTS = """
[systemic.equity]
signed_by = "Ada Writer"
date = 2026-01-31
made_by = "The workshop of the town library"

[systemic.risks]
signed_by = "Ada Writer"
date = 2026-01-31
purpose = "Blurbs for the catalogue; nothing that people decide by"
"""


def told(run: RunDirectory) -> dict[str, str]:
    return {fact.name: fact.value for fact in facts(RunReader(run))}


def finding(challenge: str, verdict: Verdict, *, needs: str = "", primary: bool = True, check: str = "one") -> Finding:
    tested = verdict is not Verdict.NOT_ASSESSABLE
    return Finding(
        challenge, check, f"The claim of {challenge} {check}.", verdict, "above 0", "A result.",
        proportion(1, 2) if tested else None, needs=needs, remedy="Do." if verdict is Verdict.FIRES else "",
        primary=primary,
    )  # fmt: skip


def texts_of(run: RunDirectory, start: Sequence[str], policy: Sequence[str]) -> None:
    """As many prompts as there are texts, a text of each arm to each."""
    rows = [
        EvaluationSample(arm=arm, index=index, prompt=f"p-{index}", text=text)
        for arm, texts in (("start", start), ("policy", policy))
        for index, text in enumerate(texts)
    ]
    EVALUATION_SAMPLES.write(run, rows)


def test_what_is_recorded_is_told_and_what_nobody_said_is_said(tmp_path: Path) -> None:
    run = report_runs.whole(tmp_path / "run")
    said = told(run)
    assert list(said) == ["Model", "Learnt from", "What was asked", "Trained by", "When", "Meant for"]
    assert said["Learnt from"] == (
        "198,810 ratings by an unknown number of people (what was recorded tells 3 places in lists apart, not people)."
    )
    assert said["What was asked"] == report_runs.ABOUT
    assert said["When"] == "1 January 2025; it took 17 min 27 s of computing."
    assert said["Trained by"] == said["Meant for"] == "Nobody has said."
    assert said["Model"] == "A model whose name is not recorded, trained further."


@pytest.mark.parametrize(
    ("base", "name"),
    [("/home/someone.private/models/start", "start"), ("./near", "near"), ("owner/name", "owner/name"), ("", "")],
)
def test_of_a_folder_the_last_part_is_told(tmp_path: Path, base: str, name: str) -> None:
    run = report_runs.whole(tmp_path / "run")
    run.write_text("recipe.toml", f'seed = 0\n[policy]\nbase = "{base}"\n')
    assert told(run)["Model"] == f"{name or 'A model whose name is not recorded'}, trained further."


def test_what_people_stated_and_signed_is_theirs(tmp_path: Path) -> None:
    run = report_runs.whole(tmp_path / "run")
    file = tmp_path / "statements.toml"
    file.write_text(STATEMENTS.replace("date = 2026-01-31\npurpose", "purpose"), encoding="utf-8")
    disclose(run, statements=file)
    of_name = {fact.name: fact for fact in facts(RunReader(run))}
    assert of_name["Trained by"].value == "The workshop of the town library"
    assert of_name["Trained by"].note == f"Stated by Ada Writer on {date(2026, 1, 31)}."
    assert not of_name["Meant for"].known  # without a date it does not count
    file.write_text(STATEMENTS, encoding="utf-8")
    disclose(run, statements=file)
    assert told(run)["Meant for"] == "Blurbs for the catalogue; nothing that people decide by"


def test_a_run_with_nothing_knows_nothing(tmp_path: Path) -> None:
    run = report_runs.new(tmp_path / "run")
    assert {fact.name for fact in facts(RunReader(run)) if fact.known} == {"When"}
    assert changes(RunReader(run)).headline == "Nothing has been trained and tested in this run yet."
    assert claims(RunReader(run)).headline == "Nobody has put what is claimed of this run to the test."
    report_runs.add_data(run)
    report_runs.add_judge(run)
    said = changes(RunReader(run))
    assert said.headline == "No model that writes was trained here, only one that scores texts."
    assert "in 71 of 100 (likely 70 to 72) cases" in said.measured
    assert told(run)["Model"] == "Only one that scores texts. None that writes was trained."


@pytest.mark.parametrize(
    ("start", "policy", "words"),
    [
        (["a" * 50] * 6, ["b" * 28] * 6, "Texts became 44\N{NO-BREAK SPACE}% shorter"),
        (["a" * 50] * 6, ["b" * 60] * 6, "Texts became 20\N{NO-BREAK SPACE}% longer"),
        (["a" * 10] * 6, ["b" * 35] * 6, "Texts became 3.5 times as long"),
        (["a" * 50, "a" * 5] * 4, ["a" * 5, "a" * 50] * 4, "The length of texts did not clearly change"),
        (["a"], ["b" * 50], "The length of texts did not clearly change"),
        (["", ""], ["b", "b"], ""),
    ],
)
def test_length_is_told_as_it_changed(tmp_path: Path, start: list[str], policy: list[str], words: str) -> None:
    run = report_runs.whole(tmp_path / "run")
    texts_of(run, start, policy)
    sentences = [each for each in changes(RunReader(run)).sentences if "ength of texts" in each or "became" in each]
    assert [each.startswith(words) for each in sentences] == ([True] if words else [])


@pytest.mark.parametrize(
    ("win", "own", "words", "fooled"),
    [
        ((0.84, 0.8, 0.88), (0.93, 0.9, 0.95), "are preferred to those from before", True),
        ((0.84, 0.8, 0.88), (0.86, 0.8, 0.9), "are preferred to those from before", False),
        ((0.5, 0.4, 0.6), (0.5, 0.4, 0.6), "cannot be told", False),
        ((0.2, 0.1, 0.3), (0.5, 0.4, 0.6), "are worse", True),
        ((0.9, None, None), (0.9, None, None), "cannot be said", False),
    ],
)
def test_the_headline_follows_the_interval(
    tmp_path: Path, win: tuple[float, ...], own: tuple[float, ...], words: str, fooled: bool
) -> None:
    run = report_runs.whole(tmp_path / "run")
    update = {"win_rate": Estimate(*win, 100), "win_rate_reward": Estimate(*own, 100)}
    EVALUATION.write(run, EVALUATION.read(run).model_copy(update=update))
    said = changes(RunReader(run))
    assert words in said.headline
    assert any("may please that score alone" in each for each in said.sentences) == fooled


def test_a_run_of_others_trained_a_model_that_is_kept_elsewhere(tmp_path: Path) -> None:
    run = report_runs.new(tmp_path / "run")
    report_runs.add_data(run)
    report_runs.add_evaluation(run)
    assert told(run)["Model"] == "One whose name is not recorded; its files are not kept here."


def test_hundredths_are_never_rounded_to_none_or_all() -> None:
    assert of_hundred(Estimate(0.999, 0.996, 1.0, 10)) == "99 of 100 (likely 99 to 100)"
    assert of_hundred(Estimate(0.001, 0.0, 0.004, 10)) == "1 of 100 (likely 0 to 1)"
    assert of_hundred(Estimate(1.0, None, None, 10)) == "100 of 100 (how sure that is cannot be said)"


def test_questions_go_by_what_became_of_them(tmp_path: Path) -> None:
    run = report_runs.new(tmp_path / "run")
    report_runs.add_audit(
        run,
        [
            finding("RG1", Verdict.QUIET),
            finding("RG1", Verdict.FIRES, primary=False, check="two"),
            finding("RG2", Verdict.NOT_ASSESSABLE, needs="attack_results.jsonl of the run (`accord audit --attacks`)"),
            finding("RG2", Verdict.QUIET, primary=False, check="two"),
            finding("DC2", Verdict.QUIET),
            finding("OWN1", Verdict.INCONCLUSIVE, needs="9 texts"),
        ],
    )
    said = claims(RunReader(run))
    assert said.headline == (
        "4 questions were asked about this training: 1 found something wrong, 1 found nothing wrong and 2 could not be "
        "answered."
    )
    assert [(each.challenge, each.question) for each in said.wrong] == [("RG1", TOPICS["RG1"])]
    assert said.wrong[0].words == "This does not hold: “The claim of RG1 two.”"
    assert said.wrong[0].anchor == "finding-rg1-two"
    assert [each.words for each in said.unknown] == [
        "Not tested, for lack of: what attacks on both arms came to, query by query.",
        "Too little was measured to tell; it would take 9 texts.",
    ]
    assert said.unknown[1].question == "The claim of OWN1 one."  # of an extension, which has no question of its own
    assert [each.challenge for each in said.nothing_found] == ["DC2"]


def test_an_audit_without_checks_says_so(tmp_path: Path) -> None:
    run = report_runs.new(tmp_path / "run")
    report_runs.add_audit(run, [])
    assert claims(RunReader(run)).headline == "The audit of this run holds no tests."


def test_every_challenge_has_its_question() -> None:
    assert set(TOPICS) == {challenge.id for challenge in CHALLENGES}
    assert all(question.endswith("?") for question in TOPICS.values())


@pytest.mark.parametrize(
    ("needs", "plain"),
    [
        ("a gain (there is none (yet))", "a gain"),
        ("harm_marks.jsonl of the run", "what lists, judges and prompts make of the samples of both arms"),
        ("their_own.jsonl of the run", "their_own.jsonl of the run"),
        ("(Feedback.gold)", "(Feedback.gold)"),
        ("", ""),
    ],
)
def test_needs_are_told_without_names(needs: str, plain: str) -> None:
    assert plainly(needs) == plain


def test_an_anchor_can_stand_in_an_address() -> None:
    strange = replace(finding("RG1", Verdict.QUIET), check='<b> "x" é & 1')
    assert anchor(strange) == "finding-rg1--b---x------1"
