"""The quality of feedback as table, JSON and page; and how far people could agree by the margins of a run."""

import json
import re
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
import report_runs
from rich.console import Console

from accord.artefacts import SCORES, RunReader
from accord.artefacts.data import pairs_of
from accord.artefacts.evaluation import ScoreRow
from accord.cli.main import run
from accord.feedback import Ledger
from accord.feedback.quality.measure import Quality, measure_quality
from accord.feedback.quality.unknown import NotAssessed
from accord.records import Comparison, Completion, Evaluator, Feedback, Pair, Prompt, Record
from accord.report.quality.noise_floor import noise_floor
from accord.report.quality.page import render_page
from accord.report.quality.text import print_quality
from accord.report.quality.values import as_json
from accord.stats import Estimate

HOSTILE = "<script>alert(1)</script>\x1b[31m"
TARGET = {"age": {"young": 0.5, "old": 0.5}}


def study(people: int = 12, pairs: int = 40) -> list[Record]:
    """Everybody compares every pair: rightly nine times in ten, but for one at random and one the other way round."""
    draw = np.random.default_rng(0)
    names = [HOSTILE, "turned", *(f"person {place}" for place in range(people - 2))]
    who = [
        Evaluator(kind="person", pseudonym=name, pool="here", attributes={"age": "young" if i % 4 else "old"})
        for i, name in enumerate(names)
    ]
    prompts = [Prompt.ask(f"Question {place}?") for place in range(pairs)]
    texts = [[Completion(prompt=one.id, text=f"{one.text} {side}") for side in "ab"] for one in prompts]
    right = {names[0]: 0.5, names[1]: 0.1}
    answers = [
        Feedback(
            evaluator=by.id,
            prompt=prompts[place].id,
            completions=(texts[place][0].id, texts[place][1].id),
            judgement=Comparison(preferred="left" if draw.random() < right.get(by.pseudonym, 0.9) else "right"),
            shown_digest="d",
            seconds=9.0,
        )
        for by in who
        for place in range(pairs)
    ]
    return [*prompts, *(text for both in texts for text in both), *who, *answers]


@pytest.fixture(scope="module")
def records() -> list[Record]:
    return study()


@pytest.fixture(scope="module")
def quality(records: list[Record]) -> Quality:
    return measure_quality(records, target=TARGET)


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
