"""A ledger made before fields of records were renamed: read under the new names, its ids and bytes as they were."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from accord.feedback import (
    Ledger,
    backup,
    draw_pairs,
    import_feedback,
    pair_agreement,
    summarise_evaluators,
)
from accord.feedback.formats import accord_jsonl, parquet
from accord.records import Judgement, Label

OLD = (Path(__file__).parent / "ledger_of_first_field_names.sql").read_text()
IDS = {
    "prompts": ["p-604add9e29d4a1a8022d"],
    "evaluators": ["e-928a66d7b6400becb9bc", "e-760e0178a00794494c44"],
    "completions": ["c-dd8dfcbb96c9dc48138f", "c-d894efe02d0685728971", "c-cd82f4333565385892dc"],
    "feedback": [
        "f-f9f0a689ecffed770ad4",
        "f-a6c4368a19ffbdb670d5",
        "f-43245686d38eea80e456",
        "f-2a93e1bf1f6dfe63ed1f",
        "f-6ec2feba6e9ee9b78ed5",
        "f-72e914cd01da2242fc03",
        "f-7106675a48bc4d422da9",
        "f-405ba31cde398139f47e",
        "f-c467679d412a8d83dbe6",
        "f-dfb38ff62258bc095d1b",
        "f-59fcb3cd5be2b01e6bcd",
        "f-6b471d6e255763b7e75e",
        "f-533dbaeaec2bbb0395d7",
    ],
}


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "old.db"
    with closing(sqlite3.connect(path)) as raw:
        raw.executescript(OLD)
    return path


def test_the_ids_are_those_it_was_written_with(old: Path) -> None:
    with Ledger(old, write=False) as ledger:
        records = list(ledger.records())
        kinds = [each.judgement.kind for each in ledger.feedback()]
    assert [each.id for each in records] == [name for names in IDS.values() for name in names]
    assert [each.name_of(each.canonical()) for each in records] == [each.id for each in records]
    assert len(set(kinds)) == len(Judgement.__args__[0].__args__)


def test_renamed_fields_hold_what_was_written(old: Path) -> None:
    with Ledger(old, write=False) as ledger:
        anna, inferred = ledger.evaluators().values()
        said = list(ledger.feedback())
    assert (anna.recruitment, anna.payment, anna.training, anna.inferred) == (
        "by letter",
        "14 EUR an hour",
        "two hours",
        False,
    )
    assert inferred.inferred
    assert (said[0].shown_digest, said[0].available_digest, said[0].position_in_session) == ("sh-1", "av-1", 0)
    assert said[4].judgement == Label(selected=("short",), options=("short", "false"))
    assert said[4].gold == Label(selected=(), options=("short", "false"))


def test_no_reader_writes_to_it(old: Path, tmp_path: Path) -> None:
    before = old.read_bytes()
    with Ledger(old, write=False) as ledger:
        assert ledger.counts() == {name: len(ids) for name, ids in IDS.items()}
        assert (ledger.last_row, ledger.rows(), len(ledger.digest())) == (13, 13, 64)
        assert len(list(ledger.records())) == sum(map(len, IDS.values()))
        pairs = draw_pairs(ledger).pairs
        assert {pair.feedback_ids[0] for pair in pairs} == {IDS["feedback"][1], IDS["feedback"][11]}
        assert {pair.session for pair in pairs} == {"s-1"}
        assert pair_agreement(ledger) is None  # one person put texts in an order, and nobody agrees with themselves
        assert [each.evaluator for each in summarise_evaluators(ledger)] == IDS["evaluators"]
        accord_jsonl.write(ledger, tmp_path / "all.jsonl")
        parquet.write(ledger, tmp_path / "all.parquet")
        backup(ledger, tmp_path / "copy.db")
    assert old.read_bytes() == before


def test_its_records_come_back_from_an_export_with_the_new_names(old: Path, tmp_path: Path) -> None:
    path = tmp_path / "all.jsonl"
    with Ledger(old, write=False) as ledger:
        accord_jsonl.write(ledger, path)
        content = dict(_contents(old))
    text = path.read_text()
    for name in ("recruitment", "payment", "training", "inferred", "shown_digest", "available_digest", "options"):
        assert f'"{name}":' in text
    assert not {"derived", "paid", "shown", "offered", "place_in_session"} & set(json.loads(text.splitlines()[1]))
    with Ledger(tmp_path / "new.db") as again:
        import_feedback(path, "accord_jsonl", again)
        assert again.counts() == {name: len(ids) for name, ids in IDS.items()}
    assert dict(_contents(tmp_path / "new.db")) == content


def test_an_export_of_before_is_read(old: Path, tmp_path: Path) -> None:
    lines = [{"record": "evaluator", "id": name, **json.loads(_content(old, name))} for name in IDS["evaluators"]]
    path = tmp_path / "old.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    assert "derived" in path.read_text()
    with Ledger(tmp_path / "new.db") as again:
        import_feedback(path, "accord_jsonl", again)
        assert list(again.evaluators()) == IDS["evaluators"]


def _contents(path: Path) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(path)) as raw:
        return [row for name in IDS for row in raw.execute(f"SELECT id, content FROM {name}")]


def _content(path: Path, name: str) -> str:
    return dict(_contents(path))[name]
