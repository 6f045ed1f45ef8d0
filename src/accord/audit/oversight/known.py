"""Answers held against what is known to be right."""

from accord.audit.challenges import OV1
from accord.audit.checks import LEDGER, Outcome, artefact, check
from accord.audit.evidence import EVALUATORS, Evidence
from accord.audit.oversight.shares import share_outcome, summaries_of
from accord.audit.oversight.thresholds import OversightThresholds
from accord.errors import MissingEvidence
from accord.stats import rate

__all__ = ["control"]


@check(
    OV1,
    "control",
    claim="Control questions were answered rightly.",
    thresholds=OversightThresholds,
    needs=(LEDGER, artefact(EVALUATORS)),
)
def control(evidence: Evidence, thresholds: OversightThresholds) -> Outcome:
    """Share of control questions answered wrongly."""
    summaries = [
        summary
        for summary in summaries_of(evidence)
        if summary.controls.gold and summary.controls.gold_right is not None
    ]
    if not summaries:
        raise MissingEvidence("control questions whose answer is known (Feedback.gold)")
    error_rates = [1 - (summary.controls.gold_right or 0.0) for summary in summaries]
    share = rate(
        error_rates,
        [summary.evaluator for summary in summaries],
        weights=[summary.controls.gold for summary in summaries],
    )
    return share_outcome(
        share,
        thresholds.error,
        result=f"{share.value:.1%} of the control questions were answered wrongly.",
        remedy="Train or replace the evaluators concerned, and ask their items again.",
        ids={
            "evaluators": [
                summary.evaluator
                for summary, wrongs in sorted(zip(summaries, error_rates, strict=True), key=lambda pair: -pair[1])
                if wrongs > 0
            ]
        },
        source="control questions",
    )
