"""The quality of feedback as table, JSON and page; and how far people could agree by the margins of a run."""

import json
import re
import sys
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import report_runs
from quality_records import HOSTILE, HOSTILE_ATTRIBUTE, TARGET, TARGETS, study
from rich.console import Console

from accord.artefacts import SCORES, RunReader
from accord.artefacts.data import pairs_of
from accord.artefacts.evaluation import ScoreRow
from accord.cli.main import run
from accord.feedback import Ledger
from accord.feedback.quality.measure import Quality, measure_quality
from accord.feedback.quality.poisoning import Poisoning, Suspect
from accord.feedback.quality.unknown import NotAssessed
from accord.records import Comparison, Feedback, Pair, Record
from accord.report.canvas import new_canvas
from accord.report.quality.noise_floor import noise_floor
from accord.report.quality.page import render_page
from accord.report.quality.text import print_quality
from accord.report.quality.values import as_json
from accord.report.quality.words import suspects
from accord.report.svg import own_style, render_svg
from accord.stats import Estimate, mean


@pytest.fixture(scope="module")
def records() -> list[Record]:
    return study()


@pytest.fixture(scope="module")
def quality(records: list[Record]) -> Quality:
    return measure_quality(records, target=TARGET)


@pytest.fixture(scope="module")
def hostile(records: list[Record]) -> Quality:
    """The same with control questions, of each person every third."""
    feedback = [record for record in records if isinstance(record, Feedback)]
    named = [record for record in records if not isinstance(record, Feedback)]
    known = {"gold": Comparison(preferred="left")}
    controls = [record.model_copy(update=known if place % 3 else {}) for place, record in enumerate(feedback)]
    return measure_quality([*named, *controls], target=TARGETS, study=HOSTILE)


def test_the_page_stands_alone_and_is_inert(quality: Quality) -> None:
    page = render_page(quality, "l.db")
    assert page == render_page(quality, "l.db")
    assert "<script" not in page
    assert "\x1b" not in page
    assert "&lt;script&gt;" in page
    assert not re.search(r'(?:src|href)="(?!#)', page)
    assert page.count("<svg") == 4
    assert "12 evaluators: 1 careless, 1 of another view and 10 ordinary" in page
    assert "Never weigh another view down" in page
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_no_name_of_the_data_gets_into_markup(hostile: Quality) -> None:
    """Attribute, group, pool, study, writer, prompt and pseudonym; and each figure is named by ids of its own."""
    page = render_page(hostile, HOSTILE_ATTRIBUTE)
    assert "<script" not in page
    assert "\x1b" not in page
    drawings = re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL)
    assert len(drawings) == 2 + 2 * len(TARGETS)
    assert all(re.fullmatch(r"[\w-]+", name, flags=re.ASCII) for name in re.findall(r' id="([^"]*)"', page))
    ids = [name for svg in drawings for name in re.findall(r' id="([^"]*)"', svg)]
    assert len(ids) == len(set(ids))
    for svg in drawings:
        root = ElementTree.fromstring(svg)
        title, description = (root.findtext(tag) or "" for tag in ("title", "desc"))
        assert title
        assert description
        assert root.get("aria-labelledby", "").split() == [root.find(tag).get("id") for tag in ("title", "desc")]  # type: ignore[union-attr]


def test_a_figure_is_not_called_by_data() -> None:
    with own_style(), pytest.raises(ValueError, match="no name of a figure"):
        render_svg(new_canvas(9, 9, left=1, right=1, top=1, bottom=1)[0], 'a"><b', title="t", description="d")


def test_the_table_draws_no_figures(quality: Quality, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("matplotlib", "matplotlib.figure"):
        monkeypatch.setitem(sys.modules, name, None)
    print_quality(quality, Console(file=StringIO(), width=110))


def test_words_that_are_named_hide_no_person() -> None:
    def suspected(names: list[str]) -> tuple[Suspect, ...]:
        return tuple(Suspect(name, mean([-0.5, -0.4]), 1e-9, ("p", "q")) for name in names)

    words, people = [f"w{place}" for place in range(60)], [f"e{place}" for place in range(3)]
    poisoning = Poisoning(90, mean([0.0, 1.0]), 80, suspected(words), 3, suspected(people))
    rows, more = suspects(poisoning, {"e0": "Ann"})
    assert [row[0] for row in rows[:4]] == ["person Ann", "person e1", "person e2", "word 'w0'"]
    assert (len(rows), more) == (40, 23)


def test_an_empty_ledger_has_a_page_and_a_table() -> None:
    empty = measure_quality([])
    assert "Nobody&#39;s answers stand in this ledger." in render_page(empty, "l.db")
    console = Console(file=StringIO(), width=110, color_system=None)
    print_quality(empty, console)


def test_the_table_has_those_to_look_at_first_in_front(quality: Quality) -> None:
    file = StringIO()
    print_quality(quality, Console(file=file, width=110, color_system=None))
    text = file.getvalue()
    assert "\x1b" not in text
    lines = text.splitlines()
    assert max(map(len, lines)) <= 110
    assert lines[0].startswith("480 answers of 12 evaluators")
    assert text.index("careless") < text.index("turned")
    assert "design effect" in text


def test_as_json_every_number_is_an_estimate_or_says_why_not(quality: Quality) -> None:
    content = json.loads(json.dumps(as_json(quality), allow_nan=False))
    for evaluator in content["evaluators"]:
        for value in evaluator["numbers"].values():
            assert value.keys() in ({"not_assessed"}, {"value", "low", "high", "n", "clusters", "level", "method"})
    assert content["evaluators"][0]["standing"] == "careless"
    assert content["questions"][0]["alpha"]["n"] == 480


def test_the_verb(records: list[Record], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Ledger(tmp_path / "l.db") as ledger:
        ledger.extend(records)
    target = tmp_path / "target.toml"
    target.write_text("[age]\nyoung = 0.5\nold = 0.5\n")
    page = tmp_path / "page.html"
    verb = ["quality", str(tmp_path / "l.db"), "--target", str(target)]
    assert run([*verb, "--json", "--html", str(page)]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["composition"]["attributes"][0]["attribute"] == "age"
    assert page.read_text().startswith("<!doctype html>")
    target.write_text("[agee]\nyoung = 1.0\n")
    assert run(verb) == 2
    assert "age" in capsys.readouterr().err
    assert run(["quality", str(tmp_path / "none.db")]) == 2


def test_the_noise_floor_follows_from_margins(tmp_path: Path) -> None:
    """Margins of log 3 are probabilities of 3/4: two people agree in 10 of 16."""
    opened = report_runs.new(tmp_path / "run")
    assert isinstance(noise_floor(RunReader.of(opened)), NotAssessed)
    report_runs.add_judge(opened)
    names = [(f"c-{place}", f"d-{place}") for place in range(6)]
    rows = [
        ScoreRow(completion=name, prompt="p", score=score)
        for pair in names
        for name, score in zip(pair, (float(np.log(3)), 0.0), strict=True)
    ]
    SCORES.write(opened, rows, stage="reward")
    pairs = [Pair(prompt=f"p-{place}", chosen=c, rejected=d) for place, (c, d) in enumerate(names)]
    pairs_of("held_out").write(opened, pairs)
    floor = noise_floor(RunReader(opened))
    assert isinstance(floor, Estimate)
    assert floor.value == pytest.approx(10 / 16)
