"""The tables of the docs, made from the files of results: one a kind of machine."""

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["BEGIN", "END", "PARITY_MARKS", "TRIAL_MARKS", "parity_table", "table", "tables", "trial_table", "verdict"]

BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"
PARITY_MARKS = ("<!-- parity: begin -->", "<!-- parity: end -->")
TRIAL_MARKS = ("<!-- trials: begin -->", "<!-- trials: end -->")
TOLERANCE = 0.15
COLUMNS = (
    "stage",
    "peer",
    "setting",
    "times as fast",
    "in processor time",
    "goal",
    "share of the limit",
    "memory of the peer's",
)
TRIAL_COLUMNS = (
    "writer",
    "in",
    "a step of 16 (processor ms)",
    "times accord's",
    "the same tokens",
    "first turn done after (s)",
    "new weights",
)
DISTURBED = 0.05  # share of the machine that others took, from which on it is told


def tables(contents: Sequence[Mapping[str, Any]]) -> str:
    """All kinds of machine, one below the other."""
    return "\n\n".join(f"## {content['machine']['kind']}\n\n{table(content)}" for content in contents)


def table(content: Mapping[str, Any]) -> str:
    """Markdown: whose figures they are, then a line a comparison, what failed and what was left out."""
    lines = [
        _head(content),
        "",
        f"| {' | '.join(COLUMNS)} |",
        "|---" * len(COLUMNS) + "|",
        *map(_line, content["results"]),
    ]
    for row in content["failed"]:
        lines += ["", f"Failed: {row['stage']}, {row['peer_setting']}: {row['error'].splitlines()[-1]}"]
    for row in content["left_out"]:
        lines += ["", f"Left out: {row['stage']}, {row['peer_setting']}: {row['reason']}"]
    if content.get("growth"):
        lines += ["", "| a step of | value | seconds | peak GB | tokens a second |", "|---|---|---|---|---|"]
        lines += [
            f"| {row['axis']} | {row['value']} | {row['seconds']:.2f} | {row['peak_gb']:.1f} | "
            f"{row['tokens'] / row['seconds']:.0f} |"
            for row in content["growth"]
        ]
    return "\n".join(lines)


def _head(content: Mapping[str, Any]) -> str:
    machine, limits = content["machine"], content["limits"]
    parts = [
        f"{machine['cpu']} (family/model {machine['family']})",
        f"{machine['threads']} threads on {machine['cores']} cores",
        f"instructions {', '.join(machine['instructions'])}",
    ]
    if machine["played"]:
        bound = ", ".join(f"{name}={value}" for name, value in machine["played"].items() if name != "as")
        parts.append(f"**plays {machine['played']['as']}** ({bound})")
    parts.append(f"best product {limits['gflops']:.0f} GFLOP/s in {limits['product']}")
    parts.append(f"reading {limits['read_gb']:.0f} GB/s")
    if path := machine.get("path"):
        parts.append(f"accord writes with {path['decoder']}, {path['products']}")
        parts.append(f"kernels: {path['kernels']}; oneDNN {path['onednn']}")
    parts.append(", ".join(f"{name} {number}" for name, number in machine["versions"].items()))
    if content.get("seconds"):
        parts.append(f"measured in {content['seconds'] / 60:.0f} minutes at {machine['commit']}")
    if content.get("busy"):
        parts.append(f"**on a busy machine: others took {content['busy']:.0%} of it when it began**")
    if content.get("note"):
        parts.append(content["note"])
    return "; ".join(parts) + "."


def _line(row: Mapping[str, Any]) -> str:
    setting = row["peer_setting"]
    if row["best_setting"] and row["peer"] != "accord":
        setting += " (the best)"
    if row.get("weights"):
        setting += f"; weights {row['weights']}"
    if (row.get("others") or 0.0) > DISTURBED:
        setting += f"; {row['others']:.0%} taken by others"
    goal = "" if row["goal"] is None else f"{row['goal']:.3g} ({_met(row['met'])})"
    share = "" if row["share"] is None else f"{row['share']:.0%}"
    if row["share_goal"] is not None:
        share += f" of {row['share_goal']:.0%} ({_met(row['share_met'])})"
    if decode := row.get("decode"):
        share += f"; a step alone {decode['of_memory']:.0%}, with its products {decode['of_both']:.0%}"
    memory = f"{row['memory_ratio']:.2f}" if "memory_ratio" in row else ""
    if row["memory_goal"] is not None:
        memory += f" of {row['memory_goal']:.2f} ({_met(row['memory_met'])})"
    cells = [row["stage"], row["peer"], setting, *_speeds(row), goal, share, memory]
    return f"| {' | '.join(cells)} |"


def _speeds(row: Mapping[str, Any]) -> tuple[str, str]:
    if not row.get("ratio"):
        return f"at least {row['at_least']['ratio']:.1f}", ""
    told = [
        "" if ratio is None else f"{ratio['median']:.2f} [{ratio['low']:.2f}, {ratio['high']:.2f}]"
        for ratio in (row["ratio"], row.get("processor_ratio"))
    ]
    return told[0], told[1]


def _met(met: bool | None) -> str:
    return "open" if met is None else "met" if met else "missed"


def verdict(checked_in: Mapping[str, Any], fresh: Mapping[str, Any]) -> list[str]:
    """What has become slower than the checked-in ratios allow, by more than 15 %, and what could not be measured."""
    expected = {(row["stage"], row["peer_setting"]): row for row in checked_in["results"]}
    slower = [f"{row['stage']} against {row['peer_setting']} failed: {row['error']}" for row in fresh["failed"]]
    for row in fresh["results"]:
        before = expected.get((row["stage"], row["peer_setting"]))
        if before is None or not before.get("ratio") or not row.get("ratio"):
            continue
        was, now = before["ratio"]["median"], row["ratio"]["median"]
        if now < was * (1 - TOLERANCE):
            slower.append(f"{row['stage']} against {row['peer_setting']}: {now:.2f} times as fast, was {was:.2f}")
    return slower


def parity_table(rows: list[dict[str, Any]]) -> str:
    """Markdown: a line a loss."""
    lines = ["| loss | accord | TRL | largest difference of gradients |", "|---|---|---|---|"]
    lines += [f"| {row['loss']} | {row['accord']:.6f} | {row['trl']:.6f} | {row['gradient_gap']:.1g} |" for row in rows]
    return "\n".join(lines)


def trial_table(content: Mapping[str, Any]) -> str:
    """Markdown: a line a library and dtype."""
    lines = [
        content["about"],
        "",
        f"| {' | '.join(TRIAL_COLUMNS)} |",
        "|---" * len(TRIAL_COLUMNS) + "|",
    ]
    for row in content["rows"]:
        if "error" in row:
            lines.append(f"| {row['writer']} | {row['dtype']} | failed: {row['error']} | | | | |")
            continue
        ratio = row["ratio"]
        lines.append(
            f"| {row['writer']} | {row['dtype']} | {row['milliseconds']:.0f} (accord {row['accord']:.0f}) | "
            f"{ratio['median']:.2f} [{ratio['low']:.2f}, {ratio['high']:.2f}] | {row['alike']:.0%} | "
            f"{row['ready']:.0f} | {row['weights']} |"
        )
    return "\n".join(lines)
