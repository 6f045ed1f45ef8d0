"""What an audit lacks: a page with amounts, and studies that the desk takes as they are written."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from accord.artefacts import Collection, Finding, Verdict
from accord.audit import CHECKS, Check, Evidence
from accord.audit.plan import write_plan
from accord.audit.plan.studies import STUDIES
from accord.cli import run as run_command
from accord.collect import Desk, Study
from accord.errors import AuditError
from accord.feedback import Ledger
from accord.lab import plant
from accord.lab.planted import audit_ledger_of
from accord.run import RunDirectory
from accord.stats import Estimate


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with plant(tmp_path_factory.mktemp("clean") / "run") as made:
        return made.path


def lacking(study: str, number: int = 0) -> Finding:
    collect = Collection("Feedback.gold", "control questions", "20 of each of 10 people", study)
    return Finding(
        "OV3", f"check {number}", "It holds.", Verdict.NOT_ASSESSABLE, "", "Cannot.", needs="gold", collect=collect
    )


@pytest.fixture
def evidence(path: Path) -> Evidence:
    return Evidence(RunDirectory.open(path, write=False), since=audit_ledger_of(path))


@pytest.mark.parametrize("name", STUDIES)
def test_every_study_is_one_that_the_desk_takes(name: str, evidence: Evidence, tmp_path: Path) -> None:
    """Items are there where the run has them; what must be added by hand is said on the page."""
    plan = write_plan([lacking(name)], evidence, tmp_path / "plan")
    assert plan.studies == (name,)
    page = (tmp_path / "plan/plan.md").read_text()
    assert "(`Feedback.gold`): 20 of each of 10 people." in page
    folder = tmp_path / "plan" / name
    if STUDIES[name].items in {"deployment", "recorded"}:
        assert "items.jsonl: data/deployment_prompts.jsonl" in page or "--writer RUN" in page
        (folder / "items.jsonl").write_text('{"prompt": "p", "completions": ["a", "b"]}\n')
    if STUDIES[name].items == "questions":
        assert "question_answers.jsonl of the run" in page or (folder / "items.jsonl").exists()
        (folder / "items.jsonl").write_text('{"prompt": "Is it so?", "completions": ["agree or disagree"]}\n')
    if "gold.jsonl" in STUDIES[name].by_hand:
        assert "add gold.jsonl" in page
        (folder / "gold.jsonl").write_text(
            '{"prompt": "p", "completions": ["a", "b"], "gold": {"kind": "comparison", "preferred": "left"}}\n'
        )
    with Ledger(tmp_path / "audit.db") as ledger:
        desk = Desk(Study.load(folder / "study.toml"), ledger)
        desk.load_items()
        assert desk.progress().items


def test_a_plan_names_every_study_and_need_once_and_says_what_decides_without_one(
    evidence: Evidence, tmp_path: Path
) -> None:
    bare = replace(lacking(""), check="bare", collect=None)
    quiet = replace(lacking("kinds", 9), verdict=Verdict.QUIET, estimate=Estimate(0.0, -0.1, 0.1, 9), needs="")
    findings = [lacking("controls", 1), lacking("controls", 2), bare, quiet]
    plan = write_plan(findings, evidence, tmp_path / "plan")
    assert (len(plan.lacking), plan.studies) == (3, ("controls",))
    page = (tmp_path / "plan/plan.md").read_text()
    assert page.count("## The study `controls/`: ") == 1
    assert "* **OV3 check 1, OV3 check 2** cannot be assessed without gold.\n  Collect " in page
    assert "## Without a study\n\n* **OV3 bare** cannot be assessed without gold." in page
    assert quiet.check not in page


def test_what_fires_is_in_the_plan_where_collecting_anew_is_its_remedy(evidence: Evidence, tmp_path: Path) -> None:
    estimate = Estimate(0.4, 0.3, 0.5, 200)
    fires = Finding("X8", "prompts", "It is.", Verdict.FIRES, "above 0.1", "It is not.", estimate, remedy="Ask anew.")
    collect = Collection("--since", "comparisons", "200 labels", "recorded")
    plan = write_plan([fires, replace(fires, check="other", collect=collect)], evidence, tmp_path / "plan")
    assert plan.studies == ("recorded",)
    page = (tmp_path / "plan/plan.md").read_text()
    assert "* **X8 other** fires, and more is to be collected.\n  Collect comparisons (`--since`): 200 labels." in page
    items = (tmp_path / "plan/recorded/items.jsonl").read_text().splitlines()
    assert len(items) == 160
    assert all(set(json.loads(item)) == {"prompt"} for item in items)


def test_a_folder_that_is_there_is_not_written_over(evidence: Evidence, tmp_path: Path) -> None:
    with pytest.raises(AuditError, match="is there already; name a new folder"):
        write_plan([lacking("controls")], evidence, tmp_path)


def test_the_command_writes_a_plan(path: Path, tmp_path: Path) -> None:
    run_command(["audit", str(path), "--only", "OV1", "--plan", str(tmp_path / "plan")])
    assert (tmp_path / "plan/plan.md").read_text().startswith("# What the audit lacks")


@pytest.mark.parametrize("check", CHECKS, ids=CHECKS.names)
def test_a_check_asks_for_a_study_that_there_is(check: Check) -> None:
    assert check.collect is None or check.collect.study in {"", *STUDIES}
