"""Whether a judge's members disagree as people do, on pairs of texts that several people compared."""

from collections.abc import Mapping, Sequence

import numpy as np

from accord.artefacts import Measure
from accord.feedback import Dataset, is_known, text_groups
from accord.reward.card.enough import measured
from accord.reward.card.scored import SplitScores
from accord.reward.posterior.calibration import pairwise_calibration

__all__ = ["member_calibration", "people_by_texts"]

PEOPLE = 2  # of a pair, at least; what so few differ by chance is taken off


def member_calibration(scores: SplitScores, data: Dataset, *, split: str) -> Measure | None:
    """The mean square gap between the shares of members and of people that prefer the first of two held-out texts.

    None of a judge without members. Who judged has to be known one by one. The interval is over groups of texts that
    were compared with one another; people who judged several are not drawn anew.
    """
    judged = scores.judged
    if judged is None or judged.members_NS is None:
        return None
    people = {texts: count_2 for texts, count_2 in people_by_texts(data, split).items() if sum(count_2) >= PEOPLE}
    name = f"share of {judged.members_NS.shape[1]} members against share of people, mean square gap"
    if not people:
        return Measure(name=name, note="not assessable: no two known people compared the same two held-out texts")
    place = {text: index for index, text in enumerate(scores.values)}
    first_P, second_P = np.array([[place[text] for text in texts] for texts in people]).T
    margin_PS = judged.members_NS[first_P] - judged.members_NS[second_P]
    return measured(name, pairwise_calibration(margin_PS, list(people.values()), text_groups(people)))


def people_by_texts(data: Dataset, split: str) -> Mapping[tuple[str, str], tuple[float, float]]:
    """How many known people prefer each of two texts, ordered by id; who judged twice counts once, a tie as halves."""
    known = {name for name, evaluator in data.evaluators.items() if is_known(evaluator)}
    votes: dict[tuple[str, str], dict[str, list[float]]] = {}
    for pair in data.pairs.get(split, ()):
        if pair.evaluator in known and pair.evaluator is not None:
            first, second = sorted((pair.chosen, pair.rejected))
            for_first = 0.5 if pair.tie else float(pair.chosen == first)
            votes.setdefault((first, second), {}).setdefault(pair.evaluator, []).append(for_first)
    return {texts: _counts([sum(each) / len(each) for each in by.values()]) for texts, by in votes.items()}


def _counts(for_first: Sequence[float]) -> tuple[float, float]:
    return sum(for_first), len(for_first) - sum(for_first)
