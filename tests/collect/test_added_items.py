"""Items added while a study runs: all of a file or nothing, errors by line, and they stay."""

import json
from pathlib import Path

import pytest
from small_desks import answer, join, lay, lines, opened, pairs

from accord.cli.main import run
from accord.collect import Done, Task
from accord.errors import StorageError, StudyError
from accord.feedback import Ledger


def more(folder: Path, *numbers: int, name: str = "more.jsonl") -> Path:
    items = [{"prompt": f"New {i}", "completions": [f"good {i}", f"bad {i}"]} for i in numbers]
    return folder / lines(folder / name, items)


def test_what_is_added_is_asked_and_stays(tmp_path: Path) -> None:
    study = lay(tmp_path, pairs(2))
    with Ledger(tmp_path / "l.db") as ledger:
        desk = opened(study, ledger)
        person = join(desk)
        asked = {answer(desk, person).prompt.text for _ in range(2)}
        assert isinstance(desk.next(person), Done)
        with Ledger(tmp_path / "l.db") as other:  # as another process would
            beside = opened(study, other)
            added = beside.add_items(more(tmp_path, 1, 2))
        assert (added.new, added.known, added.again) == (2, 0, 0)
        asked |= {answer(desk, person).prompt.text for _ in range(2)}
        assert asked == {"Question 0", "Question 1", "New 1", "New 2"}
        totals = desk.load_items()
        assert (totals.items, totals.new, totals.withdrawn) == (2, 0, 0)
        items = {item.item: (item.closed, item.answered) for item in desk.progress().items}
        assert sorted(items.values()) == [("full", 1)] * 4
        again = desk.add_items(more(tmp_path, 2, 3))
        assert (again.new, again.known) == (1, 1)
        assert [note.message for note in desk.progress().notes if note.kind == "items added"] == [
            "1 new of 2 in more.jsonl",
            "2 new of 2 in more.jsonl",
        ]
        lay(tmp_path, pairs(3)[2:])  # the files hold other items by now
        with pytest.raises(StudyError, match="none of the 2 items"):
            desk.load_items()


def test_what_was_withdrawn_is_asked_again(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l.db") as ledger:
        desk = opened(lay(tmp_path, pairs(3)), ledger)
        lay(tmp_path, pairs(2))
        assert desk.load_items().withdrawn == 1
        lines(tmp_path / "back.jsonl", pairs(3)[2:])
        added = desk.add_items(tmp_path / "back.jsonl")
        assert (added.new, added.known, added.again) == (0, 1, 1)
        assert desk.load_items().withdrawn == 0
        assert sum(item.closed == "" for item in desk.progress().items) == 3


def test_every_line_that_is_wrong_is_told_and_nothing_enters(tmp_path: Path) -> None:
    path = tmp_path / "more.jsonl"
    good = json.dumps({"prompt": "New", "completions": ["a", "b"]})
    wrong = [
        "{",
        json.dumps({"prompt": "One", "completions": ["a"]}),
        good,
        json.dumps({"prompt": "Same", "completions": ["a", "a"]}),
        json.dumps({"prompt": "Key", "completions": ["a", "b"], "weight": 1}),
        json.dumps({"prompt": {"id": "p-none"}, "completions": ["a", "b"]}),
        json.dumps(
            {"prompt": "S", "completions": ["a", "b"], "suggestion": {"kind": "comparison", "preferred": "left"}}
        ),
        json.dumps({"prompt": "Bare"}),
        json.dumps({"prompt": "\ud800", "completions": ["a", "b"]}),
    ]
    path.write_text("\n".join(wrong) + "\n")
    with Ledger(tmp_path / "l.db") as ledger:
        desk = opened(lay(tmp_path), ledger)
        before = desk.progress().items
        with pytest.raises(StudyError) as refused:
            desk.add_items(path)
        told = str(refused.value).splitlines()
        assert told[0].startswith("more.jsonl: nothing was added, as 8 lines cannot be taken")
        assert [line.split()[0].rstrip(":") for line in told[1:]] == [
            f"more.jsonl:{n}" for n in (1, 2, 4, 5, 6, 7, 8, 9)
        ]
        assert desk.progress().items == before
        assert sum(1 for _ in ledger.prompts()) == 6
        path.write_text("\n" * 3)
        with pytest.raises(StudyError, match="holds no item"):
            desk.add_items(path)
        path.write_text("{\n" * 30)
        with pytest.raises(StudyError, match="and 10 more"):
            desk.add_items(path)
        with pytest.raises(StorageError):
            desk.add_items(tmp_path / "none.jsonl")


def test_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lay(tmp_path)
    arguments = ["collect", str(tmp_path / "study.toml"), "--ledger", str(tmp_path / "l.db")]
    assert run([*arguments, "--add", str(more(tmp_path, 1))]) == 2, "there is no ledger"
    with Ledger(tmp_path / "l.db") as ledger:
        opened(lay(tmp_path), ledger)
    assert run([*arguments, "--add", str(more(tmp_path, 1, 2))]) == 0
    assert "2 items added to small" in capsys.readouterr().out
    (tmp_path / "bad.jsonl").write_text("{}\n{}\n")
    assert run([*arguments, "--add", str(tmp_path / "bad.jsonl")]) == 2
    assert "bad.jsonl:2" in capsys.readouterr().err
    assert run([*arguments, "--names"]) == 2
    assert "--admin NAME" in capsys.readouterr().err
    with Ledger(tmp_path / "l.db") as ledger:
        desk = opened(lay(tmp_path), ledger)
        assert len(desk.progress().items) == 8
        assert isinstance(desk.next(join(desk)), Task)
