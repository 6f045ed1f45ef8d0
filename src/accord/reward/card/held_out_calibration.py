"""A judge's probabilities set right on people, or prompts, of whom nothing was learnt, and whether that helps.

The curve that is kept is fitted on all of their pairs. Whether it helps is told by others: evaluators (or prompts) are
dealt into five parts, and each part is foretold by a curve that was fitted on the other four.
"""

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from accord.artefacts import CALIBRATION, JudgeCalibration
from accord.feedback import Dataset, sampled_units
from accord.records import Pair
from accord.reward.card.breakdown import by_new_evaluators, of_new_prompts
from accord.reward.card.pairs import logodds_and_outcomes
from accord.reward.card.scored import SplitScores
from accord.reward.posterior.calibration import Calibration, fit_isotonic, fit_temperature
from accord.run import RunDirectory
from accord.stats import calibration_error
from accord.train.seeds import seed_of

__all__ = ["calibrate_on_held_out", "load_calibration"]

LEAST: dict[str, int] = {"temperature": 100, "isotonic": 1000}
"""Pairs below which nothing is fitted."""
PARTS = 5
_FITS = {"temperature": fit_temperature, "isotonic": fit_isotonic}

Floats = NDArray[np.float64]


def calibrate_on_held_out(
    scores: SplitScores,
    data: Dataset,
    *,
    fitted_on: str,
    split: str = "held_out",
    kind: Literal["temperature", "isotonic"] = "temperature",
) -> JudgeCalibration:
    """The calibration of a judge on pairs of `split`, with its error before and after; or why there is none.

    Fitted on pairs by evaluators who gave nothing to `fitted_on`; where there are none, or too few pairs or evaluators,
    on pairs of prompts that had no part in it, and `on` says so. Pairs count alike, ties one half. Errors are of pairs
    that the curve they are told by was not fitted on.
    """
    if scores.scale is None:
        return JudgeCalibration(kind=kind, note="the judge states no probabilities: its score has no scale of log-odds")
    reasons = []
    for on, units, pairs in _bases(data, fitted_on=fitted_on, split=split):
        if few := _too_few(on, units, kind):
            reasons.append(few)
            continue
        return _fitted(scores, data, pairs, units, kind=kind, on=on, note="; ".join(reasons) or None)
    return JudgeCalibration(kind=kind, note="; ".join(reasons))


def load_calibration(run: RunDirectory, *, stage: str = "reward") -> Calibration | None:
    """The calibration that is kept beside a run's judge; None where none could be fitted, which `note` explains.

    Raises `ArtefactError` where none was asked for (`calibrate`), or its file was altered.
    """
    row = CALIBRATION.read(run, stage)
    if row.temperature is None and row.knots is None:
        return None
    return Calibration(row.kind, 1.0 if row.temperature is None else row.temperature, row.knots or ())


def _bases(
    data: Dataset, *, fitted_on: str, split: str
) -> Iterator[tuple[Literal["evaluators", "prompts"], list[str], list[Pair]]]:
    """What may be fitted on, the better first, with who or what a pair is of."""
    by_people = by_new_evaluators(data, fitted_on=fitted_on, split=split)
    yield "evaluators", [pair.evaluator or "" for pair in by_people], by_people
    of_prompts = of_new_prompts(data, fitted_on=fitted_on, split=split)
    yield "prompts", [pair.prompt for pair in of_prompts], of_prompts


def _too_few(on: str, units: Sequence[str], kind: str) -> str | None:
    if len(units) >= LEAST[kind] and len(set(units)) >= 2:
        return None
    number = len(set(units))
    of = f"by {number:,} evaluators of whom" if on == "evaluators" else f"of {number:,} prompts of which"
    return (
        f"too few: {len(units):,} pairs {of} nothing was learnt, where {kind} calibration takes {LEAST[kind]:,} of two "
        f"{on} at least"
    )


def _fitted(
    scores: SplitScores,
    data: Dataset,
    pairs: Sequence[Pair],
    units: Sequence[str],
    *,
    kind: Literal["temperature", "isotonic"],
    on: Literal["evaluators", "prompts"],
    note: str | None,
) -> JudgeCalibration:
    assert scores.scale is not None
    logit_P, outcome_P = logodds_and_outcomes(scores.values, pairs, scores.scale)
    who, texts = sampled_units(pairs, data.evaluators)
    found = _FITS[kind](logit_P, outcome_P)
    return JudgeCalibration(
        kind=kind,
        temperature=found.temperature if kind == "temperature" else None,
        knots=found.knots if kind == "isotonic" else None,
        on=on,
        pairs=len(pairs),
        units=len(set(units)),
        ece_before=calibration_error(expit(logit_P), outcome_P, who, crossed=texts),
        ece_after=calibration_error(_by_others(logit_P, outcome_P, units, kind), outcome_P, who, crossed=texts),
        note=note,
    )


def _by_others(logit_P: Floats, outcome_P: Floats, units: Sequence[str], kind: str) -> Floats:
    """The probability of each pair by a calibration that was fitted on pairs of other units."""
    part_P, told_P = _parts(units), np.empty_like(logit_P)
    for part in np.unique(part_P):
        tested_P = part_P == part
        told_P[tested_P] = _FITS[kind](logit_P[~tested_P], outcome_P[~tested_P])(logit_P[tested_P])
    return told_P


def _parts(units: Sequence[str]) -> NDArray[np.int64]:
    """The part of each pair: all of a unit in one, drawn by its name, each into the part that has the fewest pairs."""
    names, count_U = np.unique(np.asarray(units), return_counts=True)
    pairs_K = np.zeros(min(PARTS, len(names)), dtype=np.int64)
    part_of: dict[str, int] = {}
    for place in sorted(range(len(names)), key=lambda place: seed_of("calibrate", str(names[place]))):
        part_of[str(names[place])] = part = int(np.argmin(pairs_K))
        pairs_K[part] += count_U[place]
    return np.array([part_of[unit] for unit in units])
