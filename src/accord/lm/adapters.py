"""Low-rank adapters: adding fresh ones, opening saved ones over the model that they belong to."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, Field

from accord.lm.causal import CausalModel

__all__ = ["ADAPTER", "LoRA", "add_lora", "base_of", "has_adapter_file", "put_on"]

ADAPTER = "adapter_config.json"


class LoRA(BaseModel):
    """Low-rank adapters (Hu et al. 2021, arXiv 2106.09685) on every linear layer of the decoder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rank: int = Field(default=16, ge=1)
    alpha: float = Field(default=32.0, gt=0)
    dropout: float = Field(default=0.0, ge=0, lt=1)


def add_lora(causal: CausalModel, settings: LoRA, *, seed: int = 0) -> CausalModel:
    """The same model with fresh adapters, its own weights (as they were loaded) frozen.

    Adapters that it already has are merged into its weights first.
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
        wrapped: Any = get_peft_model(plain.model, config)
    wrapped.peft_config["default"].base_model_name_or_path = plain.base or None
    wrapped.eval()
    return replace(plain, model=wrapped)


def has_adapter_file(source: str) -> bool:
    """Whether adapters lie in a folder, and not a whole model."""
    return (Path(source) / ADAPTER).is_file()


def base_of(source: str) -> str:
    """The folder or hub id of the model that the adapters in a folder belong to. `ValueError` where it is gone."""
    base = str(json.loads((Path(source) / ADAPTER).read_bytes()).get("base_model_name_or_path"))
    if os.sep in base and Path(base).is_absolute() and not Path(base).is_dir():
        raise ValueError(f"its adapters belong to {base}, which is gone; correct base_model_name_or_path in {ADAPTER}")
    return base


def put_on(decoder: Any, source: str) -> Any:
    """The decoder with the adapters in a folder."""
    from peft import PeftModel

    return PeftModel.from_pretrained(decoder, source)
