"""Why a reward model gets wrong what it gets most wrong: which tokens made the scores what they are."""

from collections.abc import Iterator

from accord.artefacts import TokenAmount, WrongPair, WrongText
from accord.errors import ModelError
from accord.feedback import Dataset
from accord.interfaces import Judge
from accord.records import Completion, Pair
from accord.reward.card.scored import SplitScores

__all__ = ["wrong_pairs"]

WRONG = 3  # pairs, the most wrong first
TOKENS = 6  # of each text, those that add or take most


def wrong_pairs(judge: Judge, scores: SplitScores, data: Dataset, *, split: str) -> tuple[WrongPair, ...]:
    """Both texts of the pairs with the most negative margins, each text once; none of a judge that is no decoder."""
    from accord.lm.reward_model import ScalarHeadModel

    if not isinstance(judge, ScalarHeadModel):
        return ()
    found = []
    for pair in _most_wrong(scores, data, split):
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
    number = 0
    for index in sorted(margin, key=lambda place: (margin[place], place)):
        pair = data.pairs[split][index]
        if margin[index] >= 0 or number == WRONG:
            return
        if not shown & {pair.chosen, pair.rejected}:
            shown |= {pair.chosen, pair.rejected}
            number += 1
            yield pair


def _text(judge: Judge, data: Dataset, completion: Completion, score: float) -> WrongText:
    from accord.lm.attribution import attribute
    from accord.lm.reward_model import ScalarHeadModel

    assert isinstance(judge, ScalarHeadModel)
    attribution = attribute(judge, data.prompts[completion.prompt], completion)
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
