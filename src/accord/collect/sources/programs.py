"""Programs as evaluators: a verdict in Python becomes feedback of a rule, kept like everybody else's.

The order in which completions are shown is drawn by a seed from the item itself, so that it does not depend on what
else is asked, and a program with a habit for one side can be found out as a person can.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np

from accord.interfaces import Item, Judge
from accord.records import Comparison, Completion, Evaluator, Feedback, Judgement

__all__ = ["ProgramAsker", "Verdict", "compare_by"]

Verdict = Callable[[Item], Judgement]
"""What a program says about an item, its completions in the order shown."""


@dataclass(frozen=True)
class ProgramAsker:
    """An `Asker` that puts every item to a program and returns its feedback; nothing is ever pending.

    `name` becomes the pseudonym of an evaluator of kind "rule"; `session` names the collection unit. `clock` counts
    the seconds of an answer.
    """

    name: str
    verdict: Verdict
    seed: int = 0
    study: str | None = None
    session: str | None = None
    clock: Callable[[], float] = field(default=perf_counter, repr=False)

    @property
    def evaluator(self) -> Evaluator:
        """Who the feedback is by; it must be in the ledger before the feedback."""
        return Evaluator(kind="rule", pseudonym=self.name)

    def ask(self, items: Sequence[Item]) -> list[Feedback | None]:
        """One answer an item, in order.

        Raises `pydantic.ValidationError` where the verdict is about another number of completions than the item has.
        """
        evaluator = self.evaluator.id
        return [self._answer(evaluator, item, place) for place, item in enumerate(items)]

    def _answer(self, evaluator: str, item: Item, place: int) -> Feedback:
        shown = Item(item.prompt, self._order(item))
        start = self.clock()
        judgement = self.verdict(shown)
        return Feedback(
            evaluator=evaluator,
            prompt=item.prompt.id,
            completions=tuple(each.id for each in shown.completions),
            judgement=judgement,
            study=self.study,
            shown_digest=_digest(shown),
            seconds=self.clock() - start,
            session=self.session,
            position_in_session=place,
        )

    def _order(self, item: Item) -> tuple[Completion, ...]:
        names = sorted(each.id for each in item.completions)
        drawn = hashlib.sha256("/".join([str(self.seed), item.prompt.id, *names]).encode()).digest()
        order = np.random.default_rng(list(drawn)).permutation(len(names))
        by_name = sorted(item.completions, key=lambda each: each.id)
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


def _digest(item: Item) -> str:
    """The SHA-256 of all that the program was shown."""
    content = [item.prompt.canonical(), *(each.canonical() for each in item.completions)]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()
