"""Records that refer to earlier ones: whose answer may be taken back or asked again, and by whom."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from sqlalchemy import Connection, select

from accord.errors import LedgerError
from accord.feedback.store.tables import TABLES
from accord.records import Evaluator, Feedback, parse

__all__ = ["ADJUDICATION", "Earlier", "check_earlier"]

ADJUDICATION = "adjudication"
"""The pool of those who have the last word on a disputed item: each may replace a ruling of another."""

IDS_PER_QUERY = 500


@dataclass(frozen=True)
class Earlier:
    """That the feedback `name`, by `evaluator` about `prompt` in `study`, `repeat_of`s or `replaces` an earlier one."""

    relation: str
    earlier: str
    name: str
    evaluator: str
    prompt: str
    study: str | None


def check_earlier(
    connection: Connection, location: str, references: Sequence[Earlier], *, beside: Connection | None = None
) -> None:
    """Raises `LedgerError` where feedback refers to another's answer, to one about something else, or to one that is
    replaced already.

    An answer is taken back by whoever gave it, about the same prompt, in the same study where both say which, and
    once: a further change of mind replaces the last one. Another ledger, `beside`, may have been told of one already.
    """
    if not references:
        return
    earlier = _feedback(connection, {reference.earlier for reference in references})
    adjudicators = _adjudicators(connection, references, earlier.values())
    for reference in references:
        problem = _problem(reference, earlier[reference.earlier], adjudicators)
        if problem:
            raise LedgerError(f"{location}: {reference.name} {reference.relation} {reference.earlier}, {problem}")
    replacing = [reference for reference in references if reference.relation == "replaces"]
    _check_once([connection] if beside is None else [beside, connection], location, replacing)


def _problem(reference: Earlier, earlier: Feedback, adjudicators: set[str]) -> str:
    rulings = reference.relation == "replaces" and {reference.evaluator, earlier.evaluator} <= adjudicators
    if earlier.evaluator != reference.evaluator and not rulings:
        return "which is another evaluator's; an answer is changed by whoever gave it"
    if earlier.prompt != reference.prompt:
        return "which is about another prompt"
    if None not in (earlier.study, reference.study) and earlier.study != reference.study:
        return "which is of another study"
    return ""


def _check_once(connections: Sequence[Connection], location: str, references: Sequence[Earlier]) -> None:
    replaced = {reference.earlier for reference in references}
    by: dict[str, str] = {}
    prompts = {reference.prompt for reference in references}
    for name, earlier in chain.from_iterable(_replacements(connection, prompts) for connection in connections):
        if earlier in replaced and by.setdefault(earlier, name) != name:
            raise LedgerError(
                f"{location}: {by[earlier]} and {name} both replace {earlier}; the later has to replace the former"
            )


def _replacements(connection: Connection, prompts: Iterable[str]) -> Iterable[tuple[str, str]]:
    """The feedback about these prompts that replaces any other, and what."""
    table = TABLES["feedback"]
    query = select(table.c.id, table.c.content).where(table.c.content.contains('"replaces":'))
    for chunk in _chunks(prompts):
        for row in connection.execute(query.where(table.c.prompt.in_(chunk))):
            replaces = parse(Feedback, row.content, place=row.id).replaces
            if replaces is not None:
                yield row.id, replaces


def _feedback(connection: Connection, names: Iterable[str]) -> dict[str, Feedback]:
    table = TABLES["feedback"]
    return {
        row.id: parse(Feedback, row.content, place=row.id)
        for chunk in _chunks(names)
        for row in connection.execute(select(table.c.id, table.c.content).where(table.c.id.in_(chunk)))
    }


def _adjudicators(connection: Connection, references: Sequence[Earlier], earlier: Iterable[Feedback]) -> set[str]:
    """Who of all these has the last word on disputed items."""
    table = TABLES["evaluators"]
    names = {reference.evaluator for reference in references} | {feedback.evaluator for feedback in earlier}
    return {
        row.id
        for chunk in _chunks(names)
        for row in connection.execute(select(table.c.id, table.c.content).where(table.c.id.in_(chunk)))
        if parse(Evaluator, row.content, place=row.id).pool == ADJUDICATION
    }


def _chunks(names: Iterable[str]) -> Iterable[list[str]]:
    every = sorted(names)
    return (every[start : start + IDS_PER_QUERY] for start in range(0, len(every), IDS_PER_QUERY))
