"""Why a reward model gets wrong what it gets most wrong: which tokens made the scores what they are."""

from collections.abc import Iterator
from itertools import islice

from accord.artefacts import TokenAmount, WrongPair, WrongText
from accord.errors import ModelError
from accord.feedback import Dataset
from accord.interfaces import Judge
from accord.records import Completion, Pair
from accord.reward.card.scored import SplitScores

__all__ = ["wrong_pairs"]

WRONG = 3  # pairs, the most wrong first, at most; one for every TEXTS that were scored, and one at least
TEXTS = 700
"""Texts that a pair stands for: two texts by 16 + 32 + 64 points at most, a gradient each, counted as three scorings.

That is 672, of texts as long as these two.
"""
TOKENS = 6  # of each text, those that add or take most


def wrong_pairs(judge: Judge, scores: SplitScores, data: Dataset, *, split: str) -> tuple[WrongPair, ...]:
    """Both texts of the pairs with the most negative margins, each text once; none of a judge that is no decoder."""
    from accord.lm.reward_model import ScalarHeadModel

    if not isinstance(judge, ScalarHeadModel):
        return ()
    found = []
    number = min(WRONG, max(1, len(scores.values) // TEXTS))
    for pair in islice(_most_wrong(scores, data, split), number):
        chosen, rejected = (data.completions[name] for name in (pair.chosen, pair.rejected))
        try:
            texts = [_text(judge, data, each, scores.values[each.id]) for each in (chosen, rejected)]
        except ModelError:  # its outputs become one score by a rule that has no gradient
            return ()
        found.append(WrongPair(prompt=pair.prompt, chosen=texts[0], rejected=texts[1]))
    return tuple(found)


def _most_wrong(scores: SplitScores, data: Dataset, split: str) -> Iterator[Pair]:
    margin = {
        index: scores.values[pair.chosen] - scores.values[pair.rejected]
        for index, pair in enumerate(data.pairs.get(split, ()))
        if not pair.tie
    }
    shown: set[str] = set()
    for index in sorted(margin, key=lambda place: (margin[place], place)):
        pair = data.pairs[split][index]
        if margin[index] >= 0:
            return
        if not shown & {pair.chosen, pair.rejected}:
            shown |= {pair.chosen, pair.rejected}
            yield pair


def _text(judge: Judge, data: Dataset, completion: Completion, score: float) -> WrongText:
    import torch

    from accord.lm.attribution import attribute
    from accord.lm.reward_model import ScalarHeadModel

    assert isinstance(judge, ScalarHeadModel)
    # A bound of cost. What more points would do for coarser weights, whose gradients are rounded, was not measured.
    most = 64 if judge.causal.dtype == torch.float32 else 16
    attribution = attribute(judge, data.prompts[completion.prompt], completion, most=most)
    starts = (0, *attribution.reaches[:-1])
    tokens = [
        (completion.text[start:reach] or "(end)", amount)
        for start, reach, amount in zip(starts, attribution.reaches, attribution.amounts, strict=True)
    ]
    places = sorted(range(len(tokens)), key=lambda place: (-abs(tokens[place][1]), place))[:TOKENS]
    return WrongText(
        completion=completion.id,
        score=score,
        difference=attribution.difference,
        residual=attribution.residual,
        points=attribution.points,
        tokens=tuple(TokenAmount(text=tokens[place][0], amount=tokens[place][1]) for place in sorted(places)),
    )
