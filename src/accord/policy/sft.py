"""Supervised fine-tuning: the likelihood of given completions, their end included (`accord.policy.supervised`)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from accord.deferred import deferred
from accord.policy.supervised import Supervised
from accord.run import RunDirectory
from accord.train.ranks import shares_steps

with deferred():
    from accord.artefacts import SupervisedMetrics
    from accord.policy.materials import Material, Materials
    from accord.train import TrainingStep

__all__ = ["SFT"]


class SFT(Supervised):
    """Settings of supervised fine-tuning."""

    sentence = "Supervised fine-tuning then trained the policy on the preferred texts"

    kind: Literal["sft"] = "sft"
    base: str = "smollm2-135m"

    @property
    def needs(self) -> frozenset[Material]:
        """The completions that were preferred."""
        return frozenset({"preferred"})

    def starts_from(self, start: str | Path | None) -> str | Path | None:
        """Here `start` goes before `base`, which this algorithm always has."""
        return self.base if start is None else start

    @shares_steps
    def steps(
        self, materials: Materials, run: RunDirectory, *, stage: str = "policy"
    ) -> Iterator[TrainingStep[SupervisedMetrics]]:
        """Train on the preferred completions."""
        yield from self.train_on(materials.preferred, run, start=materials.start, stage=stage)
