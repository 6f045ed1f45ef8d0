"""What came of asking a machine: items by what became of them, and what it cost."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from accord.errors import ModelError
from accord.feedback.equality import same_answer
from accord.records import Declined, Feedback, Usage

__all__ = ["AskCounts", "tokens_of"]


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

    def add(self, feedback: Sequence[Feedback], kind: str, *, free: bool = False) -> None:
        """Count what was said of one item, where `kind` was asked for: in each order, and on the way.

        `free` answers cost no tokens, so that nobody has to count them.
        """
        for record in feedback:
            self._add_cost(record)
        self.uncounted += 0 if free else sum(record.usage is None for record in feedback)
        if any(isinstance(record.judgement, Declined) for record in feedback):
            self.declined += 1
            return
        self.answered += 1
        first, *again = (record for record in feedback if record.judgement.kind == kind)
        self.differ_by_order += any(same_answer(first, record) is False for record in again)

    def fail(self, place: str, error: ModelError) -> None:
        """Count an item that got no answer."""
        self.failed += 1
        self.failures.append(f"{place}: {error}")

    def _add_cost(self, feedback: Feedback) -> None:
        if isinstance(feedback.judgement, Declined):
            self.reasons[(feedback.judgement.reason or "no reason given").partition(" It wrote: ")[0]] += 1
        if feedback.usage is None:
            return
        self.requests += feedback.usage.requests
        self.input_tokens += feedback.usage.input_tokens
        self.output_tokens += feedback.usage.output_tokens
        if feedback.usage.cost is not None:
            self.cost, self.currency = (self.cost or 0.0) + feedback.usage.cost, feedback.usage.currency


def tokens_of(usage: Usage) -> int:
    """The tokens that were read and written."""
    return usage.input_tokens + usage.output_tokens
