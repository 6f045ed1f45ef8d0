"""A format of the user's own, read and written from the command line: a file of its own, and no other file touched."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from accord.cli import run
from accord.feedback import Ledger
from accord.records import Feedback, Rating, Scale

TABLE = (
    "question\tleft\tright\tevaluator\tpreferred\n"
    "How does one boil an egg?\tIn water.\tNine minutes in boiling water.\tcook-7\tright\n"
    "Who says hello?\tEverybody.\tNobody.\tcook-8\ttie\n"
)


@pytest.fixture
def extension(example: Callable[[str], Path]) -> str:
    return f"--extension={example('format')}"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "kitchen.votes.tsv"
    path.write_text(TABLE)
    return path


def test_a_table_goes_in_and_out(
    extension: str, table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger, again = tmp_path / "ledger.db", tmp_path / "again.votes.tsv"
    assert run(["import", str(table), "--ledger", str(ledger), "--json", extension]) == 0
    counts = {"prompts": 2, "evaluators": 2, "completions": 4, "feedback": 2}
    printed = json.loads(capsys.readouterr().out)
    assert (printed["read"], printed["new"], printed["known"]) == (counts, counts, {})
    assert run(["export", str(ledger), "--to", str(again), extension]) == 0
    assert again.read_text().splitlines() == TABLE.splitlines()
    assert run(["import", str(again), "--ledger", str(tmp_path / "copy.db"), extension]) == 0
    with Ledger(ledger, write=False) as one, Ledger(tmp_path / "copy.db", write=False) as two:
        assert one.digest() == two.digest()


def test_what_the_format_cannot_hold_is_counted(
    extension: str, table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "ledger.db"
    assert run(["import", str(table), "--ledger", str(path), extension]) == 0
    with Ledger(path) as ledger:
        said = next(ledger.feedback())
        rating = Rating(value=2.0, scale=Scale(low=1.0, high=5.0))
        rated = Feedback(
            evaluator=said.evaluator, prompt=said.prompt, completions=said.completions[:1], judgement=rating
        )
        ledger.add(rated)
    capsys.readouterr()
    assert run(["export", str(path), "--to", str(tmp_path / "all.votes.tsv"), extension]) == 0
    assert "left out, since votes cannot hold it: 1 x rating" in capsys.readouterr().out


def test_without_the_extension_the_file_is_not_recognised(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["import", str(table), "--ledger", str(tmp_path / "ledger.db")]) == 2
    assert "no format recognises it" in capsys.readouterr().err
    assert not (tmp_path / "ledger.db").exists()
