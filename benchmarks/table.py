"""The table of the docs, made from results.json."""

from typing import Any

__all__ = ["BEGIN", "END", "PARITY_MARKS", "parity_table", "table", "verdict"]

BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"
PARITY_MARKS = ("<!-- parity: begin -->", "<!-- parity: end -->")
TOLERANCE = 0.15


def table(content: dict[str, Any]) -> str:
    """Markdown: a line a stage and peer setting."""
    machine, limits = content["machine"], content["limits"]
    cores = f"{machine['threads']} threads on {machine['cores']} cores"
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    lines = [
        f"{machine['cpu']}, {cores}, {', '.join(machine['flags'])}; best bfloat16 product "
        f"{limits['gflops']:.0f} GFLOP/s, reading {limits['read_gb']:.0f} GB/s; {versions}.",
        "",
        "| stage | peer | setting | times as fast | goal | share of the limit | memory of the peer's |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in content["results"]:
        ratio = row["ratio"]
        goal = "" if row["goal"] is None else f"{row['goal']:.3g} ({_met(row['met'])})"
        share = "" if row["limit_share"] is None else f"{row['limit_share']:.0%}"
        if row["limit_goal"] is not None:
            share += f" of {row['limit_goal']:.0%} ({_met(row['limit_met'])})"
        memory = f"{row['memory_ratio']:.2f}"
        if row["memory_goal"] is not None:
            memory += f" of {row['memory_goal']:.2f} ({_met(row['memory_met'])})"
        best = " (its best)" if row["best_setting"] and row["peer"] != "accord" else ""
        lines.append(
            f"| {row['stage']} | {row['peer']} | {row['peer_setting']}{best} | {ratio['median']:.2f} "
            f"[{ratio['low']:.2f}, {ratio['high']:.2f}] | {goal} | {share} | {memory} |"
        )
    if content.get("growth"):
        lines += ["", "| a step of | value | seconds | peak GB | tokens a second |", "|---|---|---|---|---|"]
        lines += [
            f"| {row['axis']} | {row['value']} | {row['seconds']:.2f} | {row['peak_gb']:.1f} | "
            f"{row['tokens'] / row['seconds']:.0f} |"
            for row in content["growth"]
        ]
    return "\n".join(lines)


def _met(met: bool) -> str:
    return "met" if met else "missed"


def verdict(checked_in: dict[str, Any], fresh: dict[str, Any]) -> list[str]:
    """What has become slower than the checked-in ratios allow: more than 15 % at the peers' default settings."""
    expected = {(row["stage"], row.get("peer_setting")): row for row in checked_in["results"]}
    slower = []
    for row in fresh["results"]:
        before = expected.get((row["stage"], row.get("peer_setting")))
        if before is None:
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
