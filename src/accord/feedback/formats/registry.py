"""What a format is, and the formats that there are."""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accord.errors import LedgerError
from accord.feedback.formats.outgoing import KEEPABLE, Outgoing
from accord.feedback.formats.reading import Reading
from accord.feedback.formats.rows import SourceRow
from accord.feedback.store.ledger import Ledger
from accord.fetch import Pinned
from accord.records import JUDGEMENT_KINDS, Record
from accord.registry import Registry

__all__ = ["FORMATS", "Format", "register_format"]


@dataclass(frozen=True)
class Format:
    """A way in which feedback is stored in rows, whatever file they stand in.

    name          how it is called by `--format` and in recipes, and where no other is given, its records' source
    description   what it is, in a sentence
    carries       the kinds of judgement that it can hold
    columns       the columns that it reads beside the common ones (`*` and `?` as in names of files); every other
                  column of a file is told as not read
    recognises    why the first rows of a file are of it (which columns, in words); None where they are not
    unit          rows that follow one another with the same key are read together; without it each row is read alone
    read          the records of one unit. Raises `RecordError` that names row and column
    write         the rows that hold what stands in a ledger
    keeps         of what a ledger holds beside texts and judgements, what the written rows hold too (`KEEPABLE`): all
                  else is counted as lost
    suffixes      ends of names (".votes.tsv") by which `accord export` takes this format
    pinned        the packaged file that is read where no other is named
    fallback      whether it is recognised only where no other format is
    counts_votes  whether otherwise equal votes of unknown evaluators are votes of their own (`Feedback.occurrence`)
    not_common    those of the common columns that it does not read
    takes_texts   whether it writes prompts and answers as messages, or as texts where that is asked for

    A format that is no table has, instead of `recognises` and `read`, or of `write`:

    recognises_path  why a file is of it, by its name and its first bytes (unpacked where they are gzipped)
    read_path     the records of a file
    write_path    writes a ledger to a file; how many rows
    """

    name: str
    description: str
    carries: frozenset[str]
    columns: frozenset[str] = frozenset()
    recognises: Callable[[Sequence[Mapping[str, Any]]], str | None] | None = None
    read: Callable[[Sequence[SourceRow], Reading], Iterator[Record]] | None = None
    unit: Callable[[Mapping[str, Any]], Hashable] | None = None
    write: Callable[[Outgoing], Iterator[dict[str, Any]]] | None = None
    keeps: frozenset[str] = frozenset()
    suffixes: tuple[str, ...] = ()
    pinned: Pinned | None = None
    fallback: bool = False
    counts_votes: bool = True
    not_common: frozenset[str] = frozenset()
    takes_texts: bool = False
    recognises_path: Callable[[str, bytes], str | None] | None = None
    read_path: Callable[[Path], Iterator[Record]] | None = None
    write_path: Callable[[Ledger, Path], int] | None = None

    def __post_init__(self) -> None:
        if unknown := sorted(self.carries - JUDGEMENT_KINDS):
            raise ValueError(f"format '{self.name}' carries {unknown}, which are no kinds of judgement")
        if unknown := sorted(self.keeps - KEEPABLE):
            raise ValueError(f"format '{self.name}' keeps {unknown}; what can be kept is {sorted(KEEPABLE)}")
        if not self.reads and not self.writes:
            raise ValueError(f"format '{self.name}' neither reads nor writes")

    @property
    def reads(self) -> bool:
        """Whether it can be read."""
        return self.read is not None or self.read_path is not None

    @property
    def writes(self) -> bool:
        """Whether it can be written."""
        return self.write is not None or self.write_path is not None


FORMATS: Registry[Format] = Registry("format", error=LedgerError)
"""All formats by name, in order of registration."""


def register_format(form: Format) -> Format:
    """Add a format. Raises `ExtensionError` where its name is taken."""
    return FORMATS.add(form.name, form)
