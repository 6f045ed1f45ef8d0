"""How a machine answers one item of a study: what every source behind `accord ask` is.

The driver (`asking`) chooses the item and the order in which its completions are shown, asks, holds the answer against
the study's question (a machine can only say what a person could) and keeps it. A source only answers.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from accord.interfaces import Item
from accord.records import Evaluator, Judgement, Usage

__all__ = ["Answer", "Answerer"]


@dataclass(frozen=True)
class Answer:
    """What a machine says of an item, about its completions in the order of the item.

    judgement   of the study's kind, or `Declined` with the reason: what could not be read, what was stopped
    usage       what it cost; None where that is not known
    principle   the one principle that was drawn for this item, where one was
    seconds     how long it took, where whoever answers says so; None: as long as the call takes
    on_the_way  what it said of the same item before: the critique that a correction goes by
    """

    judgement: Judgement
    usage: Usage | None = None
    principle: str | None = None
    seconds: float | None = None
    on_the_way: "tuple[Answer, ...]" = ()


@runtime_checkable
class Answerer(Protocol):
    """Answers the items of one study. Several threads may ask at once."""

    @property
    def evaluator(self) -> Evaluator:
        """Who the answers are by. What would change them is among its attributes."""
        ...

    @property
    def depends_on_order(self) -> bool:
        """Whether the order in which completions are shown may matter, so that both orders are asked."""
        ...

    def most_tokens(self, item: Item) -> int:
        """How many tokens an answer can cost at most; 0 where it costs none."""
        ...

    def answer(self, item: Item) -> Answer:
        """The answer. Raises `ModelError` where there is none, so that the item is asked again another time."""
        ...
