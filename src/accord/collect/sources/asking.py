"""Asking a machine the items of a study: those that are left, in both orders, within a budget of tokens.

All that is said about one item, both readings and what was said on the way, enters the ledger in one transaction as
soon as it is said: what is killed loses what was under way and nothing else. An item that the machine gave no answer to
is left for another time; several in a row end the asking.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from time import perf_counter

from accord.collect.sources.answering import Answer, Answerer
from accord.collect.sources.model import declined
from accord.collect.sources.study_items import AskedItem
from accord.collect.sources.token_budget import TokenBudget
from accord.collect.study import Study, shown_digest
from accord.errors import FormError, ModelError, StudyError
from accord.feedback.equality import same_answer
from accord.feedback.store.ledger import Ledger
from accord.interfaces import Item
from accord.records import Comparison, Declined, Feedback, Judgement, Usage

__all__ = ["AskCounts", "Asking"]

FAILURES_IN_A_ROW = 3


@dataclass
class AskCounts:
    """What came of asking `items` items: every one is `before`, `answered`, `declined`, `failed` or `left`.

    before           answered by this evaluator before
    answered         in each order
    declined         in one order at least; `reasons` says why, and how often
    failed           the machine gave no answer; `failures` says why, each with its place
    left             not begun: the budget would not have held, or nothing was answered any more
    differ_by_order  of the answered ones: the two orders gave different answers, which are drawn as no pair
    uncounted        answers whose tokens nobody counted
    """

    items: int = 0
    before: int = 0
    answered: int = 0
    declined: int = 0
    failed: int = 0
    left: int = 0
    differ_by_order: int = 0
    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    uncounted: int = 0
    cost: float | None = None
    currency: str | None = None
    reasons: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def count(self, feedback: Feedback) -> None:
        """Count what an answer cost, and why it was declined."""
        if isinstance(feedback.judgement, Declined):
            self.reasons[(feedback.judgement.reason or "no reason given").partition(" It wrote: ")[0]] += 1
        if feedback.usage is None:
            self.uncounted += 1
            return
        self.requests += feedback.usage.requests
        self.input_tokens += feedback.usage.input_tokens
        self.output_tokens += feedback.usage.output_tokens
        if feedback.usage.cost is not None:
            self.cost, self.currency = (self.cost or 0.0) + feedback.usage.cost, feedback.usage.currency


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
        self._ask(queue, TokenBudget(self.budget, self._spent(before)), counts)
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
        spent = sum(_tokens(record.usage) or 0 for answers in before.values() for record in answers)
        by_key = {item.key: item for item in self.items}
        uncounted = [key for key, answers in before.items() if all(record.usage is None for record in answers)]
        return spent + sum(self._most_tokens(by_key[key]) for key in uncounted if key in by_key)

    def _ask(self, queue: deque[AskedItem], budget: TokenBudget, counts: AskCounts) -> None:
        """Ask from the front of the queue. What is under way at the end, also after Ctrl-C, is waited for and kept."""
        running: dict[Future[list[_Reading]], tuple[AskedItem, int]] = {}
        failures = _Failures(counts)
        with ThreadPoolExecutor(self.parallel) as threads:
            try:
                while True:
                    while queue and len(running) < self.parallel and not failures.too_many:
                        tokens = self._most_tokens(queue[0])
                        if not budget.take(tokens):
                            break
                        item = queue.popleft()
                        running[threads.submit(self._readings, item)] = item, tokens
                    if not running:
                        return
                    for done in wait(running, return_when=FIRST_COMPLETED).done:
                        self._finish(done, *running.pop(done), budget, failures)
            finally:
                for done in wait(running).done:
                    self._finish(done, *running[done], budget, failures)

    def _most_tokens(self, item: AskedItem) -> int:
        return sum(self.answerer.most_tokens(shown) for shown in self._orders(item))

    def _orders(self, item: AskedItem) -> list[Item]:
        """The item in a drawn order, and in that order reversed where it may matter."""
        shown = item.shown(self.seed)
        if len(shown.completions) < 2 or not self.answerer.depends_on_order:
            return [shown]
        return [shown, replace(shown, completions=shown.completions[::-1])]

    def _readings(self, item: AskedItem) -> list[_Reading]:
        """What the machine says in each order. Raises `ModelError` where it says nothing in one."""
        readings = []
        for shown in self._orders(item):
            start = perf_counter()
            answer = self.answerer.answer(shown)
            readings.append(_Reading(shown, answer, self.clock(), round(perf_counter() - start, 3)))
        return readings

    def _finish(
        self,
        done: "Future[list[_Reading]]",
        item: AskedItem,
        tokens: int,
        budget: TokenBudget,
        failures: "_Failures",
    ) -> None:
        """Keep what was said of an item and count it, or that nothing was."""
        try:
            readings = done.result()
        except ModelError as error:
            budget.settle(tokens, None)
            failures.add(item, error)
            return
        feedback = list(self._feedback(item, readings))
        self.ledger.add(self.answerer.evaluator, item.prompt, *item.completions, *feedback)
        costs = [_tokens(record.usage) for record in feedback]
        budget.settle(tokens, None if None in costs and tokens else sum(cost or 0 for cost in costs))
        failures.end()
        self._count(feedback, failures.counts)

    def _count(self, feedback: Sequence[Feedback], counts: AskCounts) -> None:
        for record in feedback:
            counts.count(record)
        if any(isinstance(record.judgement, Declined) for record in feedback):
            counts.declined += 1
        else:
            counts.answered += 1
            first, *again = (record for record in feedback if record.judgement.kind == self.study.question.kind)
            counts.differ_by_order += any(same_answer(first, record) is False for record in again)
        self.on_item(counts)

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

    def _restated(self, judgement: Judgement, shown: Item) -> Judgement:
        """A judgement as a person could have given it; `Declined` where nobody could."""
        if isinstance(judgement, Declined):
            return judgement
        try:
            restated = self.study.question.restate(judgement, shown.completions)
        except FormError as error:
            return declined(f"no answer that this study offers: {error}")
        if isinstance(judgement, Comparison) and isinstance(restated, Comparison):
            return restated.model_copy(update={"scores": judgement.scores})
        return restated

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
            seconds=reading.seconds,
            round=self.study.round,
            gold=self.study.question.reorder(item.gold, item.names, names) if control and item.gold else None,
            repeat_of=None if repeat_of is None else repeat_of.id,
            usage=answer.usage,
            principle=answer.principle,
        )


@dataclass
class _Failures:
    """Items without an answer: counted, and how many there were since the last answer."""

    counts: AskCounts
    in_a_row: int = 0

    @property
    def too_many(self) -> bool:
        return self.in_a_row >= FAILURES_IN_A_ROW

    def add(self, item: AskedItem, error: ModelError) -> None:
        self.in_a_row += 1
        self.counts.failed += 1
        self.counts.failures.append(f"{item.place}: {error}")

    def end(self) -> None:
        self.in_a_row = 0


def _tokens(usage: Usage | None) -> int | None:
    return None if usage is None else usage.input_tokens + usage.output_tokens
