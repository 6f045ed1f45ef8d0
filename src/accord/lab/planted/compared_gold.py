"""What a policy that goes by a comparator gets of what it was meant to get."""

from collections import defaultdict

import numpy as np

from accord.artefacts import COMPARED_TEXTS, ComparedText
from accord.lab.planted.planting import Planting

__all__ = ["chosen_equivalence"]


def chosen_equivalence(planting: Planting) -> float:
    """How often a text drawn as the comparator likes it says what its reference says, the mean over references.

    Of each reference all changes are offered, as often as they are there; one is taken with a chance in proportion to
    the probability that it says the same.
    """
    by_prompt: dict[str, list[ComparedText]] = defaultdict(list)
    for row in COMPARED_TEXTS.read(planting.run):
        by_prompt[row.prompt].append(row)
    shares = []
    for rows in by_prompt.values():
        taken_N = np.array([row.taken_for_same for row in rows])
        shares.append(float((taken_N * [row.same for row in rows]).sum() / taken_N.sum()))
    return float(np.mean(shares))
