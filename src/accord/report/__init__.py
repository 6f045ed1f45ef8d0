"""A run and its audit, told: as one page, as a table, beside another run, and as what is made public of it."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from accord.report.comparison import compare, render_comparison
    from accord.report.disclosure.writing import disclose
    from accord.report.page import write
    from accord.report.rounds_page import write_rounds
    from accord.report.several import side_by_side
    from accord.report.several_page import render_several, render_several_tables
    from accord.report.table import render_table, summary, to_json

_HOME = {
    "compare": "comparison",
    "disclose": "disclosure.writing",
    "render_comparison": "comparison",
    "render_several": "several_page",
    "render_several_tables": "several_page",
    "render_table": "table",
    "side_by_side": "several",
    "summary": "table",
    "to_json": "table",
    "write": "page",
    "write_rounds": "rounds_page",
}

__all__ = [
    "compare",
    "disclose",
    "render_comparison",
    "render_several",
    "render_several_tables",
    "render_table",
    "side_by_side",
    "summary",
    "to_json",
    "write",
    "write_rounds",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
