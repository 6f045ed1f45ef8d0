"""Answers that follow a pattern of their own: the same over and over, or the same side."""

from dataclasses import replace

import numpy as np
from scipy.stats import false_discovery_control, norm

from accord.audit.challenges import OV1
from accord.audit.checks import LEDGER, Outcome, artefact, check
from accord.audit.evidence import EVALUATORS, Evidence
from accord.audit.oversight.shares import names_of, share_held_by, share_outcome, summaries_of
from accord.audit.oversight.thresholds import OversightThresholds
from accord.audit.verdicts import near_zero
from accord.errors import MissingEvidence
from accord.feedback import is_order_known
from accord.feedback.statistics.reliability import EvaluatorSummary
from accord.records import Comparison
from accord.run import MANIFEST
from accord.stats import Estimate, rate

__all__ = ["position", "straight_lines"]


@check(
    OV1,
    "straight lines",
    claim="Nobody gave the same answer over and over.",
    thresholds=OversightThresholds,
    needs=(LEDGER, artefact(EVALUATORS)),
)
def straight_lines(evidence: Evidence, thresholds: OversightThresholds) -> Outcome:
    """Share of answers by evaluators who repeat themselves more than their own answers in random order would."""
    summaries = [
        summary
        for summary in summaries_of(evidence)
        if summary.ratings is not None and summary.ratings.same_as_before is not None and summary.ratings.n >= 10
    ]
    if len(summaries) < 10:
        raise MissingEvidence("10 evaluators of at least 10 ratings in the order they were given")
    p_value_E = np.array([_repetition(summary) for summary in summaries])
    flagged_E = false_discovery_control(p_value_E) < 0.05
    share = share_held_by(flagged_E, summaries, evidence)
    return share_outcome(
        share,
        thresholds.share,
        result=f"Evaluators who give the same answer over and over hold {share.value:.1%} of the answers.",
        remedy="Show items in random order, cap the session, and ask the flagged items again.",
        ids={"evaluators": names_of(flagged_E, summaries)},
        source="runs test (Wald & Wolfowitz 1940), Benjamini & Hochberg 1995 at 5 %",
    )


@check(
    OV1,
    "position",
    claim="The place on the screen did not decide.",
    thresholds=OversightThresholds,
    needs=(LEDGER,),
)
def position(evidence: Evidence, thresholds: OversightThresholds) -> Outcome:
    """Whether the left place wins more often than the right one."""
    answers = [
        answer
        for answer in evidence.ledger_feedback.values()
        if isinstance(answer.judgement, Comparison) and answer.judgement.preferred != "tie" and is_order_known(answer)
    ]
    if not answers:
        raise MissingEvidence("comparisons whose order on the screen was recorded (Feedback.shown_digest)")
    left = [isinstance(answer.judgement, Comparison) and answer.judgement.preferred == "left" for answer in answers]
    excess = _less(rate(left, [answer.evaluator for answer in answers]), 0.5)
    return Outcome(
        ruling=near_zero(excess, thresholds.position),
        estimate=excess,
        threshold=f"a preference for one place by more than {thresholds.position:g}",
        result=f"The left one was preferred in {0.5 + excess.value:.1%} of the comparisons.",
        remedy="Randomise the order, and show both orders of some pairs.",
        evidence=(MANIFEST,),
        source="share of left answers under a random order",
    )


def _repetition(summary: EvaluatorSummary) -> float:
    """Chance of so many answers equal to the one before, by the normal approximation."""
    ratings = summary.ratings
    assert ratings is not None
    expected = min(max(ratings.same_expected or 0.0, 1e-3), 1 - 1e-3)
    excess = (ratings.same_as_before or 0.0) - expected
    return float(norm.sf(excess / (expected * (1 - expected) / (ratings.n - 1)) ** 0.5))


def _less(estimate: Estimate, what: float) -> Estimate:
    """An estimate less a constant."""
    low, high = (None if end is None else end - what for end in (estimate.low, estimate.high))
    return replace(estimate, value=estimate.value - what, low=low, high=high)
