"""Supervised fine-tuning: the likelihood of given completions, their end included (`accord.policy.supervised`)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from accord.policy.supervised import Supervised

__all__ = ["SFT"]


class SFT(Supervised):
    """Settings of supervised fine-tuning."""

    kind: Literal["sft"] = "sft"
    base: str = "smollm2-135m"

    def resolve_start(self, start: str | Path | None, given: Sequence[Any], *, stage: str, lacking: str) -> str | Path:
        """As of all stages, but `start` goes before `base`, which this one always has."""
        own = super().resolve_start(start, given, stage=stage, lacking=lacking)
        return own if start is None else start
