"""The table for terminal and programs, and two runs side by side."""

import json
from io import StringIO
from pathlib import Path

import pytest
import report_runs
from rich.console import Console, RenderableType

from accord.report import compare, render_comparison, render_table, summary, to_json
from accord.report.words import clean, duration, interval, observations, signed
from accord.run import InputEntry
from accord.stats import Estimate


def printed(what: RenderableType, width: int = 100) -> str:
    console = Console(file=StringIO(), width=width, color_system=None)
    console.print(what)
    file = console.file
    assert isinstance(file, StringIO)
    return file.getvalue()


def test_the_table_shows_value_interval_and_n(tmp_path: Path) -> None:
    rows = summary(report_runs.whole(tmp_path / "run"))
    text = printed(render_table(rows, title="runs/[bold]x"))
    assert "0.712 [0.699, 0.725]" in text
    assert "16,578 (130)" in text
    assert "runs/[bold]x" in text
    assert "1 of 5 checks fired (RG2 turnover)" in text
    assert max(map(len, printed(render_table(rows), 80).splitlines())) <= 80


def test_as_json_it_holds_the_estimates_as_they_stand_in_the_files(tmp_path: Path) -> None:
    run = report_runs.whole(tmp_path / "run")
    rows = {row["key"]: row for row in json.loads(json.dumps(to_json(summary(run))))}
    content = run.read_json("evaluation/evaluation.json")
    assert rows["evaluation.win_rate"]["value"] == content["win_rate"]
    assert rows["evaluation.start.length"]["value"] == content["start"]["length"]
    assert rows["evaluation.win_rate"]["n"] == 512
    assert rows["seconds"]["value"]["policy"] == 512.0
    assert rows["audit"]["value"]["RG2 turnover"] == "FIRES"


def test_what_a_run_lacks_is_one_row_that_says_so(tmp_path: Path) -> None:
    run = report_runs.new(tmp_path / "run")
    report_runs.add_judge(run)
    rows = {row.key: row for row in summary(run)}
    assert rows["eval_reward"].text == "not in this run"
    assert rows["evaluation"].text == "not in this run"
    assert rows["evaluation"].estimate is None
    assert to_json([rows["evaluation"]])[0]["value"] is None
    assert rows["audit"].text == "not audited"
    assert rows["agreement"].estimate is not None


def test_the_report_stage_is_not_part_of_the_time(tmp_path: Path) -> None:
    run = report_runs.new(tmp_path / "run")
    run.finish("data", "s", 60.0)
    run.finish("report", "s", 5.0)
    assert {row.key: row.value for row in summary(run)}["seconds"] == {"data": 60.0}


def test_a_run_compared_with_itself_differs_in_nothing(tmp_path: Path) -> None:
    one, other = (report_runs.whole(tmp_path / name) for name in ("a", "b"))
    found = compare(one, other)
    assert found.settings == found.data == found.machine == found.verdicts == ()
    assert {each.words for each in found.results if each.a.estimate} == {"the same"}
    assert "Settings: no difference." in printed(render_comparison(found))


def test_compare_names_what_differs(tmp_path: Path) -> None:
    one, other = (report_runs.whole(tmp_path / name) for name in ("a", "b"))
    other.manifest.versions["torch"] = "3.0.0"
    other.write_text(
        "recipe.toml", report_runs.RECIPE.format(kind="dpo", steps=report_runs.STEPS) + 'extra = "[red]"\n'
    )
    other.write_text("data/examples.jsonl", '{"prompt": "p", "completion": "c"}\n')
    other.record_input("ledger", InputEntry("0f" * 32, path="elsewhere.db", rows=198810, last_row=198811))
    report_runs.add_judge(other, accuracy=0.65)
    report_runs.add_judge(other, "eval_reward", accuracy=0.70)
    report_runs.add_audit(other, report_runs.FINDINGS[:1])
    found = compare(one, other)
    assert [(each.name, each.a, each.b) for each in found.settings] == [
        ("policy.kind", "ppo", "dpo"),
        ("policy.sampling.extra", None, "[red]"),
    ]
    assert [each.name for each in found.data] == ["ledger: last_row", "data/examples.jsonl"]
    assert [(each.name, each.b) for each in found.machine] == [("torch", "3.0.0")]
    assert ("RG2 turnover", "fires", None) in [(each.name, each.a, each.b) for each in found.verdicts]
    words = {each.a.key: each.words for each in found.results}
    assert words["reward.accuracy"] == "intervals apart"
    assert words["eval_reward.accuracy"] == "intervals overlap"
    assert words["evaluation.win_rate"] == "the same"
    text = printed(render_comparison(found), 160)
    assert "[red]" in text
    assert "intervals apart" in text
    content = json.loads(json.dumps(found.to_json()))
    assert content["settings"][0] == {"name": "policy.kind", "a": "ppo", "b": "dpo"}
    assert {each["key"]: each["overlap"] for each in content["results"]}["reward.accuracy"] is False


def test_compare_with_a_run_that_has_less(tmp_path: Path) -> None:
    one, other = report_runs.whole(tmp_path / "a"), report_runs.new(tmp_path / "b")
    report_runs.add_judge(other)
    words = {each.a.key: each for each in compare(one, other).results}
    assert words["evaluation.win_rate"].b.text == "not in this run"
    assert words["evaluation.win_rate"].words == "cannot be compared"
    assert words["evaluation.win_rate"].overlap is None
    assert words["reward.accuracy"].words == "the same"
    assert "evaluation" not in words


@pytest.mark.parametrize(
    ("estimate", "text", "n"),
    [
        (Estimate(0.7123, 0.6981, 0.7249, 12345, 271), "0.712 [0.698, 0.725]", "12,345 (271)"),
        (Estimate(0.5, None, None, 1), "0.500 [no interval]", "1"),
        (Estimate(1234.5, 1200, 1300, 10, level=0.9), "1,234.500 [1,200.000, 1,300.000] (90 %)", "10"),
    ],
)
def test_how_an_estimate_reads(estimate: Estimate, text: str, n: str) -> None:
    assert interval(estimate) == text
    assert observations(estimate) == n


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.42, "0.4 s"), (43.2, "43 s"), (59.6, "1 min 0 s"), (724, "12 min 4 s"), (7500, "2 h 5 min")],
)
def test_how_a_duration_reads(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_how_a_score_reads() -> None:
    assert [signed(x) for x in (1.43, -0.2, -0.001, 0.0)] == ["+1.43", "\N{MINUS SIGN}0.20", "0.00", "0.00"]


def test_what_cannot_be_shown_is_made_visible_and_the_rest_is_kept() -> None:
    assert clean("tab\tline\nAccents é and \N{GRINNING FACE}") == "tab\tline\nAccents é and \N{GRINNING FACE}"
    assert clean("\x1b[2J\ud800") == "\N{REPLACEMENT CHARACTER}[2J\N{REPLACEMENT CHARACTER}"
    clean("\ud83d").encode()
