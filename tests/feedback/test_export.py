"""A ledger written out while others write to it: what is there is whole, and every column is documented."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from said import comparison, completion, person, prompt, rating, sheet
from tools.postgres_cluster import Cluster
from writing import somebody_writes

from accord.cli import run
from accord.errors import StorageError
from accord.feedback import Ledger, import_feedback
from accord.feedback.formats import accord_jsonl, parquet
from accord.feedback.formats.parquet import columns
from accord.records import Assistance, Critique, Evaluator, Feedback, Telemetry, Usage

DOCS = Path(__file__).parents[2] / "docs/feedback.md"


def test_every_column_is_documented() -> None:
    text = DOCS.read_text()
    assert [name for name in columns().names if f"`{name}`" not in text] == []


def test_a_row_says_who_judged_what_and_how(where: Path | str, tmp_path: Path) -> None:
    asked, by = prompt("Which?"), person("anna")
    other = Evaluator(kind="person", pseudonym="ben", attributes={"age": "40-49"})
    left, right = completion(asked, "left 🙂"), completion(asked, "right")
    first = comparison(by, left, right, "left", strength=0.25)
    noon = datetime(2026, 5, 4, 12, tzinfo=timezone(timedelta(hours=2)))
    second = comparison(
        by, left, right, "tie", replaces=first.id, time=noon, telemetry=Telemetry(pasted=3), seconds=2.5, round=1
    )
    third = rating(other, right, -3.0, "s", gold={"kind": "critique", "text": "x"}, position_in_session=0)
    said = Critique(text="Too short.", start=0, end=5)
    fourth = Feedback(
        evaluator=other.id,
        prompt=asked.id,
        completions=(right.id,),
        judgement=said,
        assistance=Assistance(kind="spans", by=by.id, shown=False),
        usage=Usage(input_tokens=7, output_tokens=2, cost=0.5, currency="EUR"),
        conversation="talk-1",
        occurrence=1,
    )
    with Ledger(where) as ledger:
        ledger.add(asked, by, other, left, right)
        for each in (first, second, third, fourth):
            ledger.add(each)
        assert parquet.write(ledger, tmp_path / "flat.parquet") == 4
        assert parquet.write(ledger, tmp_path / "part.parquet", upto=2) == 2
    table = pq.read_table(tmp_path / "flat.parquet")
    assert table.schema.equals(columns())
    one, two, three, four = table.to_pylist()
    assert (one["row"], one["id"], one["kind"], one["taken_back"]) == (1, first.id, "comparison", True)
    assert (one["preferred"], one["strength"], one["value"], one["seconds"]) == ("left", 0.25, None, None)
    assert (one["prompt_text"], one["completion_texts"]) == ("Which?", ["left 🙂", "right"])
    assert one["prompt_messages"] == '[{"role":"user","content":"Which?"}]'
    assert (two["taken_back"], two["replaces"], two["pasted"], two["keystrokes"]) == (False, first.id, 3, None)
    assert two["time"] == noon.astimezone(UTC)
    assert (three["value"], three["scale_low"], three["scale_high"], three["session"]) == (-3.0, -4.0, 4.0, "s")
    assert three["gold"] == '{"kind":"critique","text":"x"}'
    assert (three["pseudonym"], dict(three["attributes"])) == ("ben", {"age": "40-49"})
    assert (four["assistance"], four["assistance_by"], four["assistance_shown"]) == ("spans", by.id, False)
    assert (four["input_tokens"], four["output_tokens"], four["requests"], four["cost"]) == (7, 2, 1, 0.5)
    assert (four["currency"], four["conversation"], four["occurrence"]) == ("EUR", "talk-1", 1)
    assert (one["score_left"], one["occurrence"], one["cost"]) == (None, None, None)
    assert (four["text"], four["judgement"]) == ("Too short.", said.model_dump_json(exclude_none=True))
    assert pq.read_table(tmp_path / "part.parquet").num_rows == 2


def test_an_empty_ledger_is_an_empty_table(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.db") as ledger:
        assert parquet.write(ledger, tmp_path / "a" / "flat.parquet") == 0
    assert pq.read_table(tmp_path / "a" / "flat.parquet").schema.equals(columns())


def test_a_place_that_cannot_be_written_is_told_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with Ledger(tmp_path / "ledger.db") as ledger:
        with pytest.raises(StorageError, match="file: something of that name is already there"):
            parquet.write(ledger, tmp_path / "file" / "flat.parquet")
        (tmp_path / "folder.parquet").mkdir()
        with pytest.raises(StorageError, match="this is a folder, not a file"):
            parquet.write(ledger, tmp_path / "folder.parquet")
    assert not list(tmp_path.glob("*.part"))


def test_what_is_exported_while_somebody_writes_names_nothing_that_is_missing(
    where: Path | str, tmp_path: Path
) -> None:
    Ledger(where).close()
    with somebody_writes(where), Ledger(where, write=False) as ledger:
        for number in range(3):
            accord_jsonl.write(ledger, tmp_path / f"{number}.jsonl")
            assert parquet.write(ledger, tmp_path / f"{number}.parquet") % 12 == 0
            with Ledger(tmp_path / f"{number}.db") as copy:
                import_feedback(tmp_path / f"{number}.jsonl", "accord_jsonl", copy)
                assert copy.rows() % 12 == 0
                assert copy.digest() == ledger.digest(copy.last_row)


def test_the_verb_goes_by_the_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "ledger.db"
    with Ledger(path) as ledger:
        ledger.extend(sheet(1))
    assert run(["export", str(path), "--to", str(tmp_path / "all.jsonl")]) == 0
    assert run(["export", str(path), "--to", str(tmp_path / "flat.parquet"), "--json"]) == 0
    assert '"records": 12' in capsys.readouterr().out
    assert pq.read_table(tmp_path / "flat.parquet").num_rows == 12
    assert run(["export", str(path), "--to", str(tmp_path / "flat.csv")]) == 2
    assert "no format has files of this name; give --format, one of accord_jsonl, " in capsys.readouterr().err
    assert not list(tmp_path.glob("*.csv*"))


@pytest.mark.slow
def test_the_verbs_take_a_url(postgres: Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = postgres.database()
    with Ledger(tmp_path / "ledger.db") as ledger:
        ledger.extend(sheet(1))
        accord_jsonl.write(ledger, tmp_path / "all.jsonl")
        digest = ledger.digest()
    assert run(["import", str(tmp_path / "all.jsonl"), "--format", "accord_jsonl", "--ledger", url]) == 0
    assert run(["export", url, "--to", str(tmp_path / "again.jsonl")]) == 0
    assert (tmp_path / "again.jsonl").read_bytes() == (tmp_path / "all.jsonl").read_bytes()
    with Ledger(url, write=False) as ledger:
        assert ledger.digest() == digest
    capsys.readouterr()
    assert run(["backup", url, "--to", str(tmp_path / "copy.db")]) == 2
    assert "pg_dump --format=custom" in capsys.readouterr().err
