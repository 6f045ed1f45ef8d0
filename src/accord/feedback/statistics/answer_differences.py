"""How far two answers about the same item lie apart, from 0 (they say the same) to 1 (as far as can be), for each kind.

    kind         the difference of two answers
    comparison   0 the same, 1 the other one; a tie lies 1/2 from either
    ranking      share of the pairs of completions that stand the other way round; tied in one of the two: 1/2
    rating       the distance of the numbers as a share of the scale
    label        1 - |both| / |either| of the labels that hold (Jaccard)
    spans        1 - |both| / |either| of the characters that are marked, each with its type (Jaccard)
    steps        share of the steps with another verdict; unsure lies 1/2 from either
    correction   1 - 2 |both| / (|one| + |other|) of the pairs of neighbouring words (Dice); 0 for equal texts

Critiques and demonstrations are in people's own words: no program tells how far they lie apart (None). Nor are answers
compared that were declined, or that are about other completions, on another scale or with other options.

The mean over the pairs of different people is an item's observed disagreement. It is not corrected for chance, as
Krippendorff's alpha is (`agreement.krippendorff_alpha`): it says where people differ, not how good they are.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import combinations, pairwise

from accord.records import Comparison, Correction, Feedback, Label, Ranking, Rating, Span, Spans, Steps

__all__ = ["COMPARED_KINDS", "answer_difference", "mean_difference"]

COMPARED_KINDS = frozenset({"comparison", "ranking", "rating", "label", "spans", "steps", "correction"})
"""The kinds of judgement of which the difference can be told."""

HALF = 0.5


def answer_difference(first: Feedback, second: Feedback) -> float | None:
    """How far two answers lie apart, in [0, 1], whatever the order in which each person saw the completions.

    None where no program can tell, or the two are no answers to the same question about the same completions.
    """
    if sorted(first.completions) != sorted(second.completions):
        return None
    match first.judgement, second.judgement:
        case Comparison() as one, Comparison() as other:
            return abs(_lean(one, first.completions) - _lean(other, second.completions)) / 2
        case Ranking() as one, Ranking() as other:
            return _of_rankings(_tier_of(one, first.completions), _tier_of(other, second.completions))
        case Rating() as one, Rating() as other:
            ends = (one.scale.low, one.scale.high)
            if ends != (other.scale.low, other.scale.high):
                return None
            return abs(one.value - other.value) / (ends[1] - ends[0])
        case Label() as one, Label() as other:
            return _jaccard(one.selected, other.selected) if {*one.options} == {*other.options} else None
        case Spans() as one, Spans() as other:
            return _of_spans(one.spans, other.spans)
        case Steps() as one, Steps() as other:
            return _of_steps(one.verdicts, other.verdicts)
        case Correction() as one, Correction() as other:
            return _of_texts(one.text, other.text)
        case _:
            return None


def mean_difference(answers: Iterable[Feedback]) -> float | None:
    """The mean difference of the answers of two different people; None where there is no pair that can be compared."""
    pairs = (
        answer_difference(one, other) for one, other in combinations(answers, 2) if one.evaluator != other.evaluator
    )
    compared = [difference for difference in pairs if difference is not None]
    return sum(compared) / len(compared) if compared else None


def _lean(judgement: Comparison, shown: Sequence[str]) -> int:
    """-1 for the completion whose id comes first, 1 for the other one, 0 for a tie."""
    if judgement.preferred == "tie":
        return 0
    better, worse = shown if judgement.preferred == "left" else shown[::-1]
    return -1 if better < worse else 1


def _tier_of(judgement: Ranking, shown: Sequence[str]) -> dict[str, int]:
    return {shown[place]: number for number, tier in enumerate(judgement.tiers) for place in tier}


def _of_rankings(one: dict[str, int], other: dict[str, int]) -> float:
    pairs = list(combinations(sorted(one), 2))
    apart = sum(abs(_sign(one[a] - one[b]) - _sign(other[a] - other[b])) for a, b in pairs)
    return HALF * apart / len(pairs) if pairs else 0.0


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)


def _jaccard(one: Iterable[str], other: Iterable[str]) -> float:
    first, second = {*one}, {*other}
    either = first | second
    return 1 - len(first & second) / len(either) if either else 0.0


def _of_spans(one: Sequence[Span], other: Sequence[Span]) -> float:
    """By characters and types; what somebody marked twice with a type counts once."""
    first, second = _stretches(one), _stretches(other)
    sizes = (sum(end - start for pieces in marks.values() for start, end in pieces) for marks in (first, second))
    both = sum(_shared(first[name], second[name]) for name in first.keys() & second.keys())
    either = sum(sizes) - both
    return 1 - both / either if either else 0.0


def _stretches(spans: Sequence[Span]) -> dict[str, list[tuple[int, int]]]:
    """By type, the characters that are marked as stretches in order that do not meet."""
    pieces: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    for span in sorted(spans, key=lambda span: (span.start, span.end)):
        of_type = pieces[span.type]
        if of_type and span.start <= of_type[-1][1]:
            start, end = of_type.pop()
            of_type.append((start, max(end, span.end)))
        else:
            of_type.append((span.start, span.end))
    return dict(pieces)


def _shared(one: Sequence[tuple[int, int]], other: Sequence[tuple[int, int]]) -> int:
    return sum(max(0, min(one_end, end) - max(one_start, start)) for one_start, one_end in one for start, end in other)


def _of_steps(one: Sequence[str], other: Sequence[str]) -> float | None:
    if len(one) != len(other):
        return None
    apart = [0.0 if a == b else HALF if "unsure" in {a, b} else 1.0 for a, b in zip(one, other, strict=True)]
    return sum(apart) / len(apart)


def _of_texts(one: str, other: str) -> float:
    if one == other:
        return 0.0
    first, second = _neighbours(one), _neighbours(other)
    return 1 - 2 * (first & second).total() / (first.total() + second.total())


def _neighbours(text: str) -> Counter[tuple[str, str]]:
    """Each word with the one after it; the ends count as words, so that a text without any has one pair."""
    words = ["", *text.split(), ""]
    return Counter(pairwise(words))
