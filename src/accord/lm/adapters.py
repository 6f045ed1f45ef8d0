"""Low-rank adapters: adding fresh ones, and putting saved ones on the model that they belong to.

They are in the model's dtype, as all of its weights are; where that is bfloat16 the optimiser moves masters in float32.
"""

import logging
import operator
import re
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import nn

from accord.errors import ModelError
from accord.lm.adapter_merging import cast_adapters
from accord.lm.causal import CausalModel
from accord.lm.layers import layers_of
from accord.lm.linears import not_plain
from accord.lm.products import use_wide_products
from accord.lm.proofs import prove_adapters
from accord.lm.quantised import Quantised

__all__ = ["LoRA", "add_lora", "check_kind", "put_on", "unreached"]

log = logging.getLogger("accord")
NOTED = 0.05  # of the decoder's weights left alone: more than that is told


class LoRA(BaseModel):
    """Low-rank adapters (Hu et al. 2021, arXiv 2106.09685) on every linear layer of the decoder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rank: int = Field(default=16, ge=1)
    alpha: float = Field(default=32.0, gt=0)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    quantised: Quantised | None = Field(
        default=None,
        exclude_if=operator.not_,
        description='"nf4": the weights under the adapters in four bits, which takes the extra `quantised`',
    )


def add_lora(causal: CausalModel, settings: LoRA, *, seed: int = 0, layers: int | None = None) -> CausalModel:
    """The same model with fresh adapters in its dtype, its own weights (as they were loaded) frozen.

    With `layers` they are in so many of the last layers alone.

    Adapters that it already has are merged into its weights first. Warns where they reach a part of its weights only.
    Raises `ModelError` where it takes none.
    """
    from peft import LoraConfig, get_peft_model

    plain = causal.merged()
    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,  # type: ignore[arg-type]  # peft accepts any number
        lora_dropout=settings.dropout,
        target_modules="all-linear",
        exclude_modules=_left_out(plain, layers),
        fan_in_fan_out=any(type(module).__name__ == "Conv1D" for module in plain.model.modules()),  # as GPT-2's are
        task_type="CAUSAL_LM",
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            wrapped: Any = get_peft_model(plain.model, config, autocast_adapter_dtype=False)
        except ValueError as error:
            raise ModelError(f"{causal.name}: it takes no adapters ({error}); leave lora out") from error
    cast_adapters(wrapped, plain.dtype)  # over weights in four bits peft has them in float32
    use_wide_products(wrapped)
    wrapped.peft_config["default"].base_model_name_or_path = plain.base or None
    wrapped.peft_config["default"].revision = getattr(plain.model.config, "_commit_hash", None)
    wrapped.eval()
    adapted = replace(plain, model=wrapped)
    if reason := prove_adapters(adapted):
        log.warning("%s: %s; they are computed apart, which is slower", causal.name, reason)
    share, owners = unreached(wrapped, within=[wrapped] if layers is None else list(layers_of(adapted))[-layers:])
    if share > NOTED:
        warnings.warn(
            f"{causal.name}: its adapters reach {1 - share:.0%} of its decoder's weights; {', '.join(owners)} stay as "
            "they are: train without lora to move them",
            stacklevel=2,
        )
    return adapted


def _left_out(causal: CausalModel, layers: int | None) -> str | None:
    """A pattern of the modules that get no adapters; None where all may have them."""
    patterns = [re.escape(name) for name in not_plain(causal.model)]
    if layers is not None:
        below = {id(layer) for layer in list(layers_of(causal))[:-layers]}
        named = causal.model.named_modules()
        patterns += [rf"{re.escape(name)}\..*" for name, module in named if id(module) in below]
    return "|".join(patterns) or None


def unreached(model: nn.Module, *, within: Sequence[nn.Module]) -> tuple[float, list[str]]:
    """The share of a decoder's weights `within` some parts that adapters leave as they are, and whose those are.

    Embeddings, the head and what is no matrix are not counted. Experts are often kept as one block of three dimensions,
    which no adapter of a linear layer reaches.
    """
    apart = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
    head: Any = model.get_output_embeddings()  # type: ignore[operator]
    apart |= {id(weight) for weight in head.parameters()}
    reached, missed, owners = 0, 0, set[str]()
    for name, module in (each for part in within for each in part.named_modules()):
        for own, weight in module.named_parameters(recurse=False):
            if weight.ndim < 2 or "lora_" in name or id(weight) in apart:
                continue
            if name.endswith(".base_layer"):
                reached += weight.numel()
            else:
                missed += weight.numel()
                owners.add(f"{type(module).__name__}.{own}")
    return missed / max(1, missed + reached), sorted(owners)


def put_on(decoder: Any, source: str, *, wide: bool = False) -> Any:
    """The decoder with the adapters in a folder, in its dtype; `wide`: in float32, to be merged.

    Raises `ValueError` as `check_kind` does.
    """
    from peft import PeftModel

    check_kind(source)
    return PeftModel.from_pretrained(decoder, source, autocast_adapter_dtype=wide)


def check_kind(source: str) -> None:
    """Raise `ValueError` where the adapters in a folder are no change of weights."""
    from peft import PeftConfig

    kind = PeftConfig.from_pretrained(source)
    if kind.is_prompt_learning:
        raise ValueError(
            f"adapters of kind {kind.peft_type.value} change no weights; use low-rank ones, or a merged model"
        )
