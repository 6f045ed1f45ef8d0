"""The tables of docs/gpu.md, made from what was measured; without that they say so."""

from typing import Any

__all__ = ["BEGIN", "END", "NOT_MEASURED", "table", "with_table"]

BEGIN, END = "<!-- gpu: begin -->", "<!-- gpu: end -->"
NOT_MEASURED = "not measured"


def table(content: dict[str, Any] | None) -> str:
    """Markdown: the machine, parity, speed beside peers, a whole run. None: nothing of it has been measured."""
    if content is None:
        return (
            "| path or stage | on a GPU |\n|---|---|\n"
            f"| parity with transformers | {NOT_MEASURED} |\n| tokens a second, peak memory, waits | {NOT_MEASURED} |\n"
            f"| a whole run | {NOT_MEASURED} |"
        )
    parts = content["parts"]
    lines = [content["machine"]["words"], ""]
    for name, make in (("parity", _parity), ("speed", _speed), ("whole run", _whole_run)):
        part = parts[name]
        lines += [*(make(part) if "problem" not in part else [f"{name}: {part['problem']}"]), ""]
    return "\n".join(lines).strip()


def with_table(page: str, content: dict[str, Any] | None) -> str:
    """The page with its tables between the two marks."""
    head, rest = page.split(BEGIN)
    return f"{head}{BEGIN}\n{table(content)}\n{END}{rest.split(END)[1]}"


def _parity(part: dict[str, Any]) -> list[str]:
    lines = ["| path | dtype | log-probabilities | gradients | holds |", "|---|---|---|---|---|"]
    for row in part["rows"]:
        gradient = "" if row["gradient"] is None else f"{row['gradient']:.1e}"
        held = "yes" if row["held"] else "**no**"
        lines.append(f"| {row['path']} | {row['dtype']} | {row['logprob']:.1e} | {gradient} | {held} |")
    return lines


def _speed(part: dict[str, Any]) -> list[str]:
    lines = [
        "| stage | tokens a second | peak GB | waits a step | peer | its tokens a second | its GB | times as fast |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, sides in part["stages"].items():
        ours, theirs = sides["accord"], sides.get("peer", {"problem": "has none"})
        cells = [*_cells(ours, waits=True), sides["against"], *_cells(theirs, waits=False)]
        both = "problem" not in ours and "problem" not in theirs
        cells.append(f"{ours['tokens_a_second'] / theirs['tokens_a_second']:.2f}" if both else "")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def _cells(side: dict[str, Any], *, waits: bool) -> list[str]:
    if "problem" in side:
        return [side["problem"], "", ""] if waits else [side["problem"], ""]
    peak = "" if side["peak_gb"] is None else f"{side['peak_gb']:.2f}"
    cells = [f"{side['tokens_a_second']:,.0f}", peak]
    return [*cells, f"{side['waits_a_step']:.0f}"] if waits else cells


def _whole_run(part: dict[str, Any]) -> list[str]:
    lines = ["| stage of a whole run | seconds | peak GB |", "|---|---|---|"]
    for name, stage in part["stages"].items():
        peak = "" if stage["peak_gb"] is None else f"{stage['peak_gb']:.2f}"
        lines.append(f"| {name} | {stage['seconds']:.1f} | {peak} |")
    return lines
