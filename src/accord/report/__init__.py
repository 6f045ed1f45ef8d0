"""A run and its audit, told: as one page, as a table, beside another run, and as what is made public of it."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from accord.report.comparison import compare, render_comparison
    from accord.report.disclosure.writing import disclose
    from accord.report.page import write
    from accord.report.table import render_table, summary, to_json

_HOME = {
    "compare": "comparison",
    "disclose": "disclosure.writing",
    "render_comparison": "comparison",
    "render_table": "table",
    "summary": "table",
    "to_json": "table",
    "write": "page",
}

__all__ = ["compare", "disclose", "render_comparison", "render_table", "summary", "to_json", "write"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
