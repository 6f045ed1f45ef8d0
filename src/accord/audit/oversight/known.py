"""Answers held against what is known to be right."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from accord.artefacts.finding import Collection, Verdict
from accord.audit.challenges import OV1
from accord.audit.checks import LEDGER, Outcome, artefact, check
from accord.audit.evidence import EVALUATORS, Evidence
from accord.audit.oversight.thresholds import OversightThresholds
from accord.deferred import deferred
from accord.errors import MissingEvidence

with deferred():
    from scipy import special

    from accord.audit.oversight.shares import Flagged, flagged_outcome, names_of, summaries_of
    from accord.audit.verdicts import Ruling, near_zero
    from accord.feedback.statistics.reliability import EvaluatorSummary
    from accord.feedback.statistics.workers.shrinkage import tail_above
    from accord.stats import rate

__all__ = ["control", "probably_wrong"]

Floats = NDArray[np.float64]
TOO_OFTEN, SURE = 0.25, 0.95


def probably_wrong(wrong_E: Floats, count_E: Floats) -> NDArray[np.bool_]:
    """Who answers more than a quarter wrongly with a probability above .95, [E], by the posterior of an even prior.

    Beta(1 + wrong, 1 + right): three of four, three of five or four of eight are enough.
    """
    above_E = special.betaincc(1 + wrong_E, 1 + count_E - wrong_E, TOO_OFTEN)
    return np.asarray(above_E > SURE)


@check(
    OV1,
    "control",
    claim="Control questions were answered rightly.",
    thresholds=OversightThresholds,
    needs=(LEDGER, artefact(EVALUATORS)),
    collect=Collection(
        field="Feedback.gold",
        what="control questions whose answer everybody who reads knows, among the others and not marked",
        amount="8 control questions for each of 20 evaluators",
        study="controls",
    ),
)
def control(evidence: Evidence, thresholds: OversightThresholds) -> Outcome:
    """Share of control questions answered wrongly, and of answers by evaluators who surely get too many wrong."""
    summaries = [one for one in summaries_of(evidence) if one.controls.gold and one.controls.gold_right is not None]
    if not summaries:
        raise MissingEvidence("control questions whose answer is known (Feedback.gold)")
    names = [summary.evaluator for summary in summaries]
    count_E = np.array([summary.controls.gold for summary in summaries], dtype=np.float64)
    wrong_E = np.array([1 - (summary.controls.gold_right or 0.0) for summary in summaries]) * count_E
    share = rate((wrong_E / count_E).tolist(), names, weights=count_E.tolist())
    flagged = _flagged(summaries, wrong_E, count_E)
    of_people = flagged_outcome(
        flagged,
        thresholds.share,
        result=f"{share.value:.1%} of the control questions were answered wrongly; of {flagged.severe_E.sum()} of "
        f"{len(names)} evaluators it is more than {TOO_OFTEN:.0%} with a probability above {SURE:g}.",
        remedy="Train or replace the evaluators concerned, and ask their items again.",
        ids={
            "evaluators": names_of(flagged.severe_E, names),
            "all with a wrong answer": _most_wrong_first(names, wrong_E),
        },
        source="control questions; of each evaluator the posterior of an even prior, Beta(1 + wrong, 1 + right); share "
        "of answers by Benjamini & Hochberg 1995 and partial conjunction, Benjamini & Heller 2008",
    )
    return replace(
        of_people,
        ruling=_either(near_zero(share, thresholds.error), of_people.ruling),
        estimate=share,
        threshold=f"a share above {thresholds.error:g}, or above {thresholds.share:g} of all answers by evaluators who "
        f"are surely wrong in more than {TOO_OFTEN:.0%}",
        facts={"answers by evaluators surely wrong too often": flagged.share},
    )


def _flagged(summaries: Sequence[EvaluatorSummary], wrong_E: Floats, count_E: Floats) -> Flagged:
    """Who is too often wrong, and how many answers of all they gave."""
    return Flagged(
        [summary.evaluator for summary in summaries],
        tail_above(wrong_E, count_E, TOO_OFTEN),
        np.array([summary.feedback for summary in summaries], dtype=np.float64),
        probably_wrong(wrong_E, count_E),
    )


def _either(one: Ruling, other: Ruling) -> Ruling:
    """Of two tests either fires; the p-value is twice the smaller one."""
    p_values = [ruling.p_value for ruling in (one, other) if ruling.p_value is not None]
    p_value = min(1.0, 2 * min(p_values)) if p_values else None
    for verdict in (Verdict.FIRES, Verdict.INCONCLUSIVE):
        for ruling in (one, other):
            if ruling.verdict is verdict:
                return Ruling(verdict, ruling.needs, p_value)
    return Ruling(Verdict.QUIET, p_value=p_value)


def _most_wrong_first(names: Sequence[str], wrong_E: Floats) -> list[str]:
    return [names[place] for place in np.argsort(-wrong_E, kind="stable").tolist() if wrong_E[place] > 0]
