"""The formats as the table of docs/feedback.md."""

from accord.feedback.formats.registry import FORMATS
from accord.records import JUDGEMENT_KINDS

__all__ = ["formats_table"]


def formats_table() -> str:
    """A row a format: what it is, which kinds of judgement it carries, and whether it is read and written."""
    rows = ["| name | of | kinds | |", "|---|---|---|---|"]
    for form in FORMATS:
        kinds = "every kind" if form.carries == JUDGEMENT_KINDS else ", ".join(sorted(form.carries)) or "prompts alone"
        ways = "in and out" if form.reads and form.writes else "in" if form.reads else "out"
        rows.append(f"| `{form.name}` | {form.description} | {kinds} | {ways} |")
    return "\n".join(rows) + "\n"
