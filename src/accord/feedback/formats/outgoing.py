"""What stands in a ledger, joined, for a format to write; and what the format cannot hold, counted by name."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import func, select

from accord.feedback.formats.origins import Origins
from accord.feedback.provenance import is_known
from accord.feedback.store.ledger import Ledger
from accord.feedback.store.tables import TABLES
from accord.records import Comparison, Completion, Evaluator, Feedback, Message, Prompt, Record, parse

__all__ = ["KEEPABLE", "JudgedItem", "Outgoing"]

AT_ONCE = 500
R = TypeVar("R", bound=Record)
FIELDS = {
    "instructions": "instructions",
    "shown_digest": "shown order",
    "available_digest": "what there was to see",
    "time": "time",
    "seconds": "seconds",
    "session": "session",
    "position_in_session": "position in session",
    "round": "round",
    "gold": "gold answer",
    "repeat_of": "repeat of",
    "telemetry": "telemetry",
    "assistance": "assistance",
    "usage": "usage",
    "conversation": "conversation",
    "principle": "principle",
    "comment": "comment",
    "language": "language",
}
KEEPABLE = frozenset(
    {
        *FIELDS.values(),
        "evaluator",
        "strength",
        "scores",
        "system",
        "several turns",
        "tool calls",
        "attachments",
        "names in messages",
        "writer",
        "sampling",
        "step starts",
    }
)
"""What a ledger may hold beside the texts and the judgement, by the names under which losses are counted."""


@dataclass(frozen=True)
class JudgedItem:
    """One act of judgement with the records that it names; `completions` in the order of the feedback."""

    feedback: Feedback
    prompt: Prompt
    completions: tuple[Completion, ...]
    evaluator: Evaluator


class Outgoing:
    """What stands in a ledger (nothing that was taken back) for one export. It streams; memory does not grow with it.

    `judged` and `by_prompt` count what their items hold and `keeps` does not name; whatever else a format has to leave
    out, it counts by `lose`. Kinds of judgement that are not in `carries` are never handed out, and counted.

    `origins` are what rows say of where they come from (None: nothing), `as_texts` whether prompts and answers are to
    be written as texts instead of messages.
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        carries: frozenset[str],
        keeps: frozenset[str] = frozenset(),
        origins: Origins | None = None,
        as_texts: bool = False,
    ) -> None:
        self.lost: Counter[str] = Counter()
        self.ledger = ledger
        self.origins, self.as_texts = origins, as_texts
        self._carries, self._keeps = carries, keeps
        self._upto = ledger.last_row
        self._replaced = ledger.replaced(self._upto)

    def lose(self, what: str, n: int = 1) -> None:
        """Count what the format cannot hold ("evaluator", "image", "tie")."""
        self.lost[what] += n

    def origin(self, feedback: Feedback) -> dict[str, Any]:
        """The columns that say where a row of this act comes from; none where that is not asked for."""
        return {} if self.origins is None else self.origins.columns(feedback)

    def prompt_origin(self, prompt: str) -> dict[str, Any]:
        """The same of a row that is a prompt alone, by its id."""
        return {} if self.origins is None else self.origins.prompt_columns(prompt)

    def pseudonym(self, who: Evaluator, form: str) -> str | None:
        """What a format that holds no pools calls an evaluator; None where nobody knows who it is.

        A pool that the format does not say of itself is counted as lost; where several people, or several models,
        share a pseudonym, pool and kind stand before it, so that nobody's votes become another's.
        """
        if not is_known(who):
            return None
        if who.pool != form:
            self.lose("pool")
        usual = who.kind in ("person", "model")
        if self._bearers[who.pseudonym, who.kind == "model"] == 1 or (usual and who.pool == form):
            return who.pseudonym
        return "/".join([who.pool or "", *([] if usual else [who.kind]), who.pseudonym])

    @cached_property
    def _bearers(self) -> Counter[tuple[str, bool]]:
        """How many bear each pseudonym, by pool and kind; models by themselves."""
        bearers = {
            (evaluator.pseudonym, evaluator.kind, evaluator.pool) for evaluator in self.ledger.evaluators().values()
        }
        return Counter((name, kind == "model") for name, kind, _ in bearers)

    def judged(self) -> Iterator[JudgedItem]:
        """Every act of judgement of a kind that the format carries, in the order of the ledger."""
        yield from self._kept(item for _, item in self._joined(self.ledger.numbered(self._upto)))

    def by_prompt(self) -> Iterator[tuple[Prompt, list[JudgedItem]]]:
        """The same, a prompt with all that was said about it at a time; prompts in the order of what was first said."""
        for name in self._judged_prompts():
            items = list(self._kept(item for _, item in self._joined(self._about(name))))
            if items:
                yield items[0].prompt, items

    def prompts(self) -> Iterator[Prompt]:
        """Every prompt, whether anything was said about it or not, in the order of the ledger."""
        yield from (record for record in self.ledger.records(upto=0) if isinstance(record, Prompt))

    def completions(self, prompt: Prompt) -> list[Completion]:
        """All that was written in answer to a prompt, in the order of the ledger."""
        table = TABLES["completions"]
        query = select(table.c.id, table.c.content).where(table.c.prompt == prompt.id).order_by(table.c.row)
        with self.ledger.begin() as connection:
            return [_record(Completion, row.id, row.content) for row in connection.execute(query)]

    # -- inside ------------------------------------------------------------------------------------------

    def _kept(self, items: Iterable[JudgedItem]) -> Iterator[JudgedItem]:
        """Those that the format carries and nobody took back; what they hold and the format does not is counted."""
        for item in items:
            kind = item.feedback.judgement.kind
            if item.feedback.id in self._replaced:
                self.lose("taken back")
            elif kind not in self._carries:
                self.lose(kind)
            else:
                self.lost.update(held_beside(item) - self._keeps)
                yield item

    def _joined(self, numbered: Iterable[tuple[int, Feedback]]) -> Iterator[tuple[int, JudgedItem]]:
        source = iter(numbered)
        while rows := list(islice(source, AT_ONCE)):
            records = [feedback for _, feedback in rows]
            prompts = self._by_id(Prompt, "prompts", {each.prompt for each in records})
            evaluators = self._by_id(Evaluator, "evaluators", {each.evaluator for each in records})
            answers = self._by_id(Completion, "completions", {name for each in records for name in each.completions})
            for row, feedback in rows:
                texts = tuple(answers[name] for name in feedback.completions)
                yield row, JudgedItem(feedback, prompts[feedback.prompt], texts, evaluators[feedback.evaluator])

    def _by_id(self, kind: type[R], name: str, ids: set[str]) -> Mapping[str, R]:
        table, wanted = TABLES[name], sorted(ids)
        records: dict[str, R] = {}
        with self.ledger.begin() as connection:
            for start in range(0, len(wanted), AT_ONCE):
                query = select(table.c.id, table.c.content).where(table.c.id.in_(wanted[start : start + AT_ONCE]))
                records |= {row.id: _record(kind, row.id, row.content) for row in connection.execute(query)}
        return records

    def _judged_prompts(self) -> Iterator[str]:
        """The ids of prompts that something was said about, by the row at which it was first said."""
        table, last = TABLES["feedback"], 0
        first = func.min(table.c.row)
        query = select(table.c.prompt, first.label("first")).where(table.c.row <= self._upto).group_by(table.c.prompt)
        while True:
            with self.ledger.begin() as connection:
                rows: Sequence[Any] = connection.execute(
                    query.having(first > last).order_by(first).limit(20 * AT_ONCE)
                ).all()
            if not rows:
                return
            yield from (row.prompt for row in rows)
            last = rows[-1].first

    def _about(self, prompt: str) -> Iterator[tuple[int, Feedback]]:
        table = TABLES["feedback"]
        query = select(table.c.row, table.c.id, table.c.content).where(table.c.prompt == prompt).order_by(table.c.row)
        with self.ledger.begin() as connection:
            rows = connection.execute(query.where(table.c.row <= self._upto)).all()
        return ((row.row, _record(Feedback, row.id, row.content)) for row in rows)


def held_beside(item: JudgedItem) -> set[str]:
    """What an act of judgement holds beside texts and judgement, by the names of `KEEPABLE`."""
    names = {name for field, name in FIELDS.items() if getattr(item.feedback, field) is not None}
    if is_known(item.evaluator):
        names.add("evaluator")
    judgement = item.feedback.judgement
    if isinstance(judgement, Comparison):
        names |= {name for name in ("strength", "scores") if getattr(judgement, name) is not None}
    messages: list[Message] = list(item.prompt.messages)
    for answer in item.completions:
        messages += answer.turns or ()
        names |= {name for name, there in _beside(answer) if there}
    if any(message.role == "system" for message in messages):
        names.add("system")
    for field, name in (("tool_calls", "tool calls"), ("attachments", "attachments"), ("name", "names in messages")):
        if any(getattr(message, field) is not None for message in messages):
            names.add(name)
    return names


def _beside(answer: Completion) -> Iterator[tuple[str, bool]]:
    yield "several turns", answer.turns is not None
    yield "writer", answer.writer is not None
    yield "sampling", answer.sampling is not None or answer.token_ids is not None
    yield "step starts", answer.step_starts is not None


def _record(kind: type[R], name: str, content: str) -> R:
    record = parse(kind, content, place=name)
    record.__dict__["id"] = name
    return record
