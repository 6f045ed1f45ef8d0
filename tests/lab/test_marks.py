"""Marks are met by the ends of intervals, on the side that they are about; patterns stand for many."""

import json
from pathlib import Path

import pytest

from accord.errors import RecipeError
from accord.lab.mark import Mark, read_marks
from accord.stats import Estimate


@pytest.mark.parametrize(
    ("estimate", "met"),
    [
        (Estimate(0.3, 0.1, 0.4, 9), True),
        (Estimate(0.3, 0.1, 0.5, 9), False),  # the end lies on the mark
        (Estimate(0.4, 0.3, 0.6, 9), False),  # the value is below, the interval reaches beyond
        (Estimate(0.1, None, None, 1), False),
    ],
)
def test_below_is_met_by_the_upper_end(estimate: Estimate, met: bool) -> None:
    assert Mark(name="loss", claim="loss", below=0.5).is_met_by(estimate) is met


@pytest.mark.parametrize(
    ("estimate", "met"),
    [
        (Estimate(0.3, 0.1, 0.4, 9), True),
        (Estimate(0.3, 0.0, 0.4, 9), False),
        (Estimate(0.4, -0.1, 0.6, 9), False),
        (Estimate(0.9, None, None, 1), False),
    ],
)
def test_above_is_met_by_the_lower_end(estimate: Estimate, met: bool) -> None:
    assert Mark(name="gain", claim="gain", above=0.0).is_met_by(estimate) is met


def test_by_value_the_interval_is_only_printed() -> None:
    mark = Mark(name="power", claim="fires", above=0.7999, by="value")
    assert mark.is_met_by(Estimate(0.8, 0.56, 0.94, 20))
    assert not mark.is_met_by(Estimate(0.75, 0.51, 0.91, 20))
    assert mark.line(Estimate(0.8, 0.56, 0.94, 20)) == "met    fires: 0.8 [0.56, 0.94], n=20 (the value above 0.7999)"


def test_the_line_says_that_there_is_no_interval() -> None:
    line = Mark(name="loss", claim="loss", below=0.5).line(Estimate(0.1, None, None, 1, method="one seed"))
    assert line == "MISSED loss: 0.1, n=1 (below 0.5; no interval, so not met: one seed)"


@pytest.mark.parametrize("limits", [{}, {"below": 0.1, "above": 0.2}])
def test_a_mark_has_one_limit(limits: dict[str, float]) -> None:
    with pytest.raises(RecipeError, match="mark 'loss': exactly one of `below` and `above`"):
        Mark(name="loss", claim="loss", **limits)


def test_a_pattern_is_one_mark_for_each_name() -> None:
    estimates = {f"power:{name}": Estimate(1.0, 0.8, 1.0, 20) for name in ("careless:time", "fatigue:drift")}
    mark = Mark(name="power:*", claim="fires: {}", above=0.5)
    matched = list(mark.matched(estimates | {"gain:careless": Estimate(0.0, 0.0, 0.0, 3)}))
    assert [each.claim for each, _ in matched] == ["fires: careless:time", "fires: fatigue:drift"]
    assert list(Mark(name="blind:recall", claim="named", above=0.7).matched(estimates)) == []
    with pytest.raises(RecipeError, match="mark 'loss': nothing of that name was found"):
        list(Mark(name="loss", claim="loss", below=0.5).matched(estimates))


PUBLISHED = sorted((Path(__file__).parents[2] / "docs/reproductions").glob("*.json"))


@pytest.mark.parametrize("file", PUBLISHED, ids=lambda file: file.stem)
def test_what_is_published_stands_beside_the_marks_of_today(file: Path) -> None:
    """Every mark of the file is in the results with its limit, and met or missed as the numbers say."""
    content = json.loads(file.read_text())
    assert content["name"] == file.stem
    assert content["seeds"] >= 20
    assert "<svg" in file.with_suffix(".svg").read_text()
    estimates = {each["name"]: Estimate.from_json(each["estimate"]) for each in content["marks"]}
    wanted = [pair for mark in read_marks(file.stem) for pair in mark.matched(estimates)]
    assert [(mark.name, mark.claim, mark.limit, mark.is_met_by(estimate)) for mark, estimate in wanted] == [
        (each["name"], each["claim"], each["mark"], each["met"]) for each in content["marks"]
    ]
    met = sum(each["met"] for each in content["marks"])
    section = (file.parents[1] / "lab.md").read_text().partition(f"(`{file.stem}`)")[2].partition("\n## ")[0]
    assert f"Of {len(content['marks'])} marks {met} are" in " ".join(section.split())


def test_every_headline_reproduction_is_published() -> None:
    names = ["i-dont-know", "one-reward-many-people", "overoptimisation", "paraphrase", "recollection", "who-may-judge"]
    assert [file.stem for file in PUBLISHED] == names
