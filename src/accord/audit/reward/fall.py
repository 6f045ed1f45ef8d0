"""How far a judge's score at the end of a run lies below its peak, where the peak is found by other prompts.

The largest of several noisy means lies above what it stands for, so a score that rises and stays would seem to have
fallen from it. Here prompts are dealt into parts: where the peak lies is said by all the other parts, and how far the
end lies below it by the part itself, which then expects no fall where there is none.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accord.artefacts import JudgedRollout
from accord.errors import MissingEvidence
from accord.stats import Estimate, jackknife

__all__ = ["Fall", "fall_from_peak"]

Floats = NDArray[np.float64]
Places = NDArray[np.intp]
PARTS = 5
LEAST_PROMPTS = 4


class Fall(NamedTuple):
    """The judge's mean at the end less that at its peak, and the step about which most parts see the peak."""

    change: Estimate
    peak_step: int


def fall_from_peak(rows: Sequence[JudgedRollout]) -> Fall:
    """The change of the judge's score from its peak to the end; a window of steps each, a seventh of the run.

    Prompts are the independent units. Raises `MissingEvidence` where fewer than 4 prompts were used.
    """
    step_N = np.array([row.step for row in rows])
    steps, at_N = np.unique(step_N, return_inverse=True)
    prompts, prompt_N = np.unique([row.prompt for row in rows], return_inverse=True)
    if prompts.size < LEAST_PROMPTS:
        raise MissingEvidence(f"rollouts of {LEAST_PROMPTS} prompts (there are {prompts.size})")
    judge_N = np.array([row.eval_reward for row in rows])
    part_N = (np.random.default_rng(0).permutation(prompts.size) % PARTS)[prompt_N]
    width = max(1, round(len(steps) / 7))
    at_end_N = at_N >= len(steps) - width
    first_K = np.array(
        [
            _peak(judge_N[part_N != part], at_N[part_N != part], len(steps), width)
            for part in range(min(PARTS, prompts.size))
        ]
    )
    at_peak_N = (at_N >= first_K[part_N]) & (at_N < first_K[part_N] + width)

    def change(prompts_I: Places) -> float:
        weight_N = np.bincount(prompts_I, minlength=prompts.size)[prompt_N]
        end_N, peak_N = weight_N * at_end_N, weight_N * at_peak_N
        if not end_N.any() or not peak_N.any():
            return float("nan")
        return float(end_N @ judge_N / end_N.sum() - peak_N @ judge_N / peak_N.sum())

    middle = int(np.median(first_K)) + width // 2
    return Fall(jackknife(change, prompts.size), int(steps[middle]))


def _peak(judge_N: Floats, at_N: Places, steps: int, width: int) -> int:
    """The first step of the window in which the judge's mean is largest; the last of equal ones."""
    sum_S, count_S = np.bincount(at_N, judge_N, steps), np.bincount(at_N, minlength=steps).astype(np.float64)
    ones = np.ones(width)
    total_W, number_W = np.convolve(sum_S, ones, "valid"), np.convolve(count_S, ones, "valid")
    mean_W = np.divide(total_W, number_W, out=np.full(len(total_W), -np.inf), where=number_W > 0)
    return int(len(mean_W) - 1 - mean_W[::-1].argmax())
