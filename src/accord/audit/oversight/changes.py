"""Evaluators who give up: whose answers surely get worse from some point on (Page 1954)."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accord.artefacts.finding import Collection
from accord.audit.challenges import OV1
from accord.audit.checks import LEDGER, Outcome, artefact, check
from accord.audit.evidence import EVALUATORS, Evidence
from accord.audit.oversight.orders import p_of_order
from accord.audit.oversight.people import answers_of_people
from accord.audit.oversight.shares import Flagged, flagged_outcome, names_of
from accord.audit.oversight.surprise import Surprises, surprises_of
from accord.audit.oversight.thresholds import OversightThresholds
from accord.errors import MissingEvidence

__all__ = ["Change", "change", "changes_in"]

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]
LEAST = 5  # answers before a change, and after it


@dataclass(frozen=True)
class Change:
    """Where a person's answers change most for the worse, whether or not they do.

    answers   of theirs that were judged; `after` of them, by id, are from there on
    lapse     the share of random answers among these, as far as they lie further from the others' than is usual
    p_value   by random orders of the same answers
    """

    evaluator: str
    answers: int
    after: tuple[str, ...]
    lapse: float
    p_value: float


def changes_in(surprises: Surprises, *, least: int) -> list[Change]:
    """The change of everybody of `least` answers or more. Raises `MissingEvidence` where nobody agrees with others."""
    excess_N, random = surprises.excess_N, np.random.default_rng(0)
    changes = []
    for code, name in enumerate(surprises.evaluators):
        rows = np.flatnonzero(surprises.evaluator_N == code)
        if rows.size < max(least, 2 * LEAST):
            continue
        value_M = excess_N[rows]
        p_value = p_of_order(_largest_change(value_M), surprises.kind_N[rows], random)
        start = LEAST + int(np.argmax(_cusum(value_M[None])[0]))
        after = tuple(surprises.feedback[row] for row in rows[start:])
        changes.append(Change(name, rows.size, after, float(value_M[start:].mean()), p_value))
    return changes


def _largest_change(value_M: Floats) -> Callable[[Codes], Floats]:
    """The statistic of an order of these values: the largest of `_cusum`."""
    return lambda orders_BM: np.asarray(_cusum(value_M[orders_BM]).max(1))


def _cusum(value_BM: Floats) -> Floats:
    """How far the mean after each place lies above that before it, in standard errors but for a constant, [B, places].

    Places leave five answers on either side.
    """
    n = value_BM.shape[1]
    before_BM = np.cumsum(value_BM - value_BM.mean(1, keepdims=True), axis=1)[:, LEAST - 1 : n - LEAST]
    count_P = np.arange(LEAST, n - LEAST + 1)
    return np.asarray(-before_BM / np.sqrt(count_P * (n - count_P) / n))


@check(
    OV1,
    "change",
    claim="Nobody gave up in the middle.",
    thresholds=OversightThresholds,
    needs=(LEDGER, artefact(EVALUATORS)),
    collect=Collection(
        field="Feedback.position_in_session",
        what="answers of each evaluator in their order to items that others judge as well",
        amount="20 answers of each of 10 evaluators, each item judged by three people",
        study="overlap",
    ),
    explained=("OV1 fatigue",),
)
def change(evidence: Evidence, thresholds: OversightThresholds) -> Outcome:
    """Share of answers that people gave after their answers had surely got worse, by a cumulative sum."""
    surprises = surprises_of(answers_of_people(evidence))
    changes = changes_in(surprises, least=thresholds.min_opinions)
    if len(changes) < 10:
        raise MissingEvidence(f"10 evaluators of at least {thresholds.min_opinions} answers in order that others share")
    names = [one.evaluator for one in changes]
    flagged = Flagged(
        names,
        np.array([one.p_value for one in changes]),
        np.array([float(len(one.after)) for one in changes]),
        np.array([one.lapse > thresholds.lapse for one in changes]),
        total=float(sum(one.answers for one in changes)),
    )
    late = [name for one, bad in zip(changes, flagged.flagged_E, strict=True) if bad for name in one.after]
    share = flagged.share
    return flagged_outcome(
        flagged,
        thresholds.share,
        result=f"{share.value:.1%} of the answers were given by {flagged.flagged_E.sum()} of {len(names)} evaluators "
        f"after theirs had changed for the worse, to more than {thresholds.lapse:.0%} at random.",
        remedy="Leave out what was given after the change, ask it again, and pause whoever changes.",
        ids={"evaluators": names_of(flagged.flagged_E, names), "feedback": late},
        source="cumulative sums (Page 1954) of the distance from all others' answers, p-values by random orders, "
        "Benjamini & Hochberg 1995 at 5 %",
    )
