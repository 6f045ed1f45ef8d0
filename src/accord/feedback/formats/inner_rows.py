"""Rows that stand within a row, so that an error names their place too."""

from accord.feedback.formats.rows import SourceRow

__all__ = ["inner_row", "inner_rows"]


def inner_row(row: SourceRow, column: str) -> SourceRow:
    """A column that holds names and values, as a row of its own. Raises `RecordError` where it is no such thing."""
    return SourceRow(f"{row.place} {column}", row.mapping(column))


def inner_rows(row: SourceRow, column: str) -> list[SourceRow]:
    """A column that lists names and values, as rows. Raises `RecordError` where one of them is no such thing."""
    rows = []
    for number, item in enumerate(row.items(column)):
        if not isinstance(item, dict):
            raise row.bad(f"{column}.{number}", f"expected names and values, not {item!r:.60}")
        rows.append(SourceRow(f"{row.place} {column}.{number}", item))
    return rows
