"""Candidates written live: a bare prompt whose turn has come is put to the study's writer.

Who writes and how it samples are kept with every completion. A writer that fails costs nobody an answer: the item is
left for a minute, whoever runs the study is told, and the person gets something else or is asked to look again.
"""

import hashlib
from dataclasses import dataclass
from typing import Any, Self

from sqlalchemy import Connection, Row, select, update

from accord.collect.assignment.acquisition import preferences, uncertainty_gap
from accord.collect.desk import tables
from accord.collect.desk.context import Context, records
from accord.errors import AccordError
from accord.records import Completion, Prompt, Sampling

__all__ = ["Unwritten", "write"]

LEASE_SECONDS = 600.0
REST_SECONDS = 60.0
TRIES = 3
ITEMS = tables.items


@dataclass(frozen=True)
class Unwritten:
    """An item that is being written for; until the lease ends, nobody else is handed it."""

    item: str
    prompt: Prompt
    n: int

    @classmethod
    def claim(cls, context: Context, connection: Connection, item: Row[Any], now: float) -> Self:
        """Take the writing of an item upon oneself."""
        connection.execute(update(ITEMS).where(ITEMS.c.id == item.id).values(writing_until=now + LEASE_SECONDS))
        return cls(item.id, records(connection, Prompt, [item.prompt])[item.prompt], item.candidates)


class UnusableError(Exception):
    """What a writer returned cannot be asked about."""


def write(context: Context, wanted: Unwritten) -> bool:
    """Have an item's completions written and kept; whether that was done.

    On failure the item is left for a while, and whoever runs the study is told.
    """
    try:
        made = _written(context, wanted)
    except (AccordError, UnusableError, OSError, RuntimeError, ValueError) as error:
        with context.ledger.begin(immediate=True) as connection:
            later = context.now() + REST_SECONDS
            connection.execute(update(ITEMS).where(ITEMS.c.id == wanted.item).values(writing_until=later))
            context.note(connection, "writer", f"{_name(context)} failed on {wanted.prompt.id}: {error}")
        return False
    p = _judged(context, wanted.prompt, made)
    with context.ledger.transaction() as adding:
        there = adding.connection.execute(select(ITEMS).where(ITEMS.c.id == wanted.item)).one()
        if there.completions:  # somebody else wrote after this lease had ended
            return True
        adding.add(*made)
        values = {"completions": [each.id for each in made], "written": 1, "writing_until": 0.0}
        values |= {} if p is None else {"model_p": p, "gap": uncertainty_gap(p, {})}
        adding.connection.execute(update(ITEMS).where(ITEMS.c.id == wanted.item).values(values))
    return True


def _written(context: Context, wanted: Unwritten) -> list[Completion]:
    """Completions that all differ, with writer and sampling on record; a few tries with other seeds."""
    assert context.writer is not None
    made: dict[str, Completion] = {}
    for attempt in range(TRIES):
        sampling = _sampling(context, wanted.item, attempt)
        answers = context.writer.write([wanted.prompt], wanted.n - len(made), sampling)
        if len(answers) != 1:
            raise UnusableError(f"it answered {len(answers)} prompts, not 1")
        for each in answers[0]:
            if each.prompt != wanted.prompt.id:
                raise UnusableError(f"it answered another prompt ({each.prompt})")
            if each.text.strip():
                made.setdefault(each.text, _recorded(context, each, sampling))
        if len(made) >= wanted.n:
            return list(made.values())[: wanted.n]
    raise UnusableError(f"in {TRIES} tries it wrote {len(made)} different completions, not {wanted.n}")


def _recorded(context: Context, made: Completion, sampling: Sampling) -> Completion:
    missing: dict[str, Any] = {} if made.sampling else {"sampling": sampling}
    missing |= {} if made.writer else {"writer": _name(context)}
    return made.model_copy(update=missing) if missing else made


def _sampling(context: Context, item: str, attempt: int) -> Sampling:
    """The study's sampling, with a seed of the item's own."""
    drawn = hashlib.sha256(f"{context.seed}/{item}/{attempt}/{context.study.sampling.seed}".encode()).digest()
    return context.study.sampling.model_copy(update={"seed": int.from_bytes(drawn[:4], "big") >> 1})


def _judged(context: Context, prompt: Prompt, made: list[Completion]) -> float | None:
    if context.judge is None or len(made) != 2:
        return None
    return preferences(context.judge, [prompt], [(made[0], made[1])])[0]


def _name(context: Context) -> str:
    return "nobody" if context.writer is None else context.writer.name
