"""Whom one reward does not serve, found from a planted run's own pairs."""

from accord.lab.lexicon import WORDS
from accord.lab.planted.gold import Floats, word_counts
from accord.lab.planted.planting import Planting
from accord.records import Pair
from accord.stats import proportion

__all__ = ["opposed_to"]


def opposed_to(planting: Planting, pairs: list[Pair], worth_V: Floats) -> set[str]:
    """The evaluators whose answers a reward of words surely orders less often right than wrong."""
    assert worth_V.size == len(WORDS)
    texts = planting.data.completions
    right: dict[str, list[bool]] = {}
    for pair in pairs:
        if pair.evaluator is not None and not pair.tie:
            chosen, rejected = word_counts([texts[pair.chosen].text, texts[pair.rejected].text]) @ worth_V
            right.setdefault(pair.evaluator, []).append(bool(chosen > rejected))
    shares = {name: proportion(sum(of_person), len(of_person)) for name, of_person in right.items()}
    return {name for name, share in shares.items() if share.high is not None and share.high < 0.5}
