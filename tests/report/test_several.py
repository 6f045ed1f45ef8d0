"""Several runs side by side: what differs, whether results do, and a page that stands alone."""

import json
import re
from pathlib import Path

import pytest
import report_runs
from report_page_reading import Page

from accord.artefacts import Finding, Verdict
from accord.cli.main import run as accord
from accord.errors import RecipeError
from accord.report import render_several, side_by_side
from accord.report.overlaid import MOST, Course, overlaid
from accord.run import RunDirectory
from accord.stats import proportion

HOSTILE = "<script>alert(1)</script> $x$"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[RunDirectory]:
    """The same run twice, and one of another recipe, reward model and finding that trained no policy."""
    folder = tmp_path_factory.mktemp("several")
    first, second = (report_runs.whole(folder / name) for name in ("one", HOSTILE.replace("/", "_")))
    third = report_runs.new(folder / "three")
    report_runs.add_data(third)
    third.write_text("recipe.toml", report_runs.RECIPE.format(kind="dpo", steps=3))
    report_runs.add_judge(third, accuracy=0.6)
    fired = Finding(
        "DC2", "diversity", "A claim.", Verdict.FIRES, "above 0", HOSTILE, proportion(9, 10), remedy="Do.", primary=True
    )
    report_runs.add_audit(third, [fired])
    return [first, second, third]


def test_settings_that_differ_and_no_others(runs: list[RunDirectory]) -> None:
    several = side_by_side(runs, draw=False)
    assert list(several.names) == ["A", "B", "C"]
    assert {line.name: line.cells for line in several.settings} == {
        "policy.kind": ("ppo", "ppo", "dpo"),
        "policy.max_steps": ("12", "12", "3"),
    }
    assert side_by_side(runs[:2], draw=False).settings == ()


def test_results_lie_apart_where_two_of_them_do(runs: list[RunDirectory]) -> None:
    lines = {(line.group, line.name): line for line in side_by_side(runs, draw=False).results}
    accuracy = lines["reward model", "accuracy on held-out pairs"]
    assert accuracy.note == "intervals apart"
    assert accuracy.cells[0] == accuracy.cells[1] == "0.712 [0.699, 0.725], n = 16,578 (130)"
    assert lines["policy", "win rate by the independent judge"].cells[2] == "not in this run"
    assert lines["policy", "win rate by the independent judge"].note == "intervals overlap"
    assert side_by_side(runs[:2], draw=False).results[0].note == "intervals overlap"


def test_challenges_stand_side_by_side(runs: list[RunDirectory]) -> None:
    lines = {line.name: line.cells for line in side_by_side(runs, draw=False).challenges}
    assert lines["DC2"] == ("inconclusive", "inconclusive", "fires")
    assert lines["RG2"] == ("fires", "fires", None)


def test_the_page_stands_alone(runs: list[RunDirectory]) -> None:
    text = render_several(side_by_side(runs))
    page = Page(text)
    assert page.unbalanced == []
    assert len(page.ids) == len(set(page.ids))
    assert not {tag for tag, _ in page.elements} & {"script", "img", "link", "iframe", "form"}
    assert all((each["href"] or "").startswith("#") and (each["href"] or "")[1:] in page.ids for each in page.of("a"))
    assert "They differ in 2 settings." in page.text
    assert "some of them differ by more than chance explains (reward model: accuracy on held-out pairs)" in page.text
    assert len(page.of("caption")) == len(page.of("table")) == 3
    drawn = re.findall(r"<svg.*?</svg>", text, flags=re.DOTALL)
    assert len(drawn) > 8
    assert all("\N{BLACK CIRCLE} A" in each and "\N{BLACK SQUARE} B" in each for each in drawn)
    assert set(re.findall(r"#[0-9a-f]{6}\b", "".join(drawn))) == set()


@pytest.mark.parametrize("number", [0, 1, MOST + 1])
def test_too_few_or_too_many_are_refused(runs: list[RunDirectory], number: int) -> None:
    with pytest.raises(RecipeError, match=f"from two to {MOST} runs"):
        side_by_side([runs[0]] * number, draw=False)


def test_one_point_can_be_drawn_and_one_run_too_many_cannot() -> None:
    drawn = overlaid([Course(0, "A", (1,), (0.5,), (None,), (None,))], key="k", title="T", axis="step", whole=True)
    assert "A: 0.50 at first, 0.50 at last" in drawn
    with pytest.raises(ValueError, match="not more"):
        overlaid([Course(MOST, "M", (1,), (0.5,))], key="k", title="T", axis="step")


def test_the_verb(runs: list[RunDirectory], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [str(run.path) for run in runs]
    assert accord(["compare", *paths, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["runs"]["C"] == "three"
    assert told["settings"][0] == {"name": "policy.kind", "group": None, "note": None, "cells": ["ppo", "ppo", "dpo"]}
    assert accord(["compare", *paths]) == 0
    assert "intervals apart" in " ".join(capsys.readouterr().out.split())
    assert accord(["compare", *paths[:1], str(tmp_path / "none"), paths[1]]) == 2
