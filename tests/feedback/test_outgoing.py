"""What a ledger holds, joined for a format to write; what the format cannot hold is counted by name."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from said import comparison, completion, person, prompt, rating

from accord.cli import run
from accord.feedback import Ledger, Outgoing, export_feedback, import_feedback, unknown_evaluator
from accord.records import Attachment, Completion, Message, Prompt


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """Two prompts that are judged in turn, one of them with a picture; an answer that was taken back; a rating."""
    by, nobody = person("anna"), unknown_evaluator("elsewhere")
    picture = Message(role="user", content="What?", attachments=(Attachment(kind="image", uri="a.png"),))
    first, second = prompt("First?"), Prompt(messages=(Message(role="system", content="Be brief."), picture))
    answers = [completion(first, "A"), completion(first, "B"), completion(second, "C")]
    last = Completion(prompt=second.id, text="D", writer="model-1")
    ledger = Ledger(tmp_path / "ledger.db")
    ledger.add(first, second, by, nobody, *answers, last)
    taken_back = comparison(by, answers[0], answers[1], "left")
    ledger.add(taken_back)
    ledger.add(comparison(nobody, answers[2], last, "right", seconds=2.0, time=datetime(2026, 5, 4, tzinfo=UTC)))
    ledger.add(comparison(by, answers[0], answers[1], "right", strength=0.5, replaces=taken_back.id))
    ledger.add(rating(by, answers[0], 2.0, "s"))
    ledger.add(comparison(by, answers[2], last, "tie"))
    return ledger


def test_what_stands_is_handed_out_in_order_with_its_losses(ledger: Ledger) -> None:
    outgoing = Outgoing(ledger, carries=frozenset({"comparison"}), keeps=frozenset({"evaluator", "time"}))
    items = list(outgoing.judged())
    assert [item.feedback.judgement.preferred for item in items] == ["right", "right", "tie"]  # type: ignore[union-attr]
    assert [[answer.text for answer in item.completions] for item in items] == [["C", "D"], ["A", "B"], ["C", "D"]]
    assert dict(outgoing.lost) == {
        "taken back": 1,
        "rating": 1,
        "seconds": 1,
        "strength": 1,
        "attachments": 2,
        "system": 2,
        "writer": 2,
    }


def test_prompts_come_in_the_order_of_what_was_first_said(ledger: Ledger) -> None:
    outgoing = Outgoing(ledger, carries=frozenset({"comparison", "rating"}))
    groups = [(asked.text, len(items)) for asked, items in outgoing.by_prompt()]
    assert groups == [("First?", 2), ("What?", 2)]
    assert outgoing.lost["evaluator"] == 3
    assert [asked.text for asked in outgoing.prompts()] == ["First?", "What?"]
    first, _ = outgoing.prompts()
    assert [answer.text for answer in outgoing.completions(first)] == ["A", "B"]


def test_what_is_said_while_it_is_written_waits_for_the_next_export(ledger: Ledger) -> None:
    outgoing = Outgoing(ledger, carries=frozenset({"rating"}))
    by, asked = person("anna"), prompt("First?")
    ledger.add(rating(by, completion(asked, "A"), 3.0, "later"))
    assert len(list(outgoing.judged())) == 1


def test_the_verb_tells_losses_by_name(ledger: Ledger, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    to = tmp_path / "pairs.csv"
    assert run(["export", str(ledger.location), "--to", str(to), "--format", "trl_preference", "--json"]) == 0
    printed: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert (printed["format"], printed["records"]) == ("trl_preference", 2)
    assert {"rating", "taken back", "ties"} <= printed["lost"].keys()
    assert run(["export", str(ledger.location), "--to", str(to), "--format", "trl_preference"]) == 0
    assert "left out, since trl_preference cannot hold it: " in capsys.readouterr().out
    with Ledger(tmp_path / "copy.db") as copy:
        assert import_feedback(to, "trl_preference", copy).new["feedback"] == 2


def test_nothing_of_it_is_lost_in_accords_own_lines(ledger: Ledger, tmp_path: Path) -> None:
    assert export_feedback(ledger, tmp_path / "all.jsonl").lost == {}
