"""Was the feedback given with care? OV1: mistakes from lack of time, attention or care.

What is known of each evaluator is computed in `feedback`; here it meets thresholds. Without control questions a
careless evaluator shows only as one who disagrees with everybody else, so an honest minority of one looks the same:
PM2 is the check for that.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.stats import false_discovery_control, norm

from accord.audit.challenges import OV1
from accord.audit.checks import LEDGER, Outcome, artefact, check
from accord.audit.evidence import COMPLETIONS, EVALUATORS, Evidence
from accord.audit.settings import Thresholds
from accord.audit.verdicts import near_zero, without_trend
from accord.errors import MissingEvidence
from accord.feedback import is_order_known
from accord.feedback.statistics.reliability import EvaluatorSummary
from accord.records import Comparison, Feedback, Rating
from accord.run import MANIFEST
from accord.stats import Estimate, jackknife, mean, rate

__all__ = ["CHECKS", "OversightThresholds"]

Floats = NDArray[np.float64]
COHORT = 8  # evaluators of one session whose median says how hard its items are


class OversightThresholds(Thresholds):
    """Thresholds of OV1."""

    family: ClassVar[str] = "oversight"
    renamed: ClassVar[Mapping[str, str]] = {"opinions": "min_opinions", "words_a_second": "words_per_second"}

    share: float = Field(default=0.05, gt=0, lt=1, description="share of all answers held by flagged evaluators")
    lapse: float = Field(default=0.5, gt=0, lt=1, description="an evaluator's estimated share of random answers")
    min_opinions: int = Field(default=20, ge=1, description="opinions an evaluator must have given to be judged")
    words_per_second: float = Field(default=10.0, gt=0, description="nobody reads faster than this")
    position: float = Field(default=0.1, gt=0, lt=0.5, description="preference for the left place")
    error: float = Field(default=0.05, gt=0, lt=1, description="share of control questions answered wrongly")


@check(
    OV1,
    "careless",
    claim="Answers were not given at random.",
    thresholds=OversightThresholds,
    needs=(LEDGER, artefact(EVALUATORS)),
)
def careless(evidence: Evidence, thresholds: OversightThresholds) -> Outcome:
    """Share of answers by evaluators who agree with the others little better than chance.

    Who answers at random with probability e agrees in (1 - e) a + e / 2 of the pairs, a being what the median evaluator
    of the same session reaches (on hard items nobody agrees with many) or, where few sat in one session, the median of
    all; e is estimated from that.
    """
    minimum = thresholds.min_opinions
    judged = [
        summary
        for summary in _summaries(evidence)
        if summary.pair_accuracy is not None and summary.pair_count >= minimum
    ]
    if len(judged) < 10:
        raise MissingEvidence(f"10 evaluators of at least {minimum} opinions that others share")
    accuracy_E = np.array([summary.pair_accuracy for summary in judged], dtype=float)
    usual = float(np.median(accuracy_E))
    if usual <= 0.5:
        raise MissingEvidence(
            "agreement among the evaluators: the median one agrees with the others no more than by chance"
        )
    attainable_E = _attainable(accuracy_E, _sessions(evidence, judged), usual)
    lapse_E = (attainable_E - accuracy_E) / (attainable_E - 0.5)
    flagged_E = lapse_E > thresholds.lapse
    share = _share_held_by(flagged_E, judged, evidence)
    return _share_outcome(
        share,
        thresholds.share,
        result=f"Evaluators who seem to answer at random more than {thresholds.lapse:.0%} of the time hold "
        f"{share.value:.1%} of the answers; the median one agrees with the others on {usual:.1%} of the pairs.",
        remedy="Weight answers by the evaluator's reliability, add control questions, ask the flagged items again.",
        ids={"evaluators": _flagged(flagged_E, judged)},
        source="lapse model; Dawid & Skene 1979 for the general case",
    )


@check(
    OV1,
    "straight lines",
    claim="Nobody gave the same answer over and over.",
    thresholds=OversightThresholds,
    needs=(LEDGER, artefact(EVALUATORS)),
)
def straight_lines(evidence: Evidence, thresholds: OversightThresholds) -> Outcome:
    """Share of answers by evaluators who repeat themselves more than their own answers in random order would."""
    judged = [
        summary
        for summary in _summaries(evidence)
        if summary.ratings is not None and summary.ratings.same_as_before is not None and summary.ratings.n >= 10
    ]
    if len(judged) < 10:
        raise MissingEvidence("10 evaluators of at least 10 ratings in the order they were given")
    p_value_E = np.array([_repetition(summary) for summary in judged])
    flagged_E = false_discovery_control(p_value_E) < 0.05
    share = _share_held_by(flagged_E, judged, evidence)
    return _share_outcome(
        share,
        thresholds.share,
        result=f"Evaluators who give the same answer over and over hold {share.value:.1%} of the answers.",
        remedy="Show items in random order, cap the session, and ask the flagged items again.",
        ids={"evaluators": _flagged(flagged_E, judged)},
        source="runs test (Wald & Wolfowitz 1940), Benjamini & Hochberg 1995 at 5 %",
    )


@check(
    OV1,
    "time",
    claim="There was time to read.",
    thresholds=OversightThresholds,
    needs=(LEDGER, artefact(COMPLETIONS)),
)
def time(evidence: Evidence, thresholds: OversightThresholds) -> Outcome:
    """Share of answers given faster than the text can be read."""
    timed = [
        answer for answer in evidence.ledger_feedback.values() if answer.seconds is not None and answer.completions
    ]
    if not timed:
        raise MissingEvidence("how long each answer took (Feedback.seconds)")
    pace = thresholds.words_per_second
    too_fast = [(answer.seconds or 0.0) < _words(evidence, answer) / pace for answer in timed]
    share = rate(too_fast, [answer.evaluator for answer in timed])
    fast = [answer for answer, was_fast in zip(timed, too_fast, strict=True) if was_fast]
    return _share_outcome(
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
    placed = [
        answer
        for answer in evidence.ledger_feedback.values()
        if answer.position_in_session is not None and isinstance(answer.judgement, Rating)
    ]
    if not placed:
        raise MissingEvidence("the place of each answer in its session (Feedback.position_in_session)")
    distance_N, position_N, evaluator_N = _distances(placed)

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


@check(
    OV1,
    "control",
    claim="Control questions were answered rightly.",
    thresholds=OversightThresholds,
    needs=(LEDGER, artefact(EVALUATORS)),
)
def control(evidence: Evidence, thresholds: OversightThresholds) -> Outcome:
    """Share of control questions answered wrongly."""
    controlled = [
        summary for summary in _summaries(evidence) if summary.controls.gold and summary.controls.gold_right is not None
    ]
    if not controlled:
        raise MissingEvidence("control questions whose answer is known (Feedback.gold)")
    wrong = [1 - (summary.controls.gold_right or 0.0) for summary in controlled]
    share = rate(
        wrong,
        [summary.evaluator for summary in controlled],
        weights=[summary.controls.gold for summary in controlled],
    )
    return _share_outcome(
        share,
        thresholds.error,
        result=f"{share.value:.1%} of the control questions were answered wrongly.",
        remedy="Train or replace the evaluators concerned, and ask their items again.",
        ids={
            "evaluators": [
                summary.evaluator
                for summary, wrongs in sorted(zip(controlled, wrong, strict=True), key=lambda pair: -pair[1])
                if wrongs > 0
            ]
        },
        source="control questions",
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
    placed = [
        answer
        for answer in evidence.ledger_feedback.values()
        if isinstance(answer.judgement, Comparison) and answer.judgement.preferred != "tie" and is_order_known(answer)
    ]
    if not placed:
        raise MissingEvidence("comparisons whose order on the screen was recorded (Feedback.shown_digest)")
    left = [isinstance(answer.judgement, Comparison) and answer.judgement.preferred == "left" for answer in placed]
    excess = _less(rate(left, [answer.evaluator for answer in placed]), 0.5)
    return Outcome(
        ruling=near_zero(excess, thresholds.position),
        estimate=excess,
        threshold=f"a preference for one place by more than {thresholds.position:g}",
        result=f"The left one was preferred in {0.5 + excess.value:.1%} of the comparisons.",
        remedy="Randomise the order, and show both orders of some pairs.",
        evidence=(MANIFEST,),
        source="share of left answers under a random order",
    )


def _summaries(evidence: Evidence) -> list[EvaluatorSummary]:
    """What is known of each evaluator. Raises `MissingEvidence` where nobody is known by themselves."""
    if not evidence.summaries:
        raise MissingEvidence("evaluators that are known one by one (who judged was not recorded)")
    return evidence.summaries


def _share_held_by(flagged_E: NDArray[np.bool_], judged: Sequence[EvaluatorSummary], evidence: Evidence) -> Estimate:
    """The share of answers that flagged evaluators hold; clusters are sessions (evaluators without).

    It is of these evaluators and of no others, so where none is flagged it is 0, and sure.
    """
    weights = [summary.feedback for summary in judged]
    return mean(flagged_E, _sessions(evidence, judged), weights=weights)


def _flagged(flagged_E: NDArray[np.bool_], judged: Sequence[EvaluatorSummary]) -> list[str]:
    return [summary.evaluator for summary, flagged in zip(judged, flagged_E, strict=True) if flagged]


def _sessions(evidence: Evidence, judged: Sequence[EvaluatorSummary]) -> list[str]:
    """The session of each evaluator, the last one where there were several; the evaluator where none was recorded."""
    session = {answer.evaluator: answer.session or answer.evaluator for answer in evidence.ledger_feedback.values()}
    return [session[summary.evaluator] for summary in judged]


def _attainable(accuracy_E: Floats, sessions: Sequence[str], usual: float) -> Floats:
    """What the median evaluator of each one's session reaches; `usual` where fewer than `COHORT` sat in it.

    Kept off chance by a quarter of what is usual: where nobody agrees with anybody, no lapse could be estimated.
    """
    _, session_E = np.unique(np.array(sessions), return_inverse=True)
    attainable_E = np.full(accuracy_E.size, usual)
    for session in range(int(session_E.max()) + 1):
        inside_E = session_E == session
        if inside_E.sum() >= COHORT:
            attainable_E[inside_E] = max(float(np.median(accuracy_E[inside_E])), 0.5 + (usual - 0.5) / 4)
    return attainable_E


def _repetition(summary: EvaluatorSummary) -> float:
    """Chance of so many answers equal to the one before, by the normal approximation."""
    ratings = summary.ratings
    assert ratings is not None
    expected = min(max(ratings.same_expected or 0.0, 1e-3), 1 - 1e-3)
    excess = (ratings.same_as_before or 0.0) - expected
    return float(norm.sf(excess / (expected * (1 - expected) / (ratings.n - 1)) ** 0.5))


def _words(evidence: Evidence, answer: Feedback) -> int:
    """Words of the completions that an answer is about, as far as the run has them."""
    completions = (evidence.completions.get(name) for name in answer.completions)
    return sum(len(completion.text.split()) for completion in completions if completion is not None)


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


def _less(estimate: Estimate, what: float) -> Estimate:
    """An estimate less a constant."""
    low, high = (None if end is None else end - what for end in (estimate.low, estimate.high))
    return replace(estimate, value=estimate.value - what, low=low, high=high)


def _share_outcome(
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


CHECKS = (careless, straight_lines, time, fatigue, control, position)
