"""Which model a stage starts from, and in what form it is trained."""

from pathlib import Path
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field

from accord.lm.adapters import LoRA, add_lora
from accord.lm.causal import CausalModel
from accord.lm.layers import cut_layers, freeze_below
from accord.lm.loading import DType, load

__all__ = ["ModelSettings"]


class ModelSettings(BaseModel):
    """A model by name, its compute dtype and device. The optimiser's master weights are float32 whatever `dtype` is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base: str | None = Field(
        default=None,
        description="packaged name (smollm2-135m, tiny), folder or hub id; unset: the supervised start of the run",
    )
    dtype: DType = "bfloat16"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    lora: LoRA | None = Field(default=None, description="train low-rank adapters instead of all weights")
    trained_layers: int | None = Field(
        default=None, ge=1, description="train the last N layers, the final norm and the head; unset: everything"
    )
    memory_gb: float | None = Field(
        default=None,
        gt=0,
        description="split training batches so that the process stays within it; unset: 2,048 tokens",
    )
    trust_remote_code: bool = False

    @property
    def resolved_device(self) -> str:
        """The device, with `auto` resolved."""
        if self.device != "auto":
            return self.device
        return "cuda" if torch.cuda.is_available() else "cpu"

    def open(self, name: str | Path, *, seed: int = 0, train: bool = False, layers: int | None = None) -> CausalModel:
        """The model `name` in this form, cut to its first `layers`; with `train`, what is not to be trained is frozen.

        With `lora` set, adapters are what is trained. Raises `ModelError` where it has no such layers.
        """
        causal = load(
            name, dtype=self.dtype, device=self.resolved_device, seed=seed, trust_remote_code=self.trust_remote_code
        )
        if layers is not None:
            cut_layers(causal, layers)
        if not train:
            causal.model.requires_grad_(False)
            return causal
        if self.lora is not None:
            causal = add_lora(causal, self.lora, seed=seed)
        if self.trained_layers is not None:
            freeze_below(causal, self.trained_layers)
        return causal

    def reference(self, policy: CausalModel, start: str | Path, *, seed: int = 0) -> CausalModel:
        """What `policy`, opened from `start`, was before training: its own weights where only adapters are trained."""
        return policy.without_adapters() if policy.has_adapters else self.open(start, seed=seed)
