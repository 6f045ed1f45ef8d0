"""The numbers of one evaluator, each an `Estimate` or the reason why there is none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accord.feedback.quality.answers import Answers
from accord.feedback.quality.sequences import LEAST_STEPS, drift, late_half, repetition
from accord.feedback.quality.unknown import NotAssessed
from accord.feedback.statistics.codings import counts_as_person
from accord.feedback.trust.standing import Standing, Standings
from accord.records import Evaluator
from accord.stats import Estimate, median, proportion, rate

__all__ = ["NUMBERS", "WORDS_PER_SECOND", "EvaluatorQuality", "Number", "evaluator_qualities", "worst_first"]

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]
Number = Estimate | NotAssessed
WORDS_PER_SECOND = 10.0  # nobody reads faster
CHANCE = 0.5
LEAST_ABOVE_CHANCE = 0.02  # of an ordinary evaluator, below which nobody can fall short of it

NO_VOTES = NotAssessed("no answer that can be held against those of others to the same item")
NUMBERS = {
    "agreement": "closeness of answers to those of all others: 1 the same, 0 as by chance, below 0 against them",
    "lapse": "share of answers at random that would explain an accuracy below the usual one",
    "control": "share of control questions answered as known to be right",
    "retest": "share of items asked again that were answered the same",
    "one_coin": "accuracy against what all others make of an item, drawn to the pool's",
    "dawid_skene": "the same by a model with an error rate for each answer",
    "mace": "the same by a model of spamming",
    "left": "share of decided comparisons in which the left side was chosen",
    "repetition": "share of answers equal to the one before, less what chance gives",
    "fatigue": "agreement in the second halves of sessions less that in the first",
    "seconds": "median seconds of an answer",
    "active_seconds": "median of the seconds in which somebody did something",
    "words_per_second": "median words of the judged texts a second",
    "too_fast": "share of answers faster than anybody reads, 10 words a second",
    "declined": "share of answers that say that this cannot be judged",
}
"""The numbers of an evaluator, in the order in which they are shown."""


@dataclass(frozen=True)
class EvaluatorQuality:
    """One evaluator, by id and pseudonym. `numbers` holds every name of `NUMBERS`.

    `standing` is None where no answer could be held against anything.
    """

    evaluator: str
    pseudonym: str
    kind: str
    pool: str | None
    answers: int
    standing: Standing | None
    numbers: Mapping[str, Number]


def evaluator_qualities(
    answers: Answers,
    closeness: tuple[Floats, float],
    accuracies: Mapping[str, Mapping[str, Estimate]],
    by_votes: Standings,
    by_controls: Standings,
    evaluators: Mapping[str, Evaluator],
) -> list[EvaluatorQuality]:
    """Of everybody who answered, in the order of their first answer.

    `closeness` is that of each answer, with the least it can be (`questions.closeness`); `accuracies` holds the
    estimates of each model by evaluator. Who is careless by control questions is so whatever the others say; apart from
    that votes decide where there are any.
    """
    close_N, least = closeness
    careless: dict[str, Standing] = dict.fromkeys(by_controls.of("careless"), "careless")
    standing: dict[str, Standing] = {**by_controls.standing, **by_votes.standing, **careless}
    late_N = late_half(answers.session_N, answers.position_N)
    qualities = []
    for name, rows in zip(answers.evaluators, answers.rows_by_evaluator(), strict=True):
        evaluator = evaluators[name]
        numbers = {model: estimates.get(name, NO_VOTES) for model, estimates in accuracies.items()}
        numbers |= {"agreement": _agreement(close_N[rows], least, evaluator), "lapse": _lapse(name, by_votes)}
        numbers |= _checked(answers, rows)
        numbers |= _habits(answers, rows) | _speed(answers, rows, evaluator)
        numbers["fatigue"] = drift(close_N[rows], late_N[rows]) or NotAssessed(
            "two answers to items of others are needed in each half of sessions of four or more"
        )
        qualities.append(
            EvaluatorQuality(
                name,
                evaluator.pseudonym,
                evaluator.kind,
                evaluator.pool,
                rows.size,
                standing.get(name),
                {key: numbers[key] for key in NUMBERS},
            )
        )
    return qualities


def _agreement(close_M: Floats, least: float, who: Evaluator) -> Number:
    """The mean closeness, by its share of the least there can be: that interval holds also where all are alike."""
    known_M = close_M[np.isfinite(close_M)]
    if not known_M.size:
        return NO_VOTES if counts_as_person(who) else NotAssessed("agreement is counted among people")
    scale = 1 - least
    apart = rate(np.clip((1 - known_M) / scale, 0, 1), information=float(known_M.size * scale))
    value = 1 - scale * apart.value
    if apart.low is None or apart.high is None:
        return Estimate(value, None, None, apart.n, method=apart.method)
    return Estimate(value, 1 - scale * apart.high, 1 - scale * apart.low, apart.n, method=apart.method)


def _lapse(name: str, standings: Standings) -> Number:
    """(usual - accuracy) / (usual - 1/2), within 0..1: who answers at random so often is right so much less often."""
    accuracy, usual = standings.accuracy.get(name), standings.usual.get(name, CHANCE)
    if accuracy is None or accuracy.low is None or accuracy.high is None:
        return NO_VOTES
    if usual - CHANCE < LEAST_ABOVE_CHANCE:
        return NotAssessed(f"on these items an ordinary evaluator is right in {usual:.2f}: hardly more than by chance")
    if accuracy.high < CHANCE:
        return NotAssessed("surely right less often than by chance, which no answers at random explain")
    ends = (accuracy.value, accuracy.high, accuracy.low)
    value, low, high = (min(max((usual - end) / (usual - CHANCE), 0.0), 1.0) for end in ends)
    return Estimate(value, low, high, accuracy.n, method=f"lapse model; an ordinary evaluator is right in {usual:.3f}")


def _checked(answers: Answers, rows: Rows) -> dict[str, Number]:
    return {
        "control": _proportion(answers.right_N[rows], "no control question that a program can check"),
        "retest": _proportion(answers.same_N[rows], "no item was asked again"),
        "declined": _proportion(answers.declined_N[rows], ""),
    }


def _habits(answers: Answers, rows: Rows) -> dict[str, Number]:
    return {
        "left": _proportion(answers.left_N[rows], "no decided comparison whose order on the screen was recorded"),
        "repetition": repetition(answers.asked_N[rows], answers.meaning_N[rows])
        or NotAssessed(f"{LEAST_STEPS} answers in a row are needed, not all of them equal"),
    }


def _speed(answers: Answers, rows: Rows, who: Evaluator) -> dict[str, Number]:
    names = ("seconds", "active_seconds", "words_per_second", "too_fast")
    if not counts_as_person(who):
        return dict.fromkeys(names, NotAssessed("machines and rules do not read at a person's speed"))
    seconds_M, active_M, words_M = (column[rows] for column in (answers.seconds_N, answers.active_N, answers.words_N))
    speed_M = words_M / np.maximum(seconds_M, 1e-3)
    speed_M = np.where(words_M > 0, speed_M, np.nan)
    fast_M = np.where(np.isfinite(speed_M), speed_M > WORDS_PER_SECOND, np.nan)
    return {
        "seconds": _median(seconds_M, "no times were recorded"),
        "active_seconds": _median(active_M, "the page did not count active seconds"),
        "words_per_second": _median(speed_M, "no times, or no texts to read, were recorded"),
        "too_fast": _proportion(fast_M, "no times, or no texts to read, were recorded"),
    }


def _proportion(value_M: Floats, reason: str) -> Number:
    known_M = value_M[np.isfinite(value_M)]
    return proportion(int(known_M.sum()), known_M.size) if known_M.size else NotAssessed(reason)


def _median(value_M: Floats, reason: str) -> Number:
    known_M = value_M[np.isfinite(value_M)]
    return median(known_M) if known_M.size else NotAssessed(reason)


def worst_first(qualities: Sequence[EvaluatorQuality]) -> list[EvaluatorQuality]:
    """Careless ones, those who may be, other views, the rest; within each those of the least agreement first."""
    order = {"careless": 0, "unclear": 1, "another view": 2, "ordinary": 3, None: 4}

    def place(quality: EvaluatorQuality) -> tuple[int, float, str]:
        agreement = quality.numbers["agreement"]
        return order[quality.standing], agreement.value if isinstance(agreement, Estimate) else 2.0, quality.evaluator

    return sorted(qualities, key=place)
