"""On which scale a number was given, where its file does not say."""

from accord.feedback.formats.reading import Reading
from accord.feedback.formats.rows import SourceRow
from accord.records import Scale

__all__ = ["stated_scale"]


def stated_scale(row: SourceRow, reading: Reading, column: str) -> Scale:
    """The scale that the user stated for the file. Raises `RecordError` that says how, where there is none."""
    if reading.settings.scale is None:
        raise row.bad(column, "the file does not say on which scale; state its ends by --scale LOW HIGH")
    return reading.settings.scale
