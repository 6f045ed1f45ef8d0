"""Answers along a session: whether there was time to read, and whether they get worse."""

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from accord.audit.challenges import OV1
from accord.audit.checks import LEDGER, Outcome, artefact, check
from accord.audit.evidence import COMPLETIONS, EVALUATORS, Evidence
from accord.audit.oversight.shares import share_outcome
from accord.audit.oversight.thresholds import OversightThresholds
from accord.audit.verdicts import without_trend
from accord.errors import MissingEvidence
from accord.records import Evaluator, Feedback, Rating
from accord.run import MANIFEST
from accord.stats import jackknife, rate

__all__ = ["fatigue", "time"]

Floats = NDArray[np.float64]


@check(
    OV1,
    "time",
    claim="There was time to read.",
    thresholds=OversightThresholds,
    needs=(LEDGER, artefact(COMPLETIONS), artefact(EVALUATORS)),
)
def time(evidence: Evidence, thresholds: OversightThresholds) -> Outcome:
    """Share of answers given faster than the text can be read, of those that no machine gave."""
    known = evidence.evaluators
    answers = [
        answer
        for answer in evidence.ledger_feedback.values()
        if answer.seconds is not None and answer.completions and not _by_machine(known, answer)
    ]
    if not answers:
        raise MissingEvidence("how long each answer took (Feedback.seconds)")
    pace = thresholds.words_per_second
    words = {name: len(completion.text.split()) for name, completion in evidence.completions.items()}
    too_fast = [
        (answer.seconds or 0.0) < sum(words.get(name, 0) for name in answer.completions) / pace for answer in answers
    ]
    share = rate(too_fast, [answer.evaluator for answer in answers])
    fast = [answer for answer, was_fast in zip(answers, too_fast, strict=True) if was_fast]
    return share_outcome(
        share,
        thresholds.share,
        result=f"{share.value:.1%} of the answers came faster than {pace:g} words a second can be read.",
        remedy="Pay for time, not for items; leave out answers that were too fast.",
        ids={"feedback": [answer.id for answer in fast], "evaluators": [answer.evaluator for answer in fast]},
        source="reading speed; the threshold is a convention",
    )


@check(
    OV1,
    "fatigue",
    claim="Answers do not get worse along a session.",
    thresholds=OversightThresholds,
    needs=(LEDGER,),
)
def fatigue(evidence: Evidence, thresholds: OversightThresholds) -> Outcome:
    """Whether ratings drift away from everybody else's as a session goes on."""
    ratings = [
        answer
        for answer in evidence.ledger_feedback.values()
        if answer.position_in_session is not None and isinstance(answer.judgement, Rating)
    ]
    if not ratings:
        raise MissingEvidence("the place of each answer in its session (Feedback.position_in_session)")
    distance_N, position_N, evaluator_N = _distances(ratings)

    def slope(rows: NDArray[np.intp]) -> float:
        varies = np.ptp(position_N[rows])
        return float(np.polyfit(position_N[rows], distance_N[rows], 1)[0]) if varies else float("nan")

    drift = jackknife(slope, len(distance_N), evaluator_N)
    return Outcome(
        ruling=without_trend(drift),
        estimate=drift,
        threshold="a distance from the others that surely grows along the session",
        result=f"For each further item of a session, ratings move {drift.value:+.5f} widths of the scale away from the "
        "others'.",
        remedy="Shorter sessions, with breaks.",
        evidence=(MANIFEST,),
        source="slope with a jackknife over evaluators",
    )


def _by_machine(known: Mapping[str, Evaluator], answer: Feedback) -> bool:
    """Whether a model or a rule gave the answer, for which a person's reading speed is no measure."""
    evaluator = known.get(answer.evaluator)
    return evaluator is not None and evaluator.kind in {"model", "rule"}


def _distances(ratings: Iterable[Feedback]) -> tuple[Floats, Floats, list[str]]:
    """Distance of each rating from the mean of the others of its completion, in widths of the scale, [N].

    With it the position in the session, [N], and the evaluator. Raises `MissingEvidence` where nobody rated what
    somebody else did.
    """
    by_item: dict[str, list[tuple[float, int, str]]] = {}
    for answer in ratings:
        rating = answer.judgement
        assert isinstance(rating, Rating)
        value = (rating.value - rating.scale.low) / (rating.scale.high - rating.scale.low)
        by_item.setdefault(answer.completions[0], []).append((value, answer.position_in_session or 0, answer.evaluator))
    distances, positions, evaluators = [], [], []
    for of_item in by_item.values():
        total = sum(value for value, _, _ in of_item)
        for value, place, evaluator in of_item:
            if len(of_item) > 1:
                distances.append(abs(value - (total - value) / (len(of_item) - 1)))
                positions.append(float(place))
                evaluators.append(evaluator)
    if not distances:
        raise MissingEvidence("completions that more than one evaluator rated")
    return np.array(distances), np.array(positions), evaluators
