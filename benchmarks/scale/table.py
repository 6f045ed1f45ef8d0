"""What was measured as a table, with the slope of each step."""

import math
from collections.abc import Sequence
from typing import Any

__all__ = ["BEGIN", "END", "slope", "table"]

BEGIN, END = "<!-- scale: begin -->", "<!-- scale: end -->"
UNITS = {"ledger": "records", "run": "steps of a run", "import": "MB of a file"}


def slope(sizes: Sequence[float], values: Sequence[float]) -> float | None:
    """The slope of log value on log size by least squares: 1 is linear. None for fewer than two sizes."""
    if len(set(sizes)) < 2:
        return None
    x, y = [math.log(size) for size in sizes], [math.log(max(value, 1e-9)) for value in values]
    centre, mean = sum(x) / len(x), sum(y) / len(y)
    return sum((a - centre) * (b - mean) for a, b in zip(x, y, strict=True)) / sum((a - centre) ** 2 for a in x)


def table(content: dict[str, Any]) -> str:
    """Markdown: a line a measurement, and behind the last of each step its slope."""
    lines = [
        f"{content['machine']}.",
        "",
        "| what | in | size | processor seconds | seconds | most memory (MB) | slope of time | slope of memory |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for rows in _by_step(content["measured"]):
        sizes = [row["size"] for row in rows]
        slopes = [slope(sizes, [row[key] for row in rows]) for key in ("processor_seconds", "peak_mb")]
        for row in rows:
            last = ["" if one is None or row is not rows[-1] else f"{one:.2f}" for one in slopes]
            lines.append(
                f"| {row['step']} | {row['on']} | {row['size']:,} {UNITS[row['what']]} | "
                f"{row['processor_seconds']:.1f} | {row['seconds']:.1f} | {row['peak_mb']:,} | {last[0]} | {last[1]} |"
            )
    return "\n".join(lines)


def _by_step(measured: Sequence[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """The rows of each step on each database, by size."""
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for row in measured:
        groups.setdefault((row["what"], row["on"], row["step"]), []).append(row)
    return [sorted(rows, key=lambda row: row["size"]) for rows in groups.values()]
