"""What a machine's remark beside an item does to those who judge: their accuracy with it and without.

A study draws by lot whether a remark is shown (`Feedback.assistance`), so on control questions the difference between
both is what the remark did. An assistant that is wrong lowers accuracy as far as it is believed: over-reliance, which
a sound assistant alone would hide (Bucinca et al. 2021, arXiv 2102.09692; Casper et al. 2023, section 4.1).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from accord.feedback.dataset.units import text_groups
from accord.feedback.equality import same_judgement
from accord.feedback.statistics.preferences import feedback_of_known
from accord.feedback.store.ledger import Ledger
from accord.records import Assistance, Evaluator, Feedback
from accord.stats import Estimate, rate, rate_difference

__all__ = ["AssistanceEffect", "assistance_effects"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class AssistanceEffect:
    """Accuracy on control questions beside one assistant (`by`, an evaluator's id) and its `kind` of remark.

    A suggestion is an answer that was filled in already: where it is wrong, `difference` is how far it anchors.

    shown        the share of right answers where the remark stood beside the item; None where it never did
    withheld     the same where there was a remark and the lot kept it back
    difference   shown less withheld: below 0 the remark misleads; None where one of the two is
    evaluators   how many people answered
    """

    by: str
    kind: Literal["critique", "spans", "suggestion"]
    shown: Estimate | None
    withheld: Estimate | None
    difference: Estimate | None
    evaluators: int


def assistance_effects(
    source: Ledger | Iterable[Feedback],
    *,
    evaluators: Mapping[str, Evaluator] | None = None,
    upto: int | None = None,
) -> list[AssistanceEffect]:
    """What each assistant did, in the order of the first answer beside it (in a ledger: up to row `upto`).

    Only answers that a program can hold against the known one count: none that was declined or taken back, no text.
    Clusters are people and, crossed with them, the texts that were judged: few control questions are asked of many.
    """
    answers: dict[tuple[str, Literal["critique", "spans", "suggestion"]], list[tuple[Feedback, Assistance, bool]]] = {}
    for record in feedback_of_known(source, evaluators, upto=upto):
        remark = record.assistance
        if remark is None or record.gold is None or record.repeat_of is not None:
            continue
        right = same_judgement(record.judgement, record.gold)
        if right is not None:
            answers.setdefault((remark.by, remark.kind), []).append((record, remark, right))
    return [_effect(by, kind, rows) for (by, kind), rows in answers.items()]


def _effect(
    by: str, kind: Literal["critique", "spans", "suggestion"], rows: list[tuple[Feedback, Assistance, bool]]
) -> AssistanceEffect:
    people = [record.evaluator for record, _, _ in rows]
    texts = text_groups(record.completions or (record.prompt,) for record, _, _ in rows)
    right_N = np.array([right for _, _, right in rows], dtype=np.float64)
    shown_N = np.array([remark.shown for _, remark, _ in rows], dtype=np.bool_)
    shown, withheld = (_accuracy(right_N, arm_N, people, texts) for arm_N in (shown_N, ~shown_N))
    difference = None
    if shown is not None and withheld is not None:
        difference = rate_difference(right_N, shown_N, people, crossed=texts)
    return AssistanceEffect(by, kind, shown, withheld, difference, len(set(people)))


def _accuracy(right_N: Floats, arm_N: Bools, people: list[str], texts: list[str]) -> Estimate | None:
    """The share of right answers in one arm; None where nobody is in it."""
    places = np.flatnonzero(arm_N).tolist()
    if not places:
        return None
    return rate(right_N[places], [people[place] for place in places], crossed=[texts[place] for place in places])
