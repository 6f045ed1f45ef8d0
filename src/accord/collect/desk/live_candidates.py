"""Candidates written live: a bare prompt whose turn has come is put to the study's writer.

Who writes and how it samples are kept with every completion. A writer that fails costs nobody an answer: the item is
left for a minute, whoever runs the study is told, and the person gets something else or is asked to look again.
"""

import hashlib
from dataclasses import dataclass
from typing import Any, Self

from sqlalchemy import Row, select, update

from accord.collect.assignment.acquisition import preferences, uncertainty_gap
from accord.collect.desk import tables
from accord.collect.desk.assistance import ask_assistant
from accord.collect.desk.context import Context, Transaction
from accord.errors import AccordError
from accord.records import Completion, Prompt, Sampling

__all__ = ["WRITER_FAILURES", "UnusableError", "Unwritten", "distinct_completions", "write_candidates", "writer_name"]

ITEMS = tables.items
LEASE_SECONDS = 600.0
REST_SECONDS = 60.0
MAX_TRIES = 3


@dataclass(frozen=True)
class Unwritten:
    """An item that is being written for (`n` completions); until the lease ends, nobody else is handed it."""

    item: str
    prompt: Prompt
    n: int

    @classmethod
    def claim(cls, tx: Transaction, item: Row[Any]) -> Self:
        """Take the writing of an item upon oneself."""
        tx.execute(update(ITEMS).where(ITEMS.c.id == item.id).values(writing_until=tx.now + LEASE_SECONDS))
        return cls(item.id, tx.prompt(item.prompt), item.candidates)


class UnusableError(Exception):
    """What a writer returned cannot be asked about."""


WRITER_FAILURES = (AccordError, UnusableError, OSError, RuntimeError, ValueError)
"""What a writer of any make may raise where it cannot write."""


def write_candidates(context: Context, unwritten: Unwritten) -> bool:
    """Have an item's completions written and kept; whether that succeeded.

    On failure the item is left for a while, and whoever runs the study is told.
    """
    try:
        completions = distinct_completions(context, unwritten.prompt, unwritten.n, unwritten.item)
        if len(completions) < unwritten.n:
            problem = f"in {MAX_TRIES} tries it wrote {len(completions)} different completions, not {unwritten.n}"
            raise UnusableError(problem)
    except WRITER_FAILURES as error:
        with context.writing() as tx:
            later = tx.now + REST_SECONDS
            tx.execute(update(ITEMS).where(ITEMS.c.id == unwritten.item).values(writing_until=later))
            tx.note("writer", f"{writer_name(context)} failed on {unwritten.prompt.id}: {error}")
        return False
    p = _preference(context, unwritten.prompt, completions)
    with context.writing() as tx:
        row = tx.execute(select(ITEMS).where(ITEMS.c.id == unwritten.item)).one()
        if row.completions:  # somebody else wrote after this lease had ended
            return True
        tx.add(*completions)
        values = {"completions": [completion.id for completion in completions], "written": 1, "writing_until": 0.0}
        values |= {} if p is None else {"model_p": p, "gap": uncertainty_gap(p, {})}
        tx.execute(update(ITEMS).where(ITEMS.c.id == unwritten.item).values(values))
    ask_assistant(context, unwritten.item)
    return True


def distinct_completions(context: Context, prompt: Prompt, n: int, key: str) -> list[Completion]:
    """Up to `n` completions that differ and can be judged, with writer and sampling on record.

    Where they do not differ, it is tried a few times, with seeds that are drawn from `key`. Raises one of
    `WRITER_FAILURES`.
    """
    assert context.writer is not None
    by_text: dict[str, Completion] = {}
    for attempt in range(MAX_TRIES):
        sampling = _sampling(context, key, attempt)
        groups = context.writer.write([prompt], n - len(by_text), sampling)
        if len(groups) != 1:
            raise UnusableError(f"it answered {len(groups)} prompts, not 1")
        for completion in groups[0]:
            if completion.prompt != prompt.id:
                raise UnusableError(f"it answered another prompt ({completion.prompt})")
            if completion.text.strip() and _answerable(context, completion):
                by_text.setdefault(completion.text, _with_origin(context, completion, sampling))
        if len(by_text) >= n:
            return list(by_text.values())[:n]
    return list(by_text.values())


def _answerable(context: Context, completion: Completion) -> bool:
    """Whether people could answer about a completion."""
    return all(question.unanswerable([completion]) is None for question in context.study.questions)


def _with_origin(context: Context, completion: Completion, sampling: Sampling) -> Completion:
    """The completion with its writer and sampling, where it does not name them itself."""
    missing: dict[str, Any] = {} if completion.sampling else {"sampling": sampling}
    missing |= {} if completion.writer else {"writer": writer_name(context)}
    return completion.model_copy(update=missing) if missing else completion


def _sampling(context: Context, name: str, attempt: int) -> Sampling:
    """The study's sampling, with a seed drawn from a name."""
    key = f"{context.seed}/{name}/{attempt}/{context.study.sampling.seed}"
    digest = hashlib.sha256(key.encode()).digest()
    return context.study.sampling.model_copy(update={"seed": int.from_bytes(digest[:4], "big") >> 1})


def _preference(context: Context, prompt: Prompt, completions: list[Completion]) -> float | None:
    """The judge's probability that the first of two is preferred; None without a judge, or of another number."""
    if context.judge is None or len(completions) != 2:
        return None
    return preferences(context.judge, [prompt], [(completions[0], completions[1])])[0]


def writer_name(context: Context) -> str:
    """How whoever writes is called."""
    return "nobody" if context.writer is None else context.writer.name
