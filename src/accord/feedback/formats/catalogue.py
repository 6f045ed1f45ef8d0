"""The formats as the table of docs/feedback.md, and as docs/formats.md with what stands at the top of their files."""

import inspect
import sys

from accord.feedback.formats.registry import FORMATS, Format
from accord.records import JUDGEMENT_KINDS

__all__ = ["formats_page", "formats_table"]

HEAD = """# Formats

Files of others, each format as it is read and written. `accord import SOURCE --ledger F` tells a file's format from its
columns and says why; `accord export F --to FILE --format NAME` writes one. This page is made from the code
(`python -m accord.feedback.formats > docs/formats.md`).

Whatever a file does not say is unknown: who judged (an evaluator called `unknown`), and what stood on the left (the
places then go by a digest of the texts). Every format of rows also reads the columns `evaluator`, `evaluator_kind`,
`pool`, `time`, `seconds`, `session`, `strength`, `study` and `round`. What a format cannot hold is counted by name when
it is written; "Holds" names what comes back, beside the texts and the judgements.
"""


def formats_table() -> str:
    """A row a format: what it is, which kinds of judgement it carries, and whether it is read and written."""
    rows = ["| name | of | kinds | |", "|---|---|---|---|"]
    for form in FORMATS:
        kinds = "every kind" if form.carries == JUDGEMENT_KINDS else ", ".join(sorted(form.carries)) or "prompts alone"
        ways = "in and out" if form.reads and form.writes else "in" if form.reads else "out"
        rows.append(f"| `{form.name}` | {form.description} | {kinds} | {ways} |")
    return "\n".join(rows) + "\n"


def formats_page() -> str:
    """The page: a section a format, by name."""
    return HEAD + "".join(_section(form) for form in sorted(FORMATS, key=lambda form: form.name))


def _section(form: Format) -> str:
    how = "read and written" if form.reads and form.writes else "read" if form.reads else "written"
    held = f"\nHolds: {', '.join(sorted(form.keeps))}." if form.keeps else ""
    kinds = ", ".join(sorted(form.carries)) or "prompts alone"
    return (
        f"\n## `{form.name}`\n\n{_capital(form.description)}. {_capital(how)}. Kinds: {kinds}.{held}\n\n{_text(form)}\n"
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _text(form: Format) -> str:
    """What stands at the top of the format's file."""
    function = form.read or form.read_path or form.write or form.write_path
    assert function is not None
    return inspect.cleandoc(sys.modules[function.__module__].__doc__ or "")
