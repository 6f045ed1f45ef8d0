"""Adding records to a ledger inside one transaction."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import JSON, Connection, cast, func, insert, select, text, type_coerce

from accord.errors import LedgerError
from accord.feedback.store.earlier_records import Earlier, check_earlier
from accord.feedback.store.tables import TABLES
from accord.records import Completion, Evaluator, Feedback, Prompt, Record

__all__ = ["ImportCounts", "LedgerWriter"]

ROWS_PER_INSERT = 5_000
IDS_PER_QUERY = 500


@dataclass(frozen=True)
class ImportCounts:
    """Counts by table: records read (the same one twice counts twice), and those that were new.

    `judgements_read` and `judgements_new` count the feedback among them by kind of judgement. `known` counts new
    prompts whose very text was there before, by the name of the source that it came under.
    """

    read: dict[str, int]
    new: dict[str, int]
    known: dict[str, int] = field(default_factory=dict)
    judgements_read: Counter[str] = field(default_factory=Counter)
    judgements_new: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        counts = ", ".join(f"{count:,} {name} ({self.new[name]:,} new)" for name, count in self.read.items() if count)
        return "; ".join((counts, *self.known_in_words))

    @property
    def known_in_words(self) -> list[str]:
        """What of it is the same as something of another name, a sentence a source."""
        return [
            f"{count:,} of {self.new['prompts']:,} new prompts are known already under {source}, so what was said "
            f"about them may stand in the ledger twice; where it is the same file, leave one study out ([data] exclude)"
            for source, count in self.known.items()
        ]


class LedgerWriter:
    """The records of one open transaction. `counts` grows as they come; `connection` is the transaction's own.

    What a record refers to is looked up as soon as a batch is written and forgotten when it is found, so that memory
    does not grow with the records. What is missing may be in another ledger, `beside`: it is then copied from there.
    """

    def __init__(self, connection: Connection, location: str, *, beside: Connection | None = None) -> None:
        self.counts = ImportCounts(dict.fromkeys(TABLES, 0), dict.fromkeys(TABLES, 0))
        self.connection = connection
        self._location, self._beside = location, beside
        self._buffer: dict[str, list[dict[str, str]]] = {name: [] for name in TABLES}
        self._needed: dict[str, dict[str, str]] = {name: {} for name in TABLES}
        self._answered: dict[str, tuple[str, str]] = {}
        self._earlier: list[Earlier] = []

    def add(self, *records: Record) -> None:
        """Add records; one that is already there stays as it is."""
        self.extend(records)

    def extend(self, records: Iterable[Record]) -> None:
        """Add any number of records; those already there stay as they are."""
        for record in records:
            content = record.canonical()
            name = record.__dict__.setdefault("id", record.name_of(content))  # asked for later, it is not made again
            table, columns = self._place(record, name)
            self.counts.read[table] += 1
            if isinstance(record, Feedback):
                self.counts.judgements_read[record.judgement.kind] += 1
            waiting = self._buffer[table]
            waiting.append({"id": name, "content": content, **columns})
            if len(waiting) >= ROWS_PER_INSERT:
                self._write_all()
                self._look_up()

    def unwritten(self, table: str) -> dict[str, str]:
        """The contents of the records of a table that were added and are not written yet, by id."""
        return {row["id"]: row["content"] for row in self._buffer[table]}

    def finish(self) -> None:
        """Write what is held and check that everything referred to is there. Raises `LedgerError` where not."""
        self._write_all()
        self._look_up()
        if self._beside is not None:
            self._copy_needed(self._beside)
            self._look_up()
        for table, needed in self._needed.items():
            self._check(table, needed)
        check_earlier(self.connection, self._location, self._earlier, beside=self._beside)

    def copy(self, table: str, rows: Sequence[Mapping[str, str]]) -> int:
        """Write rows of another ledger's table, where what they refer to is there; how many were new."""
        return self._write(table, rows)

    def _copy_needed(self, beside: Connection) -> None:
        """What is referred to and is in the other ledger, with what it refers to itself."""
        for name in ("feedback", "completions", "evaluators", "prompts"):
            table = TABLES[name]
            columns = [column for column in table.c if column.name != "row"]
            for chunk in _chunks(self._needed[name]):
                rows = [dict(row._mapping) for row in beside.execute(select(*columns).where(table.c.id.in_(chunk)))]
                for row in rows:
                    for column, needed in (("prompt", "prompts"), ("evaluator", "evaluators")):
                        if column in row:
                            self._needed[needed].setdefault(row[column], row["id"])
                if rows:
                    self._write(name, rows)

    def _place(self, record: Record, name: str) -> tuple[str, dict[str, str]]:
        """The table of a record and its further columns; notes what it refers to."""
        match record:
            case Prompt():
                return "prompts", {}
            case Evaluator():
                return "evaluators", {}
            case Completion(prompt=prompt):
                self._needed["prompts"].setdefault(prompt, name)
                return "completions", {"prompt": prompt}
            case Feedback(evaluator=evaluator, prompt=prompt, completions=completions):
                self._needed["prompts"].setdefault(prompt, name)
                self._needed["evaluators"].setdefault(evaluator, name)
                for completion in completions:
                    self._answer(completion, prompt, name)
                for relation, earlier in (("repeat_of", record.repeat_of), ("replaces", record.replaces)):
                    if earlier is not None:
                        self._needed["feedback"].setdefault(earlier, name)
                        self._earlier.append(Earlier(relation, earlier, name, evaluator, prompt, record.study))
                return "feedback", {"evaluator": evaluator, "prompt": prompt}
            case _:
                raise TypeError(f"a ledger keeps prompts, completions, evaluators and feedback, not {type(record)}")

    def _answer(self, completion: str, prompt: str, name: str) -> None:
        self._needed["completions"].setdefault(completion, name)
        first, by = self._answered.setdefault(completion, (prompt, name))
        if first != prompt:
            raise LedgerError(
                f"{self._location}: {by} and {name} name different prompts ({first}, {prompt}) for {completion}"
            )

    def _look_up(self) -> None:
        """Forget what was referred to and is there. Raises `LedgerError` for a completion of another prompt."""
        for row in self._found("completions", self._answered, "prompt"):
            prompt, name = self._answered.pop(row.id)
            if row.prompt != prompt:
                raise LedgerError(f"{self._location}: {name} is about {prompt}, but {row.id} answers {row.prompt}")
            self._needed["completions"].pop(row.id, None)
        for table in ("prompts", "evaluators", "feedback"):
            for row in self._found(table, self._needed[table]):
                del self._needed[table][row.id]

    def _write_all(self) -> None:
        """Write what is held, what is referred to before what refers to it: it is then found at once."""
        for table, waiting in self._buffer.items():
            if waiting:
                self.counts.new[table] += self._write(table, waiting)
                self._buffer[table] = []

    def _write(self, table: str, rows: Sequence[Mapping[str, str]]) -> int:
        """Insert rows; how many were new. The triggers leave out those that are there already."""
        if table != "feedback":
            return self._insert(table, rows)
        last = self.connection.scalar(select(func.coalesce(func.max(TABLES[table].c.row), 0)))
        new = self._insert(table, rows)
        if new:
            self.counts.judgements_new.update(self._kinds_behind(int(last or 0)))
        return new

    def _kinds_behind(self, row: int) -> Counter[str]:
        """The feedback behind a row, counted by kind of judgement. Nobody else writes inside this transaction."""
        table = TABLES["feedback"]
        sqlite = self.connection.dialect.name == "sqlite"
        content = type_coerce(table.c.content, JSON) if sqlite else cast(table.c.content, JSON)
        kind = content["judgement"]["kind"].as_string()
        rows = self.connection.execute(select(kind, func.count()).where(table.c.row > row).group_by(kind))
        return Counter({str(name): number for name, number in rows})

    def _insert(self, table: str, rows: Sequence[Mapping[str, str]]) -> int:
        before = self._changes()
        statement = insert(TABLES[table]).inline().execution_options(preserve_rowcount=True)
        result = self.connection.execute(statement, rows)
        return result.rowcount if before is None else (self._changes() or 0) - before

    def _changes(self) -> int | None:
        """SQLite's own count of changed rows, for its cursors count those that a trigger left out; None elsewhere."""
        if self.connection.dialect.name != "sqlite":
            return None
        return int(self.connection.scalar(text("SELECT total_changes()")) or 0)

    def _check(self, table: str, missing: dict[str, str]) -> None:
        if missing:
            first, name = next(iter(missing.items()))
            more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
            what = table if table == "feedback" else table[:-1]
            raise LedgerError(
                f"{self._location}: {name} names the {what} {first}, which is not in the ledger{more}; "
                f"add it before, or in the same transaction"
            )

    def _found(self, table: str, names: Iterable[str], *columns: str) -> Iterable[Any]:
        columns_of = TABLES[table].c
        query = select(columns_of.id, *(columns_of[name] for name in columns))
        for chunk in _chunks(names):
            yield from self.connection.execute(query.where(columns_of.id.in_(chunk)))


def _chunks(names: Iterable[str]) -> Iterable[list[str]]:
    chosen = list(names)
    return (chosen[start : start + IDS_PER_QUERY] for start in range(0, len(chosen), IDS_PER_QUERY))
