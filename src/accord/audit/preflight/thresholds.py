"""Thresholds of the preflight."""

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from accord.audit.settings import Thresholds

__all__ = ["PreflightThresholds"]


class PreflightThresholds(Thresholds):
    """Thresholds of the preflight."""

    family: ClassVar[str] = "preflight"
    renamed: ClassVar[Mapping[str, str]] = {
        "padding_largest": "padding_max",
        "ratio": "sampler_logprob_diff",
        "ratio_step": "sampler_step",
        "samples": "max_samples",
    }

    stop_rate: float = Field(default=0.5, ge=0, le=1, description="P-EOS fires where fewer completions end themselves")
    padding: float = Field(default=0.05, gt=0, description="P-PAD: mean change of a score by its company, in SDs")
    padding_max: float = Field(default=0.5, gt=0, description="P-PAD: change of any one score, in SDs")
    kl_level: float = Field(default=0.001, gt=0, lt=1, description="P-KL: chance of a false alarm over all steps")
    kl_gap: float = Field(default=0.01, gt=0, description="P-KL: nats between the logged KL and the one recomputed")
    sampler_logprob_diff: float = Field(
        default=0.07, gt=0, description="P-RATIO: mean size of the log-ratio of a token, trainer to sampler, nats"
    )
    sampler_step: float = Field(default=0.2, gt=0, description="P-RATIO: the same as logged by any one step")
    bias: float = Field(default=0.02, gt=0, description="P-RATIO: mean difference from the saved model, nats a token")
    remeasured: float = Field(
        default=0.2, gt=0, description="P-RATIO: mean size of the difference from the saved model, nats a token"
    )
    accumulation: float = Field(default=0.001, gt=0, description="P-ACC: relative change of the gradient")
    max_samples: int = Field(default=32, ge=4, description="samples and examples that are worked out again")
