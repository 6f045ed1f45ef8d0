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

    def resolve_start(
        self, start: str | Path | None, examples: Sequence[Any], *, stage: str, lacking: str
    ) -> str | Path:
        """As for all settings, but `start` goes before `base`, which these always have."""
        base = super().resolve_start(start, examples, stage=stage, lacking=lacking)
        return base if start is None else start
