"""What a ledger holds, out of it: `export`, and a copy of it, `backup`."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from accord.cli.printing import print_json
from accord.errors import LedgerError, storage

if TYPE_CHECKING:
    from accord.feedback import ExportCounts

__all__ = ["backup", "export"]


def export(
    ledger: str,
    *,
    to: Path,
    format: str | None = None,
    split: Literal["train", "eval_reward", "held_out"] | None = None,
    texts: bool = False,
    provenance: bool = False,
    extension: list[Path] | None = None,
    json: bool = False,
) -> None:
    """Write what a ledger holds, or one split of a run: lossless JSON lines, Parquet, or a format of others.

    Example: accord export ratings.db --to ratings.jsonl

    Parameters
    ----------
    ledger
        The ledger, a file or postgresql://user@host/database; or the folder of a run, of which one split is written:
        the pairs that it drew, and what else was said, with where each row comes from and what it weighs.
    to
        The file to write: NAME.jsonl for all records, NAME.parquet for a table of a row a judgement. Formats of rows
        (docs/formats.md) are written as .jsonl, .json, .csv, .tsv or .parquet; texts also end in .gz or .zst.
    format
        How to write it; told from the file's name where only one format fits.
    split
        Which split of a run; `train` where nothing is said. What the run held out is in no other split's file.
    texts
        Write prompts and answers as texts instead of messages, where the format takes both.
    provenance
        Add the ids of feedback and prompt to each row, in columns of their own; of a run they always are.
    extension
        A Python file that registers a format of your own; may be given more than once.
    json
        Print the counts as JSON.
    """
    from accord.extensions import load_extensions

    load_extensions(extension or (), Path.cwd())
    counts = _export(ledger, to, format, split, texts=texts, provenance=provenance)
    if json:
        print_json({"format": counts.format, "records": counts.records, "lost": counts.lost, "file": str(to)})
        return
    print(f"{counts.records:,} rows of {counts.format} in {to}")
    if counts.lost:
        names = ", ".join(f"{number:,} x {name}" for name, number in counts.lost.items())
        print(f"left out, since {counts.format} cannot hold it: {names}")


def _export(
    source: str, to: Path, format: str | None, split: str | None, *, texts: bool, provenance: bool
) -> "ExportCounts":
    """Write a ledger, or a split of a run. Raises `LedgerError` where what is asked for is of the other one."""
    from accord.artefacts import result_of
    from accord.feedback import Ledger, export_feedback, export_run
    from accord.feedback.formats.origins import Origins
    from accord.run import MANIFEST, RunDirectory

    with storage(source):
        is_folder = Path(source).is_dir()
        path = result_of(Path(source)) if is_folder else Path(source)
        is_run = is_folder and (path / MANIFEST).is_file()
    if is_folder and not is_run:
        raise LedgerError(f"{source}: neither a ledger nor the folder of a run (no {MANIFEST})")
    if is_run:
        with RunDirectory.open(path, write=False) as run:
            return export_run(run, to, format, split=split or "train", as_texts=texts)
    if split is not None:
        raise LedgerError(f"--split {split}: {source} is a ledger, which has no splits; name a run, or leave it out")
    with Ledger(source, write=False) as opened:
        return export_feedback(opened, to, format, as_texts=texts, origins=Origins() if provenance else None)


def backup(ledger: str, *, to: Path, json: bool = False) -> None:
    """Copy a ledger while others write to it, and read the copy back. The copy is a ledger to open or to go on with.

    Example: accord backup ratings.db --to ratings-2026-05-04.db

    Parameters
    ----------
    ledger
        The ledger, a file. A PostgreSQL database has a tool of its own, pg_dump.
    to
        The file to make; nothing may be there.
    json
        Print what was copied as JSON.
    """
    from accord.feedback import Ledger
    from accord.feedback import backup as copy

    with Ledger(ledger, write=False) as opened:
        copied = copy(opened, to)
    if json:
        print_json({"file": str(to), "records": copied.counts, "digest": copied.digest})
    else:
        print(f"{copied.counts['feedback']:,} judgements ({copied.digest[:16]}) in {to}, read back")
