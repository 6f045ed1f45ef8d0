"""Whether the place on the screen decides."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from accord.artefacts.finding import Collection
from accord.audit.challenges import OV1
from accord.audit.checks import LEDGER, Outcome, check
from accord.audit.evidence import Evidence
from accord.audit.oversight.thresholds import OversightThresholds
from accord.audit.verdicts import near_zero
from accord.errors import MissingEvidence
from accord.feedback import is_order_known
from accord.records import Comparison, Feedback
from accord.run import MANIFEST
from accord.stats import mean

__all__ = ["position"]

FEWEST_PEOPLE = 6


@check(
    OV1,
    "position",
    claim="The place on the screen did not decide.",
    thresholds=OversightThresholds,
    needs=(LEDGER,),
    collect=Collection(
        field="Feedback.shown_digest",
        what="comparisons whose order on the screen is known and was drawn at random",
        amount="10 comparisons of each of 20 evaluators",
        study="overlap",
    ),
)
def position(evidence: Evidence, thresholds: OversightThresholds) -> Outcome:
    """Whether the left place wins more often than the right one.

    The order being random, what the left text wins elsewhere has nothing to do with its place here: what it foretells
    is taken off (a control variate), which leaves the excess as it is and narrows its interval.
    """
    answers = [
        answer
        for answer in evidence.ledger_feedback.values()
        if isinstance(answer.judgement, Comparison) and answer.judgement.preferred != "tie" and is_order_known(answer)
    ]
    people = len({answer.evaluator for answer in answers})
    if people < FEWEST_PEOPLE:
        raise MissingEvidence(
            f"comparisons of {FEWEST_PEOPLE} evaluators, not {people}, whose order on the screen was recorded "
            "(Feedback.shown_digest)"
        )
    left_N = np.array([preferred_left(answer) for answer in answers], dtype=np.float64)
    better_N = _better_elsewhere(answers)
    spread = float(better_N @ better_N)
    weight = float(better_N @ (left_N - left_N.mean())) / spread if spread else 0.0
    excess = mean(
        left_N - 0.5 - weight * better_N,
        [answer.evaluator for answer in answers],
        crossed=[frozenset(answer.completions) for answer in answers],
    )
    excess = replace(excess, method=f"{excess.method}; less what the texts' other comparisons foretell")
    return Outcome(
        ruling=near_zero(excess, thresholds.position),
        estimate=excess,
        threshold=f"a preference for one place by more than {thresholds.position:g}",
        result=f"The left one was preferred in {0.5 + excess.value:.1%} of the comparisons.",
        remedy="Randomise the order, and show both orders of some pairs.",
        evidence=(MANIFEST,),
        source="share of left answers under a random order, with a control variate",
    )


def preferred_left(answer: Feedback) -> bool:
    """Whether the text on the left was preferred in a comparison."""
    return isinstance(answer.judgement, Comparison) and answer.judgement.preferred == "left"


def _better_elsewhere(answers: Sequence[Feedback]) -> NDArray[np.float64]:
    """By how much the left text wins more often than the right one in all other answers, [N]; half without any."""
    shown, won = Counter[str](), Counter[str]()
    for answer in answers:
        shown.update(answer.completions)
        won[answer.completions[0 if preferred_left(answer) else 1]] += 1

    def elsewhere(text: str, here: bool) -> float:
        return (won[text] - here + 1) / (shown[text] - 1 + 2)

    return np.array(
        [
            elsewhere(answer.completions[0], preferred_left(answer))
            - elsewhere(answer.completions[1], not preferred_left(answer))
            for answer in answers
        ]
    )
