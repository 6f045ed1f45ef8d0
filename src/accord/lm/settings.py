"""In what form a model is opened; which model a stage starts from, and how it is trained."""

import logging
import operator
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from accord.deferred import deferred
from accord.errors import ModelError
from accord.lm.adapters import LoRA, add_lora
from accord.lm.attention import AttentionChoice
from accord.lm.dtypes import DType

with deferred():
    from transformers import PreTrainedTokenizerBase

    from accord.lm.causal import CausalModel
    from accord.lm.chat_template import is_template, read_template, set_template
    from accord.lm.device import resolve_device
    from accord.lm.dropout import dropping
    from accord.lm.fused import forget_blocks
    from accord.lm.layers import cut_layers, freeze_below
    from accord.lm.loading import load
    from accord.lm.quantised import quantise
    from accord.lm.recomputation import recompute_layers

__all__ = ["SAME_NUMBERS", "ModelForm", "ModelSettings"]

SAME_NUMBERS = frozenset({"checkpointing"})
"""Settings of a model that change no number of a run: one that has begun goes on under any of their values."""

log = logging.getLogger("accord")


class ModelForm(BaseModel):
    """In what form a model is opened, whatever it is used for: which commit of it, its dtype, device and template."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    revision: str | None = Field(
        default=None, description="branch, tag or commit of a model on the hub; unset: its main branch as it is now"
    )
    dtype: DType = "bfloat16"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    trust_remote_code: bool = False
    chat_template: str | None = Field(
        default=None, description="a chat template instead of the model's own: a file, or the template itself"
    )
    template_arguments: dict[str, Any] = Field(
        default={}, description="values of the chat template's own variables, such as { enable_thinking = false }"
    )
    template_date: date | None = Field(
        default=None, description="what the chat template takes for today; unset: the day on which the run was begun"
    )

    @property
    def resolved_device(self) -> str:
        """The device, with `auto` resolved. Raises `ModelError` where it cannot be computed on."""
        return resolve_device(self.device)

    def anchored(self, folder: Path) -> Self:
        """The same with the text of its chat template for the file, which is meant from `folder`.

        Raises `StorageError` where the file cannot be read.
        """
        template = self.chat_template
        if template is None or is_template(template):
            return self
        return self.model_copy(update={"chat_template": read_template(folder / template)})

    def set_template(self, tokenizer: PreTrainedTokenizerBase) -> None:
        """Give the tokenizer the chat template of these settings, with which it is then saved.

        Raises `ModelError` where there are settings for a template that is not there.
        """
        set_template(tokenizer, self.anchored(Path()).chat_template, self.template_arguments, self.template_date)


class ModelSettings(ModelForm):
    """A decoder by name, and how it is trained. The optimiser's master weights are float32 whatever `dtype` is."""

    base: str | None = Field(
        default=None,
        description="packaged name (smollm2-135m, tiny), folder or hub id; unset: the supervised start of the run",
    )
    lora: LoRA | None = Field(default=None, description="train low-rank adapters instead of all weights")
    trained_layers: int | None = Field(
        default=None, ge=1, description="train the last N layers, the final norm and the head; unset: everything"
    )
    dropout: bool = Field(
        default=False, description="update with the dropout of the model's configuration; off: with that of lora alone"
    )
    memory_gb: float | None = Field(
        default=None,
        gt=0,
        description="split batches so that the process stays within it; unset: 2,048 tokens, or a GPU's free memory",
    )
    checkpointing: bool = Field(
        default=False,
        exclude_if=operator.not_,
        description="activation checkpointing: compute each layer again in the backward pass, which then keeps less",
    )
    native: Literal["auto", "off"] = Field(
        default="auto",
        description="write and learn with kernels compiled for this processor, where there is a compiler",
    )
    attention: AttentionChoice = Field(
        default="auto",
        description="who computes attention: grouped, sdpa or flex alone; auto: on a GPU the first of flex, sdpa and "
        "grouped that gives the model's own numbers, on a CPU grouped",
    )
    cut_to_context: bool = Field(
        default=False,
        description="cut texts that are too long for the model, which else are refused; `data.too_long` sets it",
    )

    @property
    def drops(self) -> bool:
        """Whether dropout is asked for, of the model or of its adapters."""
        return self.dropout or (self.lora is not None and self.lora.dropout > 0)

    def updating(self, causal: CausalModel) -> AbstractContextManager[None]:
        """Inside, what a pass of an update drops out is what these settings ask for; outside nothing is."""
        return dropping(causal, own=self.dropout)

    def open(self, name: str | Path, *, seed: int = 0, train: bool = False, layers: int | None = None) -> CausalModel:
        """The model `name` in this form, cut to its first `layers`; with `train`, what is not to be trained is frozen.

        Adapters that it was saved with are merged into its weights: what a stage opens is whole. With `lora` set, fresh
        ones are what is trained. Raises `ModelError` where it has no such layers, or nothing of it would be trained.
        """
        rounds = train and self.lora is not None and self.lora.quantised is not None
        causal = load(
            name,
            dtype=self.dtype,
            device="cpu" if rounds else self.resolved_device,
            seed=seed,
            trust_remote_code=self.trust_remote_code,
            merge=True,
            revision=self.revision if str(name) == self.base else None,
            native=self.native == "auto",
            attention=self.attention,
        )
        if train and causal.attention == "flex" and causal.device.type == "cpu":
            raise ModelError(f'{name}: attention = "flex" has no gradients on a CPU; leave it out to train there')
        self.set_template(causal.tokenizer)
        causal.cuts, causal.memory_gb = self.cut_to_context, self.memory_gb
        if layers is not None:
            cut_layers(causal, layers)
            causal.base = ""  # what is left lies nowhere: adapters over it are saved as whole weights
        if not train:
            causal.model.requires_grad_(False)
            return causal
        _name_what_is_left_out(causal)
        if rounds:
            causal = self._quantised(causal)
        if self.lora is not None:
            causal = add_lora(causal, self.lora, seed=seed, layers=self.trained_layers)
        if self.trained_layers is not None:
            freeze_below(causal, self.trained_layers)
        if not causal.trainable():
            raise ModelError(f"{name}: these settings leave no weight of it to be trained; see lora and trained_layers")
        if self.checkpointing:
            recompute_layers(causal)
        return causal

    def _quantised(self, causal: CausalModel) -> CausalModel:
        """A model that was opened on the CPU with its weights in four bits, where it is computed."""
        assert self.lora is not None
        forget_blocks(causal.model)
        quantise(causal.model, self.resolved_device)
        # Decoders that take the place of its modules read the weights themselves.
        return replace(causal, quantised=self.lora.quantised, by_hand=False, native=False, cuts=causal.cuts)

    def reference(self, policy: CausalModel, start: str | Path, *, seed: int = 0) -> CausalModel:
        """What `policy`, opened from `start`, was before training: its own weights where only adapters are trained."""
        return policy.without_adapters() if policy.has_adapters else self.open(start, seed=seed)


def _name_what_is_left_out(causal: CausalModel) -> None:
    """Say that the loss by which a router is kept from a few favourite experts is no part of any stage's loss."""
    coefficient = getattr(causal.model.config.get_text_config(), "router_aux_loss_coef", None)
    if coefficient:
        log.warning(
            "%s: a mixture of experts; its router's auxiliary loss (router_aux_loss_coef = %g) is left out: the router "
            "learns what the stage learns, and nothing balances the experts",
            causal.name,
            coefficient,
        )
