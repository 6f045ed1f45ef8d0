"""The comparisons that a run learnt from, and those that were held out: a ledger, and the pairs of each file."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from accord.artefacts import PromptRow
from accord.errors import RecordError
from accord.feedback import Dataset, Ledger, draw_pairs, import_feedback, write_data
from accord.feedback.formats.containers import rows_of
from accord.feedback.formats.rows import SourceRow
from accord.feedback.formats.source import open_feedback
from accord.records import Completion, Evaluator, Feedback, Prompt, Record
from accord.run import RunDirectory

__all__ = ["LEDGER", "are_conversations", "write_preferences"]

LEDGER = "data/feedback.db"


def write_preferences(run: RunDirectory, files: Mapping[str, Path], *, beside: Iterable[PromptRow] = ()) -> None:
    """Write the data of a run whose splits are these files, in any format that `accord import` reads.

    Everything in a file belongs to its split; a prompt of several belongs to the first. `beside` are prompts that stand
    in no file. Raises `RecordError` that names row and column where a file is malformed, `LedgerError` where no format
    recognises it, `StorageError` where it cannot be read.
    """
    where = run.path / LEDGER
    where.parent.mkdir(parents=True, exist_ok=True)
    records = {split: list(open_feedback(path).records()) for split, path in files.items()}
    with Ledger(where) as ledger:
        for path in files.values():
            import_feedback(path, None, ledger)
        write_data(run, _dataset(records, beside), ledger=ledger)
    run.adopt(LEDGER, stage="data")


def are_conversations(path: Path) -> bool:
    """Whether the first row of a file holds its two answers as lists of messages."""
    first = next(iter(rows_of(path)), None)
    return isinstance(first, SourceRow) and isinstance(first.content.get("chosen"), list)


def _dataset(records: Mapping[str, list[Record]], beside: Iterable[PromptRow]) -> Dataset:
    """Prompts, completions, evaluators and pairs of each split."""
    prompts: dict[str, PromptRow] = {}
    completions: dict[str, Completion] = {}
    evaluators: dict[str, Evaluator] = {}
    feedback: dict[str, list[Feedback]] = {split: [] for split in records}
    for split, of_split in records.items():
        for record in of_split:
            match record:
                case Prompt():
                    prompts.setdefault(record.id, PromptRow(record, split))
                case Completion():
                    completions[record.id] = record
                case Evaluator():
                    evaluators[record.id] = record
                case Feedback():
                    feedback[split].append(record)
                case _:
                    raise RecordError(f"a {type(record).__name__.lower()} is none of the records of a preference")
    for row in beside:
        prompts.setdefault(row.prompt.id, row)
    return Dataset(
        prompts={name: row.prompt for name, row in prompts.items()},
        completions=completions,
        evaluators=evaluators,
        split_of={name: row.split for name, row in prompts.items()},
        pairs={split: draw_pairs(said, evaluators=evaluators).pairs for split, said in feedback.items()},
        feedback=feedback,
    )
