"""The arithmetic: what was told of a pair becomes a row of the results."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from benchmarks.limits import decode_bound
from benchmarks.pairs import Pair
from benchmarks.stages import AGAINST_OURSELVES, GENERATED, GOALS, SETTINGS, Goal
from benchmarks.turns import Reply

__all__ = ["ratios", "row_of", "with_goals"]

APART = 0.02  # how far losses of two sides on other texts may lie apart, as a share
ALIKE_TOKENS = 0.75  # share of likeliest first tokens that a peer which opens the weights itself has as the model does
Row = dict[str, Any]


def row_of(stage: str, name: str, pair: Pair, facts: Mapping[str, Any]) -> Row:
    """How many times as fast accord was, and with how much memory; goals come later (`with_goals`).

    Raises `ValueError` where the two did not do the same work.
    """
    setting = SETTINGS.get(name)
    row: Row = {
        "stage": stage,
        "peer": "accord" if setting is None else setting.of,
        "peer_setting": name,
        "steps": len(pair.accord),
        "others": round(pair.others, 3),
        "wall": round(pair.wall, 1),
        "spread": spread([reply["seconds"] for reply in pair.accord]),
        "share": _share(stage, pair.accord, facts),
    }
    if decodes := [reply["decode"] for reply in pair.accord if reply.get("decode")]:
        row["decode"] = _decoding(median(decodes), len(facts["writing"]["stages"][stage]["lengths"]), facts)
    ours_end, peer_end = pair.ends
    row["seconds"] = {"accord": _pace_of(pair.accord), "peer": None}
    row["memory_gb"] = {"accord": ours_end["peak_gb"], "peer": None}
    if pair.at_least is not None or peer_end is None:
        told = [reply["seconds"] for reply in pair.accord]
        row["at_least"] = {"seconds": pair.at_least, "ratio": (pair.at_least or 0.0) / max(told)}
        return row
    row["seconds"]["peer"] = _pace_of(pair.peer)
    row["ratio"] = ratios(paces(pair.peer), paces(pair.accord))
    row["processor_ratio"] = ratios(paces(pair.peer, "processor"), paces(pair.accord, "processor"))
    row["memory_gb"]["peer"] = peer_end["peak_gb"]
    row["memory_ratio"] = ours_end["peak_gb"] / peer_end["peak_gb"]
    if setting is not None and setting.weights:
        row["weights"] = setting.weights
    if peer_end.get("about"):
        row["about"] = peer_end["about"]
    if "likeliest" in peer_end:
        wanted = facts["writing"]["likeliest"]
        alike = sum(a == b for a, b in zip(peer_end["likeliest"], wanted, strict=True)) / len(wanted)
        if alike < ALIKE_TOKENS:
            raise ValueError(f"{name} finds other likeliest tokens than the model: {alike:.0%} alike")
    if "held_out" in ours_end and "held_out" in peer_end:
        losses = row["held_out"] = {"accord": ours_end["held_out"], "peer": peer_end["held_out"]}
        difference = abs(losses["accord"] / losses["peer"] - 1)
        if difference > APART:
            raise ValueError(f"losses on other texts {losses} differ by {difference:.1%}: not equal work")
    return row


def paces(replies: Sequence[Reply], clock: str = "seconds") -> list[float]:
    """Seconds a step; a token where sides may write different lengths."""
    return [reply[clock] / (reply["tokens"] or 1) for reply in replies]


def spread(seconds: Sequence[float]) -> float:
    """How far the slowest lies above the fastest, as a share."""
    return max(seconds) / min(seconds) - 1


def _pace_of(replies: Sequence[Reply]) -> float:
    return float(median(paces(replies)))


def ratios(peer: Sequence[float], ours: Sequence[float]) -> dict[str, float]:
    """The ratio of the medians, and the lowest and highest of neighbours: two steps that followed one another."""
    pairs = [theirs / own for theirs, own in zip(peer, ours, strict=True)]
    return {"median": median(peer) / median(ours), "low": min(pairs), "high": max(pairs)}


def _share(stage: str, ours: Sequence[Reply], facts: Mapping[str, Any]) -> float | None:
    """The share of the best product that training reaches; of the memory's bound that a step of writing does."""
    limits = facts["limits"]
    if stage in GENERATED:
        lengths = facts["writing"]["stages"][stage]["lengths"]
        step = _pace_of(ours) * sum(lengths) / max(lengths)
        return decode_bound(facts["weight_bytes"], limits["read_gb"]) / step
    flops = facts["flops"].get(stage)
    if flops is None:
        return None
    share: float = flops / median(reply["seconds"] for reply in ours) / 1e9 / limits["gflops"]
    return share


def _decoding(seconds: float, sequences: int, facts: Mapping[str, Any]) -> dict[str, float]:
    """A step in which all sequences run and no prompt is read, and its share of what memory and products allow.

    Products of as many rows as sequences run take 2 operations a weight and row, and cannot be faster than the best.
    """
    limits = facts["limits"]
    memory = decode_bound(facts["weight_bytes"], limits["read_gb"])
    products = facts["weight_bytes"] / 2 * 2 * sequences / limits["gflops"] / 1e9
    return {"seconds": seconds, "of_memory": memory / seconds, "of_both": max(memory, products) / seconds}


def with_goals(rows: Sequence[Row], *, native: bool) -> list[Row]:
    """All rows with what accord set itself beside what it reached; which setting is a peer's best is known at the end.

    Memory is to be held against the setting that trades it for speed; the limit is told once a stage.
    """
    fresh = [dict(row) for row in rows]
    for stage in dict.fromkeys(row["stage"] for row in fresh):
        of_stage = [row for row in fresh if row["stage"] == stage]
        measured = [row for row in of_stage if row.get("ratio")]
        best = min(measured, key=lambda row: row["ratio"]["median"], default=None)
        goal = GOALS[stage]
        share_goal = goal.limit_share if native or goal.limit_share_plain is None else goal.limit_share_plain
        for row in of_stage:
            row["best_setting"] = row is best
            _judge_speed(row, goal)
            keeps = _is_without_checkpointing(row)
            row["memory_goal"] = goal.memory if keeps else None
            row["memory_met"] = None if row["memory_goal"] is None else row["memory_ratio"] <= goal.memory
            told = row is (best or of_stage[0]) and row["share"] is not None and share_goal is not None
            row["share_goal"] = share_goal if told else None
            row["share_met"] = row["share"] >= share_goal if told else None
    return fresh


def _judge_speed(row: Row, goal: Goal) -> None:
    """A peer that was ended for its slowness meets a goal by what is certain of it, or leaves it open."""
    wanted = goal.settings.get(row["peer_setting"], goal.best if row["best_setting"] else None)
    row["goal"] = wanted
    if wanted is None:
        row["met"] = None
    elif row.get("ratio"):
        row["met"] = row["ratio"]["median"] >= wanted
    else:
        row["met"] = True if row["at_least"]["ratio"] >= wanted else None


def _is_without_checkpointing(row: Row) -> bool:
    if "memory_ratio" not in row:
        return False
    return row["stage"] in AGAINST_OURSELVES or row["peer_setting"] in ("GC off, malloc", "GC off, malloc, float32")
