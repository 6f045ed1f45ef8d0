"""When two judgements say the same: by what they mean for the completions, not by how they are written down.

This is the only rule. Whatever compares two answers (a control question with its gold, an item that was asked again)
asks it here: in a study (`Question.agree`), in the statistics, in the audit.

    kind                      what counts                                           what does not
    comparison                the preferred completion, or the tie                  sides, strength
    ranking                   the tiers as sets of completions, best first          order within a tier
    rating                    the number, and the ends of its scale                 steps and printed labels of it
    label                     the options that hold, and which there were           their order
    steps                     the first step that is wrong, or that none is         verdicts behind it; unsure
    spans                     each stretch overlaps one of its type in the other    exact ends, notes, order
    text of any kind, declined: no program can tell (None), and neither answer counts
"""

from collections.abc import Hashable, Sequence

from accord.records import Comparison, Feedback, Judgement, Label, Ranking, Rating, Span, Spans, Steps

__all__ = ["judgement_meaning", "same_answer", "same_judgement"]

DIGITS = 9  # decimals of a rating that count, in widths of its scale: .1 + .2 is .3


def same_judgement(
    first: Judgement, second: Judgement, first_shown: Sequence[str] = (), second_shown: Sequence[str] = ()
) -> bool | None:
    """Whether two judgements say the same of the same completions; None where no program can tell.

    `first_shown` and `second_shown` are the ids of the completions in the order in which each judgement was given;
    where they are left out, both had the same order. None as well where the kinds, the completions, the ends of a
    scale or the options differ: these are answers to different questions.
    """
    if sorted(first_shown) != sorted(second_shown) or first.kind != second.kind:
        return None
    if isinstance(first, Spans) and isinstance(second, Spans):
        return _all_met(first.spans, second.spans) and _all_met(second.spans, first.spans)
    one, other = judgement_meaning(first, first_shown), judgement_meaning(second, second_shown)
    if one is None or other is None or one[0] != other[0]:
        return None
    return one == other


def same_answer(first: Feedback, second: Feedback) -> bool | None:
    """`same_judgement` of two answers, each in the order of its own completions."""
    return same_judgement(first.judgement, second.judgement, first.completions, second.completions)


def judgement_meaning(judgement: Judgement, shown: Sequence[str] = ()) -> tuple[Hashable, Hashable] | None:
    """What was asked, and what was said of it: equal for two judgements of a kind exactly where they say the same.

    `shown` are the completions' ids in the order of the judgement; without them, their places stand for them.
    None for spans (overlapping is no equality, see `same_judgement`), for texts and where the evaluator declined.
    """
    match judgement:
        case Comparison(preferred="tie"):
            return "comparison", "tie"
        case Comparison(preferred=side):
            return "comparison", _name(0 if side == "left" else 1, shown)
        case Ranking(tiers=tiers):
            return "ranking", tuple(frozenset(_name(place, shown) for place in tier) for tier in tiers)
        case Rating(value=value, scale=scale):
            return ("rating", scale.low, scale.high), round((value - scale.low) / (scale.high - scale.low), DIGITS)
        case Label(selected=selected, options=options):
            return ("label", frozenset(options)), frozenset(selected)
        case Steps(first_wrong=first_wrong, verdicts=verdicts):
            return ("steps", len(verdicts)), first_wrong
        case _:
            return None


def _name(place: int, shown: Sequence[str]) -> str | int:
    return shown[place] if shown else place


def _all_met(marks: Sequence[Span], others: Sequence[Span]) -> bool:
    """Whether each mark overlaps one of its type among the others."""
    return all(
        any(mark.type == other.type and mark.start < other.end and other.start < mark.end for other in others)
        for mark in marks
    )
