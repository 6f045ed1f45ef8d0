"""Texts before and after, by a rule that leaves nobody a choice."""

from dataclasses import dataclass
from typing import Any

from accord.report.reading import Reading

__all__ = ["FILE", "SHOWN", "Text", "Twin", "twins"]

SHOWN = 8
FILE = "evaluation/samples.jsonl"
Row = dict[str, Any]


@dataclass(frozen=True)
class Text:
    """A text that was sampled; scores are None where that judge did not read it."""

    text: str
    proxy: float | None
    judge: float | None
    stopped: bool


@dataclass(frozen=True)
class Twin:
    """A text of the start and one of the policy, both in answer to `prompt`. One is None where an arm has too few."""

    prompt: str
    start: Text | None
    policy: Text | None


def twins(reading: Reading) -> list[Twin]:
    """The first sample of each held-out prompt in the order of the file, then the second of each, up to `SHOWN`."""
    groups: dict[str, dict[str, list[Row]]] = {}
    for row in reading.jsonl(FILE) or []:
        groups.setdefault(row["prompt"], {}).setdefault(row["arm"], []).append(row)
    texts = _prompts(reading)
    most = max((len(rows) for arms in groups.values() for rows in arms.values()), default=0)
    found = [
        Twin(texts.get(name, name), _text(arms.get("start", []), turn), _text(arms.get("policy", []), turn))
        for turn in range(most)
        for name, arms in groups.items()
        if any(turn < len(rows) for rows in arms.values())
    ]
    return found[:SHOWN]


def _text(rows: list[Row], turn: int) -> Text | None:
    if turn >= len(rows):
        return None
    row = rows[turn]
    return Text(row["text"], row.get("reward"), row.get("eval_reward"), row.get("finish_reason") == "eos")


def _prompts(reading: Reading) -> dict[str, str]:
    """What each prompt asks, by id: its last message."""
    return {row["id"]: row["messages"][-1]["content"] for row in reading.jsonl("data/prompts.jsonl") or []}
