"""The ledger only grows, takes all or nothing, and says in one line what is wrong."""

import json
import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from raw import REFUSED, connected, rows
from said import completion, person, prompt, rating, sheet
from sqlalchemy import event

from accord.errors import LedgerError, StorageError
from accord.feedback import Ledger
from accord.records import Feedback, Prompt, Record


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


def feedback_of(records: list[Record]) -> list[Feedback]:
    return [each for each in records if isinstance(each, Feedback)]


def test_what_goes_in_comes_out_in_order(where: Path | str) -> None:
    records = sheet(1)
    with Ledger(where) as ledger:
        added = ledger.add(*records)
    with Ledger(where, write=False) as ledger:
        assert list(ledger.feedback()) == feedback_of(records)
        assert [*ledger.prompts(), *ledger.evaluators(), *ledger.completions()] == [each.id for each in records[:8]]
        assert ledger.counts() == added.new == {"prompts": 1, "evaluators": 3, "completions": 4, "feedback": 12}
        assert ledger.last_row == ledger.rows() == 12


def test_a_record_that_is_there_is_counted_once_and_keeps_its_row(where: Path | str) -> None:
    records = sheet(1)
    with Ledger(where) as ledger:
        ledger.extend(records)
        before = [each.id for each in ledger.feedback()]
        again = ledger.extend([*reversed(records), *sheet(2)])
        assert again.new["feedback"] == 12
        assert again.read["feedback"] == 24
        assert [each.id for each in ledger.feedback()][:12] == before
        assert ledger.rows() == 24
        assert "24 feedback (12 new)" in str(again)


def test_the_order_within_a_transaction_does_not_matter(where: Path | str) -> None:
    with Ledger(where) as ledger:
        ledger.extend(reversed(sheet(1)))
        assert ledger.rows() == 12


def test_upto_and_digest_name_the_rows_that_were_read(where: Path | str) -> None:
    with Ledger(where) as ledger:
        ledger.extend(sheet(1))
        last, digest = ledger.last_row, ledger.digest()
        ledger.extend(sheet(2))
        assert ledger.digest(last) == digest != ledger.digest()
        assert len(list(ledger.feedback(upto=last))) == ledger.rows(last) == 12
        assert list(ledger.feedback(upto=0)) == []


def test_an_empty_ledger_has_nothing(where: Path | str) -> None:
    with Ledger(where) as ledger:
        assert (ledger.last_row, list(ledger.feedback()), ledger.prompts()) == (0, [], {})


@pytest.mark.parametrize("missing", ["prompt", "evaluator", "completion", "feedback"])
def test_unknown_references_are_named_and_nothing_enters(where: Path | str, missing: str) -> None:
    asked, by = prompt(), person("a")
    about = completion(asked, "x")
    said = rating(by, about, 1.0, repeat_of="f-elsewhere")
    first = rating(by, about, 2.0)
    named = {"prompt": asked.id, "evaluator": by.id, "completion": about.id, "feedback": "f-elsewhere"}[missing]
    if missing != "feedback":
        said = first
    there = [each for each in (asked, by, about) if each.id != named]
    with Ledger(where) as ledger:
        with pytest.raises(LedgerError, match=rf"the {missing} {named}, which is not in the ledger"):
            ledger.add(*there, said)
        assert sum(ledger.counts().values()) == 0


def test_feedback_about_another_prompts_completion_is_refused(where: Path | str) -> None:
    one, other, by = prompt("one"), prompt("other"), person("a")
    about = completion(other, "x")
    said = rating(by, about, 1.0).model_copy(update={"prompt": one.id})
    with Ledger(where) as ledger, pytest.raises(LedgerError, match=f"is about {one.id}, but {about.id} answers"):
        ledger.add(one, other, by, about, said)


@pytest.mark.parametrize("table", ["prompts", "completions", "evaluators", "feedback", "schema"])
@pytest.mark.parametrize("verb", ["UPDATE", "DELETE", "REPLACE"])
def test_triggers_refuse_every_edit(where: Path | str, table: str, verb: str) -> None:
    with Ledger(where) as ledger:
        ledger.extend(sheet(1))
    everything = f'SELECT * FROM {table} ORDER BY "row"'
    before = rows(where, everything)
    with connected(where) as raw:
        columns = [name for name, *_ in raw.execute(everything).description]
        named = ", ".join(f'"{name}"' for name in columns)
        other = ", ".join("'another'" if name == "id" else f'"{name}"' for name in columns)
        instead = "INSERT OR REPLACE" if isinstance(where, Path) else "INSERT"
        statement = {
            "UPDATE": f'UPDATE {table} SET "row" = "row" + 1000',
            "DELETE": f"DELETE FROM {table}",
            "REPLACE": f'{instead} INTO {table} ({named}) SELECT {other} FROM {table} WHERE "row" = 1',
        }[verb]
        with pytest.raises(REFUSED, match=f"the ledger only grows: {verb}"):
            raw.execute(statement)
    assert rows(where, everything) == before


def test_replace_by_id_changes_nothing(where: Path | str) -> None:
    with Ledger(where) as ledger:
        ledger.extend(sheet(1))
    before = rows(where, "SELECT * FROM prompts")
    instead = "INSERT OR REPLACE" if isinstance(where, Path) else "INSERT"
    with connected(where) as raw:
        raw.execute(f"{instead} INTO prompts (id, content) SELECT id, 'else' FROM prompts")
    assert rows(where, "SELECT * FROM prompts") == before


def test_an_alteration_behind_the_triggers_is_found(where: Path | str) -> None:
    with Ledger(where) as ledger:
        ledger.extend(sheet(1))
    with connected(where) as raw:
        on_sqlite = isinstance(where, Path)
        raw.execute("DROP TRIGGER feedback_no_update" if on_sqlite else "DROP TRIGGER feedback_refuse ON feedback")
        raw.execute("UPDATE feedback SET content = replace(content, '-4.0', '-3.0') WHERE \"row\" = 1")
    with Ledger(where, write=False) as ledger, pytest.raises(LedgerError, match="feedback row 1: altered"):
        list(ledger.feedback())


def test_what_is_no_ledger_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "text.db"
    text.write_text("nothing of the kind " * 100)
    other = tmp_path / "other.db"
    raw = sqlite3.connect(other)
    raw.execute("CREATE TABLE t (x)")
    raw.close()
    before = other.read_bytes()
    for write in (True, False):
        with pytest.raises(LedgerError, match=r"text\.db: not a ledger"):
            Ledger(text, write=write)
        with pytest.raises(LedgerError, match=r"other\.db: an SQLite file, but not a ledger"):
            Ledger(other, write=write)
    assert other.read_bytes() == before
    with pytest.raises(LedgerError, match=r"none\.db: there is no ledger here"):
        Ledger(tmp_path / "none.db", write=False)
    assert not (tmp_path / "none.db").exists()


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="file: something of that name is already there"):
        Ledger(tmp_path / "file" / "ledger.db")
    with pytest.raises(StorageError, match="this is a folder, not a file"):
        Ledger(tmp_path)


@pytest.mark.parametrize("write", [True, False])
def test_a_newer_schema_is_refused(where: Path | str, write: bool) -> None:
    Ledger(where).close()
    with connected(where) as raw:
        raw.execute("INSERT INTO schema (version) VALUES (99)")
    with pytest.raises(LedgerError, match="schema 99, and this accord reads up to 1; update accord"):
        Ledger(where, write=write)


def test_reading_only_writes_nothing(where: Path | str) -> None:
    with Ledger(where) as ledger:
        ledger.extend(sheet(1))
    with Ledger(where, write=False) as ledger, pytest.raises(LedgerError, match="opened for reading only"):
        ledger.add(prompt("more"))


def test_a_locked_ledger_says_so_and_readers_go_on(where: Path | str) -> None:
    with Ledger(where) as ledger:
        ledger.extend(sheet(1))
    with Ledger(where) as holder, Ledger(where, timeout=0.05) as ledger:
        with holder.transaction() as adding:
            adding.extend(sheet(2))
            with pytest.raises(LedgerError, match=r"locked by another process for more than 0\.05 s"):
                ledger.extend(sheet(3))
            assert ledger.rows() == 12
        assert ledger.rows() == 24


def test_a_full_disk_is_one_clear_line_and_changes_nothing(path: Path) -> None:
    with Ledger(path) as ledger:
        ledger.extend(sheet(1))

        @event.listens_for(ledger.store.engine, "connect")
        def _small(connection: sqlite3.Connection, _: object) -> None:
            pages = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count={pages + 2}")

        with pytest.raises(StorageError, match="the disk is full; free some space"):
            ledger.extend(record for number in range(2, 200) for record in sheet(number))
        assert ledger.rows() == 12


def test_an_error_inside_a_transaction_takes_all_of_it_back(where: Path | str) -> None:
    def broken() -> Iterator[Record]:
        for number in range(2000):
            yield from sheet(number, raters=1, items=3)
        raise ZeroDivisionError

    with Ledger(where) as ledger:
        with pytest.raises(ZeroDivisionError):
            ledger.extend(broken())
        assert sum(ledger.counts().values()) == 0


def _write_many(path: str, who: int) -> None:
    for number in range(25):
        with Ledger(path) as ledger:
            ledger.extend(sheet(who * 1000 + number))


def test_four_processes_write_at_once_and_nothing_is_lost(where: Path | str) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_write_many, args=(str(where), who)) for who in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0, 0, 0, 0]
    with Ledger(where, write=False) as ledger:
        said = list(ledger.feedback())
        assert len({each.id for each in said}) == len(said) == 4 * 25 * 12
        assert ledger.last_row == 4 * 25 * 12


IMPORT = """
    import sys
    sys.path.insert(0, {tests!r})
    from said import sheet
    from accord.feedback import Ledger
    with Ledger({path!r}) as ledger, ledger.transaction() as adding:
        for number in range(10, 10**9):
            adding.extend(sheet(number))
            if number == 3000:
                print("on its way", flush=True)
"""


def test_a_killed_import_leaves_the_ledger_as_it_was(path: Path) -> None:
    with Ledger(path) as ledger:
        ledger.extend(sheet(1))
        digest, counts = ledger.digest(), ledger.counts()
    code = textwrap.dedent(IMPORT.format(tests=str(Path(__file__).parent), path=str(path)))
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "on its way\n"
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait(30) == -signal.SIGKILL
    process.stdout.close()
    with Ledger(path, timeout=5) as ledger:
        assert (ledger.digest(), ledger.counts()) == (digest, counts)
        ledger.extend(sheet(2))
        assert ledger.last_row == 24


def test_a_strange_name_is_a_name(tmp_path: Path) -> None:
    path = tmp_path / "what? 100% #1 & more.db"
    with Ledger(path) as ledger:
        ledger.extend(sheet(1))
    assert path.is_file()
    with Ledger(path, write=False) as ledger:
        assert ledger.rows() == 12


def test_content_is_the_canonical_json_of_the_record(where: Path | str) -> None:
    asked = Prompt.ask("Grüße \u0000 \u2028 🙂")
    with Ledger(where) as ledger:
        ledger.add(asked)
        assert ledger.prompts() == {asked.id: asked}
    ((content,),) = rows(where, "SELECT content FROM prompts")
    assert json.loads(content) == asked.model_dump(mode="json", exclude_none=True)


ROOMS = """
    import sys
    import accord.feedback, accord.collect
    for room in (accord.feedback, accord.collect):
        for name in room.__all__:
            getattr(room, name)
    assert "torch" not in sys.modules and "transformers" not in sys.modules
"""


def test_the_rooms_need_no_torch() -> None:
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(ROOMS)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_an_unknown_name_of_the_room_is_an_attribute_error() -> None:
    import accord.feedback

    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        _ = accord.feedback.nothing_of_the_kind
