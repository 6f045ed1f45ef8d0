"""Decided pairs of evaluators who are known one by one, as the features by which a reward is fitted."""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accord.audit.evidence import SCORES, Evidence
from accord.audit.misspecification.thresholds import MisspecificationThresholds
from accord.errors import MissingEvidence
from accord.feedback import is_known, text_groups
from accord.records import Pair

__all__ = ["Answers", "answers_of", "decided_pairs", "features_of", "independent", "recorded_groups"]

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]
Mask = NDArray[np.bool_]
LEAST_GROUPS = 4  # of texts, with which they are halved by whole groups, so that no pair joins the halves


@dataclass(frozen=True)
class Answers:
    """Decided pairs of E evaluators: features of the chosen less those of the rejected, and whose they are.

    `half_N` is 0 or 1 where both texts are of that half of all texts, and -1 where the pair joins the halves. `first_N`
    is whether no pair of the same evaluator before it shared a text with it. `item_N` tells which two texts it is of,
    `text_N` the group of texts that were compared with one another. `units` are the independent people: the session of
    an evaluator who answered in one, as others may have sat in it too, or the evaluator.
    """

    names: list[str]
    units: list[str]
    difference_N2: Floats
    evaluator_N: Codes
    half_N: Codes
    first_N: Mask
    item_N: Codes
    text_N: Codes

    def of_half(self, half: int) -> "Answers":
        """The pairs within one half of all texts."""
        return self.where(self.half_N == half)

    def where(self, mask_N: Mask) -> "Answers":
        """Some of the pairs; evaluators keep their places."""
        return Answers(
            self.names,
            self.units,
            self.difference_N2[mask_N],
            self.evaluator_N[mask_N],
            self.half_N[mask_N],
            self.first_N[mask_N],
            self.item_N[mask_N],
            self.text_N[mask_N],
        )


def answers_of(evidence: Evidence, thresholds: MisspecificationThresholds) -> Answers:
    """Held-out pairs of known evaluators with enough of them. Raises `MissingEvidence` where there are too few."""
    features = features_of(evidence)
    by_evaluator = decided_pairs(evidence, features, thresholds.min_pairs)
    if len(by_evaluator) < thresholds.min_evaluators:
        raise MissingEvidence(
            f"{thresholds.min_evaluators} evaluators known one by one, of {thresholds.min_pairs} decided held-out "
            f"pairs each (there are {len(by_evaluator)})"
        )
    pairs = [pair for of_evaluator in by_evaluator.values() for pair in of_evaluator]
    item, joined = _codes(tuple(sorted(both)) for both in _texts(pairs)), _codes(text_groups(_texts(pairs)))
    answers = Answers(
        list(by_evaluator),
        [_unit(name, of_evaluator) for name, of_evaluator in by_evaluator.items()],
        np.array([features[pair.chosen] - features[pair.rejected] for pair in pairs]),
        np.repeat(np.arange(len(by_evaluator)), [len(of_evaluator) for of_evaluator in by_evaluator.values()]),
        _halves(pairs, joined),
        np.array([first for of_evaluator in by_evaluator.values() for first in independent(of_evaluator)]),
        item,
        joined,
    )
    if not all((answers.half_N == number).any() for number in (0, 1)):
        raise MissingEvidence("evaluators whose pairs can be halved without a completion in both halves")
    return answers


def recorded_groups(evidence: Evidence, names: Sequence[str]) -> dict[str, Mask]:
    """Who is of each group that at least two evaluators gave as an attribute and at least two did not: [E] each."""
    attributes = [evidence.evaluators[name].attributes or {} for name in names]
    groups = sorted({item for of_evaluator in attributes for item in of_evaluator.items()})
    members = {
        f"{key} = {value}": np.array([of_evaluator.get(key) == value for of_evaluator in attributes])
        for key, value in groups
    }
    return {name: member_E for name, member_E in members.items() if 2 <= member_E.sum() <= len(names) - 2}


def independent(pairs: Sequence[Pair]) -> Iterator[bool]:
    """Whether each pair shares no text with the earlier ones that did not: pairs of one rating are not independent."""
    used: set[str] = set()
    for pair in pairs:
        shares_none = used.isdisjoint((pair.chosen, pair.rejected))
        if shares_none:
            used |= {pair.chosen, pair.rejected}
        yield shares_none


def decided_pairs(evidence: Evidence, features: dict[str, Floats], minimum: int) -> dict[str, list[Pair]]:
    """By known evaluator, their held-out pairs that are no ties and have features; where they are at least so many."""
    known = {name for name, evaluator in evidence.evaluators.items() if is_known(evaluator)}
    by_evaluator: dict[str, list[Pair]] = {}
    for pair in evidence.pairs("held_out"):
        if not pair.tie and pair.evaluator in known and {pair.chosen, pair.rejected} <= features.keys():
            by_evaluator.setdefault(pair.evaluator, []).append(pair)
    return {name: pairs for name, pairs in by_evaluator.items() if len(pairs) >= minimum}


def features_of(evidence: Evidence) -> dict[str, Floats]:
    """Score and length of each held-out completion, each in its own standard deviations."""
    rows = evidence.scores("reward")
    if any(row.length is None for row in rows):
        raise MissingEvidence(f"lengths of completions in {SCORES}")
    table_N2 = np.array([[row.score, row.length] for row in rows], dtype=float).reshape(-1, 2)
    spread_2 = table_N2.std(0)
    table_N2 = (table_N2 - table_N2.mean(0)) / np.where(spread_2 > 0, spread_2, 1.0)
    return {row.completion: feature_2 for row, feature_2 in zip(rows, table_N2, strict=True)}


def _halves(pairs: Sequence[Pair], joined_N: Codes) -> Codes:
    """The half of each pair: that of its group of texts, where there are enough groups; else that of both its texts."""
    if joined_N.max() + 1 >= LEAST_GROUPS:
        return joined_N % 2
    texts = sorted({text for both in _texts(pairs) for text in both})
    half = {text: place % 2 for place, text in enumerate(texts)}
    sides = [(half[chosen], half[rejected]) for chosen, rejected in _texts(pairs)]
    return np.array([chosen if chosen == rejected else -1 for chosen, rejected in sides])


def _texts(pairs: Sequence[Pair]) -> list[tuple[str, str]]:
    return [(pair.chosen, pair.rejected) for pair in pairs]


def _codes(labels: Iterable[Hashable]) -> Codes:
    """Numbers in place of labels, in the order in which they come."""
    number: dict[Hashable, int] = {}
    return np.array([number.setdefault(label, len(number)) for label in labels], dtype=np.intp)


def _unit(evaluator: str, pairs: Sequence[Pair]) -> str:
    (session, *others) = {pair.session for pair in pairs}
    return evaluator if session is None or others else session
