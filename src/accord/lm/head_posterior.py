"""What is not known of a linear head: a normal distribution of its weights about the fitted ones."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from accord.deferred import deferred

with deferred():
    import torch
    from safetensors.torch import load_file, save_file

__all__ = ["DRAWS", "HeadPosterior"]

DRAWS = 32
"""Draws of the head that stand for its distribution where scores have members."""

_FILE = "head_posterior.safetensors"

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class HeadPosterior:
    """The deviation of M outputs' weights [D] from the fitted ones: normal, each output independent of the others.

    root_MDD   R with covariance R R'
    centre_D   the mean features of the completions whose scores are placed at 0: what is only compared has no place,
               so doubt is about scores less theirs
    """

    root_MDD: Floats
    centre_D: Floats

    def std(self, feature_ND: Floats) -> Floats:
        """The standard deviation of each output, less its mean over the centre's completions, [N, M]."""
        return self.margin_std(feature_ND, self.centre_D[None])

    def margin_std(self, chosen_PD: Floats, rejected_PD: Floats) -> Floats:
        """The standard deviation of the difference of two texts' outputs, [P, M]."""
        difference_PD = np.asarray(chosen_PD - rejected_PD, dtype=np.float64)
        std_PM: Floats = np.stack([np.linalg.norm(difference_PD @ root_DD, axis=1) for root_DD in self.root_MDD], 1)
        return std_PM

    def offsets(self, feature_ND: Floats, draws: int = DRAWS) -> Floats:
        """By how much each of R draws of the head moves each output, [R, N, M]: two by two opposite, so they sum to 0.

        The draws are the same in every call. Raises `ValueError` where `draws` is odd, or more than `DRAWS`.
        """
        if draws % 2 or not 2 <= draws <= DRAWS:
            raise ValueError(f"{draws} draws; take an even number up to {DRAWS}")
        away_ND = np.asarray(feature_ND - self.centre_D, dtype=np.float64)
        half_HNM = np.einsum("nd,mdh->hnm", away_ND, self._drawn_MDH[:, :, : draws // 2])
        return np.concatenate([half_HNM, -half_HNM])

    @cached_property
    def _drawn_MDH(self) -> Floats:
        normal_MDH = np.random.default_rng(0).standard_normal((*self.root_MDD.shape[:2], DRAWS // 2))
        drawn_MDH: Floats = self.root_MDD @ normal_MDH
        return drawn_MDH

    def save(self, folder: Path) -> None:
        """Write it beside a head."""
        content = {"root": torch.tensor(self.root_MDD).contiguous(), "centre": torch.tensor(self.centre_D)}
        save_file(content, folder / _FILE)

    @classmethod
    def load(cls, folder: Path) -> "HeadPosterior | None":
        """What `save` wrote; None where there is none."""
        if not (folder / _FILE).is_file():
            return None
        content = load_file(folder / _FILE)
        return cls(content["root"].numpy(), content["centre"].numpy())
