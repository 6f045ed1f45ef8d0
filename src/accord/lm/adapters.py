"""Low-rank adapters: adding fresh ones, and putting saved ones on the model that they belong to."""

from dataclasses import replace
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, Field

from accord.errors import ModelError
from accord.lm.causal import CausalModel

__all__ = ["LoRA", "add_lora", "put_on"]


class LoRA(BaseModel):
    """Low-rank adapters (Hu et al. 2021, arXiv 2106.09685) on every linear layer of the decoder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rank: int = Field(default=16, ge=1)
    alpha: float = Field(default=32.0, gt=0)
    dropout: float = Field(default=0.0, ge=0, lt=1)


def add_lora(causal: CausalModel, settings: LoRA, *, seed: int = 0) -> CausalModel:
    """The same model with fresh adapters, its own weights (as they were loaded) frozen.

    Adapters that it already has are merged into its weights first. Raises `ModelError` where it takes none.
    """
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,  # type: ignore[arg-type]  # peft accepts any number
        lora_dropout=settings.dropout,
        target_modules="all-linear",
        fan_in_fan_out=any(type(module).__name__ == "Conv1D" for module in causal.model.modules()),  # as GPT-2's are
        task_type="CAUSAL_LM",
    )
    plain = causal.merged()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            wrapped: Any = get_peft_model(plain.model, config)
        except ValueError as error:
            raise ModelError(f"{causal.name}: it takes no adapters ({error}); leave lora out") from error
    wrapped.peft_config["default"].base_model_name_or_path = plain.base or None
    wrapped.eval()
    return replace(plain, model=wrapped)


def put_on(decoder: Any, source: str) -> Any:
    """The decoder with the adapters in a folder."""
    from peft import PeftModel

    return PeftModel.from_pretrained(decoder, source)
