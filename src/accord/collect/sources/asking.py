"""Asking a machine the items of a study: those that are left, in both orders, within a budget of tokens.

All that is said about one item, both readings and what was said on the way, enters the ledger in one transaction as
soon as it is said: what is killed loses what was under way and nothing else. An item that got no answer is left for
another time.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from time import perf_counter

from accord.collect.sources.answering import Answer, Answerer
from accord.collect.sources.ask_counts import AskCounts, tokens_of
from accord.collect.sources.model import declined
from accord.collect.sources.study_items import AskedItem
from accord.collect.sources.token_budget import TokenBudget
from accord.collect.sources.work_queue import WorkQueue
from accord.collect.study import Study, shown_digest
from accord.errors import FormError, StudyError
from accord.feedback.store.ledger import Ledger
from accord.interfaces import Item
from accord.records import Comparison, Declined, Feedback, Judgement

__all__ = ["Asking"]


@dataclass(frozen=True)
class _Reading:
    """An item in one order, what was said about it, when, and after how many seconds."""

    item: Item
    answer: Answer
    time: datetime
    seconds: float


@dataclass(frozen=True)
class Asking:
    """A study put to a machine.

    resume    whether to go on where this evaluator answered some of the items before
    budget    tokens that all its answers in this study may cost, those that are on record included
    parallel  items under way at once
    seed      draws the order in which completions are shown first
    clock     the time, with its zone
    on_item   is called with the counts whenever an item is done
    """

    study: Study
    items: Sequence[AskedItem]
    answerer: Answerer
    ledger: Ledger
    resume: bool = False
    budget: int | None = None
    parallel: int = 4
    seed: int = 0
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    on_item: Callable[[AskCounts], None] = lambda _: None

    def run(self) -> AskCounts:
        """Ask what is left. What fails is in the counts.

        Raises `StudyError` where some of the items were answered before and `resume` is not set.
        """
        before = self._answered()
        queue = deque(item for item in self.items if item.key not in before)
        counts = AskCounts(items=len(self.items), before=len(self.items) - len(queue))
        if counts.before and not self.resume:
            raise StudyError(
                f"{self.ledger.location}: {self.answerer.evaluator.pseudonym} answered {counts.before} of the "
                f"{counts.items} items before; --resume asks it the others"
            )
        WorkQueue(
            self._most_tokens,
            self._readings,
            lambda item, readings: self._keep(item, readings, counts),
            lambda item, error: counts.fail(item.place, error),
            TokenBudget(self.budget, self._spent(before)),
            self.parallel,
        ).run(queue)
        counts.left = len(queue)
        return counts

    def _answered(self) -> dict[tuple[str, ...], list[Feedback]]:
        """What this evaluator said in this study, as it is asked now, by item."""
        answers: dict[tuple[str, ...], list[Feedback]] = {}
        for record in self.ledger.feedback_of(self.answerer.evaluator.id):
            if (record.study, record.instructions) == (self.study.name, self.study.guideline_digest):
                answers.setdefault((record.prompt, *sorted(record.completions)), []).append(record)
        return answers

    def _spent(self, before: Mapping[tuple[str, ...], Sequence[Feedback]]) -> int:
        """Tokens that answers on record cost; as many as they can have cost at most where nobody counted."""
        by_key = {item.key: item for item in self.items}
        tokens = 0
        for key, answers in before.items():
            usages = [record.usage for record in answers if record.usage is not None]
            is_counted = len(usages) == len(answers) or key not in by_key
            tokens += sum(map(tokens_of, usages)) if is_counted else self._most_tokens(by_key[key])
        return tokens

    def _most_tokens(self, item: AskedItem) -> int:
        return sum(self.answerer.most_tokens(in_order) for in_order in self._orders(item))

    def _orders(self, item: AskedItem) -> list[Item]:
        """The item in a drawn order, and in that order reversed where it may matter."""
        in_order = item.shown(self.seed)
        if len(in_order.completions) < 2 or not self.answerer.depends_on_order:
            return [in_order]
        return [in_order, replace(in_order, completions=in_order.completions[::-1])]

    def _readings(self, item: AskedItem) -> list[_Reading]:
        """What the machine says in each order. Raises `ModelError` where it says nothing in one."""
        readings = []
        for in_order in self._orders(item):
            start = perf_counter()
            answer = self.answerer.answer(in_order)
            readings.append(_Reading(in_order, answer, self.clock(), round(perf_counter() - start, 3)))
        return readings

    def _keep(self, item: AskedItem, readings: Sequence[_Reading], counts: AskCounts) -> int | None:
        """Keep what was said of an item and count it; what it cost, where that is known."""
        feedback = list(self._feedback(item, readings))
        self.ledger.add(self.answerer.evaluator, item.prompt, *item.completions, *feedback)
        free = self._most_tokens(item) == 0
        counts.add(feedback, self.study.question.kind, free=free)
        self.on_item(counts)
        costs = [tokens_of(record.usage) for record in feedback if record.usage is not None]
        return sum(costs) if len(costs) == len(feedback) else None

    def _feedback(self, item: AskedItem, readings: Sequence[_Reading]) -> Iterator[Feedback]:
        """What was said as records: what was said on the way first, the second order as a repetition of the first."""
        first: Feedback | None = None
        for reading in readings:
            for earlier in reading.answer.on_the_way:
                yield self._record(item, reading, earlier, earlier.judgement)
            judgement = self._restated(reading.answer.judgement, reading.item)
            record = self._record(item, reading, reading.answer, judgement, repeat_of=first)
            first = first or record
            yield record

    def _restated(self, judgement: Judgement, item: Item) -> Judgement:
        """A judgement as a person could have given it; `Declined` where nobody could."""
        if isinstance(judgement, Declined):
            return judgement
        try:
            answer = self.study.question.restate(judgement, item.completions)
        except FormError as error:
            return declined(f"no answer that this study offers: {error}")
        if isinstance(judgement, Comparison) and isinstance(answer, Comparison):
            return answer.model_copy(update={"scores": judgement.scores})
        return answer

    def _record(
        self,
        item: AskedItem,
        reading: _Reading,
        answer: Answer,
        judgement: Judgement,
        repeat_of: Feedback | None = None,
    ) -> Feedback:
        names = tuple(completion.id for completion in reading.item.completions)
        digest = shown_digest(reading.item.prompt, reading.item.completions)
        control = item.gold is not None and judgement.kind in {item.gold.kind, "declined"}
        return Feedback(
            evaluator=self.answerer.evaluator.id,
            prompt=item.prompt.id,
            completions=names,
            judgement=judgement,
            study=self.study.name,
            instructions=self.study.guideline_digest,
            shown_digest=digest,
            available_digest=digest,
            time=reading.time,
            seconds=reading.seconds if answer.seconds is None else answer.seconds,
            round=self.study.round,
            gold=self.study.question.reorder(item.gold, item.names, names) if control and item.gold else None,
            repeat_of=None if repeat_of is None else repeat_of.id,
            usage=answer.usage,
            principle=answer.principle,
        )
