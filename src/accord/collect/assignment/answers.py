"""What an answer says, whatever the order was in which it was shown.

`opinion` is what answers are counted by, `turned` an answer known to be right as it reads in the order shown, and
`agrees` whether somebody said what is known.
"""

from collections.abc import Sequence
from typing import Literal

from accord.collect.assignment.acquisition import TIE
from accord.records import (
    Comparison,
    Correction,
    Critique,
    Declined,
    Demonstration,
    Judgement,
    Label,
    Ranking,
    Rating,
    Spans,
    Steps,
)

__all__ = ["agrees", "opinion", "turned"]

SWAPPED: dict[str, Literal["left", "right", "tie"]] = {"left": "right", "right": "left", "tie": "tie"}


def opinion(judgement: Judgement, shown: Sequence[str]) -> str | None:
    """What was said, as a word that equal answers share; None for kinds of which no two are equal.

    For a comparison the id of what is better (or `TIE`), for a ranking the ids of its first tier.
    """
    match judgement:
        case Comparison(preferred="tie"):
            return TIE
        case Comparison(preferred=side):
            return shown[0] if side == "left" else shown[1]
        case Ranking(tiers=tiers):
            return " ".join(sorted(shown[place] for place in tiers[0]))
        case Rating(value=value):
            return f"{value:g}"
        case Label(selected=selected):
            return ", ".join(selected) or "none of these"
        case Steps():
            wrong = judgement.first_wrong
            return "no step is wrong" if wrong is None else f"step {wrong + 1} is wrong"
        case Spans() | Correction() | Critique() | Demonstration() | Declined():
            return None


def turned(judgement: Judgement, item: Sequence[str], shown: Sequence[str]) -> Judgement:
    """A judgement about completions in the order `item`, as it reads about the same ones in the order `shown`."""
    match judgement:
        case Comparison(preferred=side):
            same = tuple(item) == tuple(shown)
            return judgement if same else judgement.model_copy(update={"preferred": SWAPPED[side]})
        case Ranking(tiers=tiers):
            place = {name: number for number, name in enumerate(shown)}
            return Ranking(tiers=tuple(tuple(place[item[each]] for each in tier) for tier in tiers))
        case _:
            return judgement


def agrees(said: Judgement, known: Judgement) -> bool | None:
    """Whether an answer is as known; None where that is not for a program to say.

    Of comparisons the side counts, of rankings the tiers, of spans that each finds one of its type in the other.
    """
    match said, known:
        case Comparison(), Comparison():
            return said.preferred == known.preferred
        case Ranking(), Ranking():
            return [set(tier) for tier in said.tiers] == [set(tier) for tier in known.tiers]
        case Spans(), Spans():
            return _found(said, known) and _found(known, said)
        case (Rating(), Rating()) | (Label(), Label()) | (Steps(), Steps()):
            return said == known
        case _:
            return None


def _found(these: Spans, among: Spans) -> bool:
    return all(
        any(one.type == other.type and one.start < other.end and other.start < one.end for other in among.spans)
        for one in these.spans
    )
