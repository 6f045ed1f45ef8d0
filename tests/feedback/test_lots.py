"""A long import: nothing of a source with a fault, short transactions, others in between; again where it was cut."""

import json
import threading
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from said import completion, person, prompt, rating, sheet

from accord.errors import LedgerError
from accord.feedback import Ledger, import_feedback
from accord.feedback.store.ledger_writer import LedgerWriter
from accord.feedback.store.lots import import_records
from accord.records import Record


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything a hundredth as large."""
    for name, value in {"AT_ONCE": 60, "TURN": 0.0, "SLICE": 15, "ROWS": 40}.items():
        monkeypatch.setattr(f"accord.feedback.store.lots.{name}", value)


def sheets(first: int, last: int) -> list[Record]:
    return [record for number in range(first, last) for record in sheet(number)]


@pytest.fixture(params=[3, 9], ids=["short", "long"])
def some(request: pytest.FixtureRequest) -> list[Record]:
    """Few enough for a transaction, or not."""
    return sheets(0, request.param)


def test_it_brings_in_what_one_transaction_would(where: Path | str, tmp_path: Path, some: list[Record]) -> None:
    with Ledger(where) as ledger, Ledger(tmp_path / "whole.db") as whole:
        ledger.extend(sheet(1))
        whole.extend(sheet(1))
        counts, expected = import_records(ledger, reversed([*some, *sheet(1)])), whole.extend([*some, *sheet(1)])
        assert counts == expected
        assert {each.id for each in ledger.feedback()} == {each.id for each in whole.feedback()}
        assert ledger.counts() == whole.counts()
        assert import_records(ledger, some).new == dict.fromkeys(counts.new, 0)


def test_it_may_refer_to_what_is_there(where: Path | str) -> None:
    by, about = person("a"), completion(prompt(), "x")
    first = rating(by, about, 1.0)
    with Ledger(where) as ledger:
        ledger.extend([prompt(), by, about, first])
        said = [rating(by, about, 2.0, session=str(number), repeat_of=first.id) for number in range(70)]
        assert import_records(ledger, [*said, rating(by, about, 3.0, replaces=first.id)]).new["feedback"] == 71
        assert ledger.counts() == {"prompts": 1, "evaluators": 1, "completions": 1, "feedback": 72}
        again = [rating(by, about, 4.0, session=str(number)) for number in range(70)]
        with pytest.raises(LedgerError, match=f"both replace {first.id}"):
            import_records(ledger, [*again, rating(by, about, 4.0, replaces=first.id)])
        assert ledger.rows() == 72


def test_of_a_source_with_a_fault_nothing_enters(where: Path | str, some: list[Record]) -> None:
    stray = rating(person("sheet-0/0"), completion(prompt("Question 0"), "nowhere"), 1.0)

    def broken() -> Iterator[Record]:
        yield from some
        raise ValueError("line 99")

    with Ledger(where) as ledger:
        with pytest.raises(LedgerError, match=f"{stray.id} names the completion"):
            import_records(ledger, [*some, stray])
        with pytest.raises(ValueError, match="line 99"):
            import_records(ledger, broken())
        assert sum(ledger.counts().values()) == 0


def test_cut_short_it_is_whole_and_goes_on(where: Path | str, monkeypatch: pytest.MonkeyPatch) -> None:
    some, copy, calls = sheets(0, 9), LedgerWriter.copy, []

    def cut(writer: LedgerWriter, table: str, rows: Any) -> int:
        calls.append(table)
        if calls.count("feedback") == 3:
            raise KeyboardInterrupt
        return copy(writer, table, rows)

    with Ledger(where) as ledger:
        with monkeypatch.context() as patch:
            patch.setattr(LedgerWriter, "copy", cut)
            with pytest.raises(KeyboardInterrupt):
                import_records(ledger, some)
        assert ledger.rows() == 30
        assert len(list(ledger.records())) == sum(ledger.counts().values())
        assert import_records(ledger, some).new == {"prompts": 0, "evaluators": 0, "completions": 0, "feedback": 78}


def test_others_write_in_between(tmp_path: Path) -> None:
    """Somebody who answers all the time finds a gap after every transaction."""
    path, over = tmp_path / "people.db", threading.Event()
    Ledger(path).close()

    def answers() -> None:
        with Ledger(path, pooled=True) as ledger:
            for number in range(1000, 100_000):
                ledger.extend(sheet(number, raters=1, items=1))
                if over.is_set():
                    return

    answering = threading.Thread(target=answers)
    answering.start()
    try:
        with Ledger(path) as ledger:
            import_records(ledger, sheets(0, 9))
    finally:
        over.set()
        answering.join()
    with Ledger(path, write=False) as ledger:
        ours = [len(str(each.session)) == len("sheet-0") for each in ledger.feedback()]
        runs = [len(list(run)) for imported, run in groupby(ours) if imported]
    assert sum(runs) == 108
    assert max(runs) <= 2 * 15


def test_two_copies_of_a_file_are_told_of(where: Path | str, tmp_path: Path) -> None:
    """Another file name is no other source; under another name its prompts have other ids, and their text is known."""
    lines = [{"prompt": f"Question {n}", "chosen": f"good {n}", "rejected": f"bad {n}"} for n in range(5)]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).write_text(text)
    (tmp_path / "c.jsonl").write_text(text.replace("Question 0", "Another question"))
    with Ledger(where) as ledger:
        assert import_feedback(tmp_path / "a.jsonl", None, ledger).known == {}
        assert import_feedback(tmp_path / "a.jsonl", None, ledger).known == {}
        assert sum(import_feedback(tmp_path / "b.jsonl", None, ledger).new.values()) == 0
        copy = import_feedback(tmp_path / "b.jsonl", None, ledger, name="b")
        assert copy.known == {"trl_preference": 5}
        assert "5 of 5 new prompts are known already under trl_preference" in str(copy)
        assert import_feedback(tmp_path / "c.jsonl", None, ledger, name="c").known == {"trl_preference": 4}
