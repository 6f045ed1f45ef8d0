"""The rounds of a run as a table: what each asked, what its policy is worth, and which is the result."""

from typing import TYPE_CHECKING

from accord.artefacts import RoundsSummary
from accord.report.words import interval

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["rounds_table"]


def rounds_table(summary: RoundsSummary) -> "Table":
    """A row a round."""
    from rich.table import Table

    table = Table(title=f"{summary.spent:,} of {summary.budget:,} answers asked for", title_justify="left")
    for name in ("round", "answers", "reward", "KL", "win rate", "gain over the last", ""):
        table.add_column(name)
    for row in summary.rounds:
        learnt = "" if row.learnt_anew is None else "learnt anew" if row.learnt_anew else "as before"
        table.add_row(
            str(row.number),
            f"{row.labels:,}",
            learnt,
            *("" if each is None else interval(each) for each in (row.kl, row.win_rate, row.gain)),
            "the result" if row.number == summary.result else "",
        )
    return table
