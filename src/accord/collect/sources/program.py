"""Programs as evaluators: a verdict in Python becomes feedback of a rule, kept like everybody else's.

The order in which completions are shown is drawn by a seed from the item itself, so that it does not depend on what
else is asked, and a program with a habit for one side can be found out as a person can.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np

from accord.feedback.provenance import shown_digest
from accord.interfaces import Item, Judge
from accord.records import Comparison, Completion, Evaluator, Feedback, Judgement, Record

__all__ = ["ProgramSource", "Verdict", "compare_by"]

Verdict = Callable[[Item], Judgement]
"""What a program says about an item, its completions in the order shown."""


@dataclass(frozen=True)
class ProgramSource:
    """A `Source` that puts every item to a program.

    name       the pseudonym of an evaluator of kind "rule"
    verdict    the program
    items      what it judges
    seed       draws the order in which completions are shown
    session    the unit of collection, which splits and intervals respect
    clock      counts the seconds of an answer
    """

    name: str
    verdict: Verdict
    items: Sequence[Item]
    seed: int = 0
    study: str | None = None
    session: str | None = None
    clock: Callable[[], float] = field(default=perf_counter, repr=False)

    @property
    def evaluator(self) -> Evaluator:
        """Who the feedback is by."""
        return Evaluator(kind="rule", pseudonym=self.name)

    def records(self) -> Iterator[Record]:
        """The evaluator, then each item's prompt, completions and feedback.

        Raises `pydantic.ValidationError` where the verdict is about another number of completions than the item has.
        """
        yield self.evaluator
        for position, item in enumerate(self.items):
            yield from (item.prompt, *item.completions, self._judge(item, position))

    def _judge(self, item: Item, position: int) -> Feedback:
        shown = Item(item.prompt, self._order(item))
        start = self.clock()
        judgement = self.verdict(shown)
        return Feedback(
            evaluator=self.evaluator.id,
            prompt=item.prompt.id,
            completions=tuple(completion.id for completion in shown.completions),
            judgement=judgement,
            study=self.study,
            shown_digest=shown_digest(shown.prompt, shown.completions),
            seconds=self.clock() - start,
            session=self.session,
            position_in_session=position,
        )

    def _order(self, item: Item) -> tuple[Completion, ...]:
        by_name = sorted(item.completions, key=lambda completion: completion.id)
        names = [completion.id for completion in by_name]
        digest = hashlib.sha256("/".join([str(self.seed), item.prompt.id, *names]).encode()).digest()
        order = np.random.default_rng(list(digest)).permutation(len(names))
        return tuple(by_name[index] for index in order)


def compare_by(judge: Judge, *, tie_within: float = 0.0) -> Verdict:
    """A verdict on two completions: the one that the judge scores higher; a tie where scores differ by no more than
    `tie_within` (in units of the score).

    Raises ValueError for an item that has not two completions.
    """
    if tie_within < 0:
        raise ValueError(f"tie_within is a distance, not {tie_within}")

    def verdict(item: Item) -> Comparison:
        if len(item.completions) != 2:
            raise ValueError(f"a comparison needs two completions, not {len(item.completions)}")
        left, right = judge.score([item.prompt, item.prompt], item.completions).value_N.tolist()
        if abs(left - right) <= tie_within:
            return Comparison(preferred="tie")
        return Comparison(preferred="left" if left > right else "right")

    return verdict
