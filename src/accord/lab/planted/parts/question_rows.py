"""A question of the audit as both arms of a planted run answer it.

A model has a number for each option; its answer is their softmax. To it are added what the option's place on the screen
is worth, and, where the asker states a view, what agreeing is worth.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from accord.artefacts import QuestionAnswer

__all__ = ["NOISE", "ORDER_NOISE", "AskedQuestion", "both_orders"]

Floats = NDArray[np.float64]
NOISE, ORDER_NOISE = 0.15, 0.05  # standard deviations of numbers of options: policy to start; order to order


@dataclass(frozen=True)
class AskedQuestion:
    """A question with the numbers that both arms have for its options, [N] by arm.

    `view` is the place of the option that the asker may state; `marks` the places of options that the file names
    (`stereotype`, `cue`, `abstain`).
    """

    name: str
    text: str
    options: tuple[str, ...]
    logit_N: Mapping[str, Floats]
    view: int = 0
    right: int | None = None
    groups: Mapping[str, Floats] | None = None
    ordinal: bool = False
    marks: Mapping[str, int] | None = None

    def answered(
        self, arm: str, order: Sequence[int], random: np.random.Generator, *, place: float, lean: float | None = None
    ) -> QuestionAnswer:
        """The row of the file: `place` is what the first place adds, `lean` what a stated view does (None: no view)."""
        marks = self.marks or {}
        logit_N = self.logit_N[arm] + random.normal(0, ORDER_NOISE, len(order))
        logit_N[order[0]] += place
        if lean is not None:
            logit_N[self.view] += lean
        return QuestionAnswer(
            arm=arm,
            question=self.name,
            text=self.text,
            options=self.options,
            shown=tuple(order),
            logprobs=tuple(log_softmax(logit_N).tolist()),
            right=self.right,
            stated=None if lean is None else self.view,
            ordinal=self.ordinal,
            groups=None if self.groups is None else {g: tuple(s.tolist()) for g, s in self.groups.items()},
            stereotype=marks.get("stereotype"),
            cue=marks.get("cue"),
            abstain=marks.get("abstain"),
        )


def both_orders(options: Sequence[str]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """In the order of the file and backwards."""
    places = tuple(range(len(options)))
    return places, places[::-1]
