"""Answers along a session: whether there was time to read, and whether they get worse."""

import numpy as np
from numpy.typing import NDArray

from accord.artefacts.finding import Collection
from accord.audit.challenges import OV1
from accord.audit.checks import LEDGER, Outcome, artefact, check
from accord.audit.evidence import COMPLETIONS, EVALUATORS, Evidence
from accord.audit.oversight.people import answers_of_people, is_person
from accord.audit.oversight.shares import share_outcome
from accord.audit.oversight.surprise import Surprises, room_of, surprises_of
from accord.audit.oversight.thresholds import OversightThresholds
from accord.audit.verdicts import at_most
from accord.errors import MissingEvidence
from accord.run import MANIFEST
from accord.stats import jackknife, rate

__all__ = ["fatigue", "time"]

Floats = NDArray[np.float64]
FEWEST_PEOPLE = 6
SAME_ORDER = 0.05  # of the variance of positions, below which everybody had the items in one order


@check(
    OV1,
    "time",
    claim="There was time to read.",
    thresholds=OversightThresholds,
    needs=(LEDGER, artefact(COMPLETIONS), artefact(EVALUATORS)),
    collect=Collection("Feedback.seconds", "how long each answer took", "every answer of the run's ledger"),
)
def time(evidence: Evidence, thresholds: OversightThresholds) -> Outcome:
    """Share of answers given faster than the text can be read, of those that no machine gave."""
    known = evidence.evaluators
    answers = [
        answer
        for answer in evidence.ledger_feedback.values()
        if answer.seconds is not None and answer.completions and is_person(known, answer)
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
    needs=(LEDGER, artefact(EVALUATORS)),
    collect=Collection(
        field="Feedback.position_in_session",
        what="the place of each answer in its session, of items that several people judge in orders of their own",
        amount="30 answers of each of 20 evaluators, each item judged by three people",
        study="overlap",
    ),
    explained=("OV1 change",),
)
def fatigue(evidence: Evidence, thresholds: OversightThresholds) -> Outcome:
    """Whether answers drift away from everybody else's to the same items as a session goes on.

    The trend is a straight line; its unit is how far answers drawn from everybody's at random lie from the others'
    beyond those of the first third of sessions. It is no share: a line through a sudden step is steeper than the step,
    and whoever rates evenly over the scale lies further off than a rating drawn from all.
    """
    placed = [answer for answer in answers_of_people(evidence) if answer.position_in_session is not None]
    if not placed:
        raise MissingEvidence("the place of each answer in its session (Feedback.position_in_session)")
    surprises = surprises_of(placed)
    people = np.unique(surprises.evaluator_N).size
    if people < FEWEST_PEOPLE:
        raise MissingEvidence(f"{FEWEST_PEOPLE} evaluators who judged what others did ({people} did)")
    length = _usual_length(surprises)
    excess_N, place_N = _within_items_and_people(surprises, length)

    def growth(rows: NDArray[np.intp]) -> float:
        varies = float(place_N[rows] @ place_N[rows])
        return length * float(place_N[rows] @ excess_N[rows]) / varies if varies > 0 else float("nan")

    drift = jackknife(growth, excess_N.size, surprises.evaluator_N.tolist())
    return Outcome(
        ruling=at_most(drift, thresholds.fatigue),
        estimate=drift,
        threshold=f"a trend of more than {thresholds.fatigue:g} of the way to answers at random along a session",
        result=f"By a straight line from the first to the last of {length:.0f} answers of a session, the distance from "
        f"the others' answers changes by {drift.value:+.1%} of the way from the first third's to that of answers drawn "
        "at random.",
        remedy="Shorter sessions, with breaks.",
        evidence=(MANIFEST,),
        source="slope of the distance from all others' answers on the place in the session, within items and people; "
        "jackknife over people",
    )


def _usual_length(surprises: Surprises) -> float:
    """The place of a person's last answer in a session, of half of the people above it."""
    last_E = np.zeros(len(surprises.evaluators))
    np.maximum.at(last_E, surprises.evaluator_N, surprises.position_N)
    return float(np.median(last_E[last_E > 0])) if (last_E > 0).any() else 0.0


def _within_items_and_people(surprises: Surprises, length: float) -> tuple[Floats, Floats]:
    """Surprises and places in the session, each less the mean of its item and of its person, [N].

    Raises `MissingEvidence` where everybody had the items in one order, so that late items cannot be told from tired
    people, and where people do not agree.
    """
    early_N = surprises.surprise_N[surprises.position_N <= length / 3]
    excess_N, place_N = (surprises.surprise_N - surprises.usual_N) / room_of(early_N), surprises.position_N
    for _ in range(4):  # means of both are taken away in turn until neither is left
        for code_N in (surprises.item_N, surprises.evaluator_N):
            count_C = np.maximum(np.bincount(code_N), 1)
            excess_N = excess_N - (np.bincount(code_N, excess_N) / count_C)[code_N]
            place_N = place_N - (np.bincount(code_N, place_N) / count_C)[code_N]
    if place_N.var() <= SAME_ORDER * surprises.position_N.var():
        raise MissingEvidence("items that different people judged at different places of a session")
    return excess_N, place_N
