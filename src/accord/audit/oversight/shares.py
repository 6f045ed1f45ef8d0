"""The share of all answers that some evaluators hold, and what is concluded from it."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from accord.audit.checks import Outcome
from accord.audit.evidence import Evidence
from accord.audit.verdicts import near_zero
from accord.errors import MissingEvidence
from accord.feedback.statistics.reliability import EvaluatorSummary
from accord.run import MANIFEST
from accord.stats import Estimate, mean

__all__ = ["names_of", "share_held_by", "share_outcome", "summaries_of"]


def summaries_of(evidence: Evidence) -> list[EvaluatorSummary]:
    """What is known of each evaluator. Raises `MissingEvidence` where nobody is known by themselves."""
    if not evidence.summaries:
        raise MissingEvidence("evaluators that are known one by one (who judged was not recorded)")
    return evidence.summaries


def share_held_by(flagged_E: NDArray[np.bool_], judged: Sequence[EvaluatorSummary], evidence: Evidence) -> Estimate:
    """The share of answers that flagged evaluators hold; clusters are sessions (evaluators without).

    It is of these evaluators and of no others, so where none is flagged it is 0, and sure.
    """
    weights = [summary.feedback for summary in judged]
    return mean(flagged_E, _sessions(evidence, judged), weights=weights)


def names_of(flagged_E: NDArray[np.bool_], judged: Sequence[EvaluatorSummary]) -> list[str]:
    """The flagged evaluators, by id."""
    return [summary.evaluator for summary, flagged in zip(judged, flagged_E, strict=True) if flagged]


def _sessions(evidence: Evidence, judged: Sequence[EvaluatorSummary]) -> list[str]:
    """The session of each evaluator, the last one where there were several; the evaluator where none was recorded."""
    session = {answer.evaluator: answer.session or answer.evaluator for answer in evidence.ledger_feedback.values()}
    return [session[summary.evaluator] for summary in judged]


def share_outcome(
    share: Estimate, limit: float, *, result: str, remedy: str, ids: Mapping[str, Sequence[str]], source: str
) -> Outcome:
    """A share that should stay below `limit`."""
    return Outcome(
        ruling=near_zero(share, limit),
        estimate=share,
        threshold=f"a share above {limit:g}",
        result=result,
        remedy=remedy,
        evidence=(MANIFEST,),
        ids=ids,
        source=source,
    )
