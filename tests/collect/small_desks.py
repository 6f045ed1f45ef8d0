"""A small study in a folder, its desk, and a clock that the test sets."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import tomli_w

from accord.collect import Desk, Person, Practice, Study, Task
from accord.feedback import Ledger

__all__ = ["Clock", "answer", "join", "join_expert", "lay", "lines", "opened", "pairs", "task"]

HEAD = {"name": "small", "title": "A small study"}
QUESTION = {"kind": "comparison", "text": "Which is better?"}


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 9, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> None:
        self.now += timedelta(**by)


def lines(path: Path, content: Sequence[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(line) + "\n" for line in content), encoding="utf-8")
    return path.name


def pairs(n: int, **more: Any) -> list[dict[str, Any]]:
    return [{"prompt": f"Question {i}", "completions": [f"good {i}", f"bad {i}"], **more} for i in range(n)]


def lay(folder: Path, items: Sequence[dict[str, Any]] | None = None, **keys: Any) -> Study:
    """A study in a folder. `question` are keys of its question (`questions`: several); `gold_items` are lines too."""
    content: dict[str, Any] = {
        **HEAD,
        "questions": keys.pop("questions", None) or [{**QUESTION, **keys.pop("question", {})}],
        "items_file": lines(folder / "items.jsonl", pairs(6) if items is None else items),
    }
    for purpose in ("gold", "practice"):
        if items_of_purpose := keys.pop(f"{purpose}_items", None):
            content[f"{purpose}_file"] = lines(folder / f"{purpose}.jsonl", items_of_purpose)
    path = folder / "study.toml"
    path.write_text(tomli_w.dumps(content | keys), encoding="utf-8")
    return Study.load(path)


def opened(study: Study, ledger: Ledger, clock: Clock | None = None, **more: Any) -> Desk:
    desk = Desk(study, ledger, clock=clock or Clock(), **more)
    desk.load_items()
    return desk


def join(desk: Desk, **attributes: str) -> Person:
    return desk.accept(desk.invite().token, consent=True, attributes=attributes)


def join_expert(desk: Desk) -> Person:
    return desk.accept(desk.invite(expert=True).token, consent=True)


def task(desk: Desk, person: Person) -> Task:
    """What is next, which must be a task (of the practice round or not)."""
    step = desk.next(person)
    if isinstance(step, Practice):
        return step.task
    assert isinstance(step, Task), step
    return step


def answer(desk: Desk, person: Person, preferred: str = "left") -> Task:
    """Answer what is next."""
    current = task(desk, person)
    desk.submit(person, current.reservation, {"preferred": preferred})
    return current
