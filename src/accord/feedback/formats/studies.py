"""What was asked about an answer, where a format asks for several things: a study `<source>.<aspect>` for each."""

from accord.feedback.formats.reading import Reading
from accord.feedback.formats.rows import SourceRow
from accord.records import Feedback

__all__ = ["aspect_of", "aspect_study"]


def aspect_study(row: SourceRow, reading: Reading, aspect: str) -> str:
    """The study of one aspect: of the study that the row names, or of its source."""
    return f"{row.name('study') if row.has('study') else reading.source}.{aspect}"


def aspect_of(feedback: Feedback) -> tuple[str, str]:
    """The study that a judgement is of and the aspect that was asked for, each empty where there is none."""
    study, _, aspect = (feedback.study or "").rpartition(".")
    return study, aspect
