"""What needs no label and may warn of over-optimisation: reported beside the judge's verdict, never judged alone.

They can be blind. Where all members of an ensemble are of the wrong class, their disagreement does not grow while the
reward is hacked (the laboratory's trap, `accord lab run rewards`), and a reward that rises is what training is for.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from accord.artefacts import JudgedRollout
from accord.stats import Estimate, mean

__all__ = ["warning_facts"]

Floats = NDArray[np.float64]
PART = 3  # the first and the last third of the steps are held against each other


def warning_facts(rows: Sequence[JudgedRollout]) -> dict[str, Estimate]:
    """How many of the last samples score above all of the first; how the reward's own doubt grew, where it is told."""
    steps = sorted({row.step for row in rows})
    third = max(1, len(steps) // PART)
    early = [row for row in rows if row.step in set(steps[:third])]
    late = [row for row in rows if row.step in set(steps[-third:])]
    highest = max(row.reward for row in early)
    facts = {
        "label-free: samples above the highest early reward": mean(
            [float(row.reward > highest) for row in late], [row.prompt for row in late]
        )
    }
    doubt = [[row.reward_std for row in part if row.reward_std is not None] for part in (early, late)]
    if all(doubt):
        facts["label-free: the reward's standard deviation, late less early"] = _growth(early, late)
    return facts


def _growth(early: Sequence[JudgedRollout], late: Sequence[JudgedRollout]) -> Estimate:
    """Of the prompts that both parts have, the mean change; of all samples where there are none."""
    by_part: list[dict[str, list[float]]] = [{}, {}]
    for part, of_part in zip((early, late), by_part, strict=True):
        for row in part:
            if row.reward_std is not None:
                of_part.setdefault(row.prompt, []).append(row.reward_std)
    both = [name for name in by_part[0] if name in by_part[1]]
    if not both:
        before = float(np.mean([value for values in by_part[0].values() for value in values]))
        return mean([value - before for values in by_part[1].values() for value in values])
    return mean([float(np.mean(by_part[1][name]) - np.mean(by_part[0][name])) for name in both])
