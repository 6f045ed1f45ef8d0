"""A causal language model with its tokenizer: token ids, hidden states, logits, saving.

How conversations become token ids is said in `accord.lm.conversation`. Completions are carried as token ids from the
sampler to the loss, because text that is tokenized again need not give the ids that were sampled.
"""

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from accord.deferred import deferred
from accord.errors import StorageError, storage
from accord.records import Completion, FinishReason, Prompt, Sample, Sampling

with deferred():
    import safetensors
    import torch
    from torch import Tensor, nn
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from accord.lm.adapter_files import write_base
    from accord.lm.adapter_merging import merge_adapters
    from accord.lm.conversation import Conversation, configured_ends
    from accord.lm.layout import Backend, Window
    from accord.lm.quantised import Quantised, dequantise, mark_quantised
    from accord.lm.sharding import sharded_of

__all__ = ["CausalModel", "context_of", "switch_of"]

UNBOUNDED = 1 << 30  # tokens


def context_of(configuration: Any) -> int:
    """The longest sequence, in tokens, that there are positions for; where none are named, a very large number."""
    named = (getattr(configuration, name, None) for name in ("max_position_embeddings", "max_seq_len"))
    return int(next((bound for bound in named if bound), UNBOUNDED))


def switch_of(configuration: Any) -> int:
    """The longest sequence, in tokens, whose rotary positions are those of short ones.

    In a longer one all positions are turned by other angles (LongRoPE, Ding et al. 2024, arXiv 2402.13753). A very
    large number where angles depend on the position alone.
    """
    rope = getattr(configuration, "rope_parameters", None) or {}
    kinds = [rope, *(each for each in rope.values() if isinstance(each, dict))]
    ends = [each["original_max_position_embeddings"] for each in kinds if each.get("rope_type") == "longrope"]
    return int(min(ends, default=UNBOUNDED))


@dataclass
class CausalModel:
    """A decoder and its tokenizer. `name` is what it was loaded from.

    `base` is where the weights under its adapters lie, a folder or hub id; empty where they lie nowhere. `cuts` says
    whether texts that are too long for it are cut (`accord.lm.packed.tokenized`); else they are refused.
    `memory_gb` bounds what is read at a time (`accord.lm.sizes`).

    Which fast paths give the model's own numbers was tried when it was loaded (`accord.lm.proofs`):
    packs    several sequences may share a row; else each has one of its own
    attention  by which backend then (`accord.lm.attention`)
    keeps    keys and values may be kept in slots; else every sequence is read again for each token
    by_hand  the decoder of `accord.lm.decoders` may take the place of its modules when it writes
    native   so may that of `accord.lm.native_decoder`, with kernels that were compiled for this processor
    refused  why what was not taken was not: rows, layers, decoder, by_hand, native (`accord.lm.paths`)
    kernels  so may compiled ones be taken for what is read and learnt from (`accord.lm.native.proven`)

    `quantised` is what the weights under its adapters are rounded to, where they are (`accord.lm.quantised`).
    `prefix` are the frozen layers that it shares with another, where it does (`accord.lm.frozen_prefix`).
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    name: str
    base: str = ""
    packs: bool = True
    attention: Backend = "grouped"
    keeps: bool = True
    by_hand: bool = False
    native: bool = False
    kernels: bool = False
    refused: dict[str, str] = field(default_factory=dict)
    cuts: bool = False
    memory_gb: float | None = None
    quantised: Quantised | None = None
    prefix: Any = None
    _conversation: Conversation | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.model.parameters()).device

    @property
    def conversation(self) -> Conversation:
        """How conversations become token ids and back, by the tokenizer's chat template as it is now."""
        known = self._conversation
        if known is None or known.template != self.tokenizer.chat_template:
            configured = configured_ends(getattr(self.model, "generation_config", None), self.model.config)
            known = self._conversation = Conversation(self.tokenizer, self.name, configured)
        return known

    @property
    def eos_id(self) -> int:
        """The token that ends an answer, as the chat template writes it and as it is taught."""
        return self.conversation.end

    @property
    def end_ids(self) -> frozenset[int]:
        """Every token that ends a text: `eos_id`, the tokenizer's own, and those of the generation configuration."""
        return self.conversation.ends

    @property
    def pad_id(self) -> int:
        """What fills unused positions: any id does, for they are masked by length; the padding token where it is one.

        Many tokenizers name a padding token for which the embedding has no row.
        """
        pad = self.tokenizer.pad_token_id
        return pad if isinstance(pad, int) and 0 <= pad < self.vocabulary else 0

    @property
    def dtype(self) -> torch.dtype:
        """What the weights are in; of those that lie in parts, what they are computed in."""
        sharded = sharded_of(self.model)
        return next(self.model.parameters()).dtype if sharded is None else sharded.dtype

    @property
    def _config(self) -> Any:
        return self.model.config.get_text_config()

    @property
    def context(self) -> int:
        """The longest sequence, in tokens, that there are positions for; where none are named, a very large number."""
        return context_of(self._config)

    @property
    def window(self) -> Window | None:
        """How many positions its layers with a sliding window look back; None where it has no such layers.

        A configuration that does not tell its layers apart speaks of all of them.
        """
        size = getattr(self._config, "sliding_window", None)
        return Window(size, not getattr(self._config, "layer_types", None)) if size else None

    @property
    def switch(self) -> int:
        """The longest sequence, in tokens, whose rotary positions are those of short ones (`switch_of`)."""
        return switch_of(self._config)

    @property
    def width(self) -> int:
        """The size of a hidden state."""
        return int(self._config.hidden_size)

    @property
    def softcap(self) -> float | None:
        """What bounds the logits, by cap tanh(logits / cap); None where nothing does."""
        cap: float | None = getattr(self._config, "final_logit_softcapping", None)
        return cap

    @property
    def layers(self) -> int:
        """How many layers the decoder has."""
        return int(self._config.num_hidden_layers)

    @property
    def vocabulary(self) -> int:
        """How many token ids there are rows for in the embedding."""
        embedding: Any = self.model.get_input_embeddings()
        return int(embedding.weight.shape[0])

    @cached_property
    def _unknown_ids(self) -> tuple[int, Tensor | None]:
        """One more than the highest id that the tokenizer knows, and the ids below that it does not know, if any."""
        ids = set(self.tokenizer.get_vocab().values())
        known = min(max(ids) + 1, self.vocabulary)
        holes = sorted(set(range(known)) - ids)
        return known, torch.tensor(holes, device=self.device) if holes else None

    @property
    def known(self) -> int:
        """One more than the highest id that may be written: embeddings are often longer than the tokenizer's list."""
        return self._unknown_ids[0]

    @property
    def backbone(self) -> Any:
        """The decoder without its head."""
        return self.model.get_decoder() if hasattr(self.model, "get_decoder") else self.model.base_model

    def encode_prompt(self, prompt: Prompt) -> list[int]:
        """Token ids of the conversation as the model's chat template renders it, ready for the answer."""
        return self.conversation.encode_prompt(prompt)

    def encode_prompts(self, prompts: Iterable[Prompt]) -> dict[str, tuple[int, ...]]:
        """Token ids of each prompt, by its id; a prompt that comes several times is rendered once."""
        by_id = {prompt.id: prompt for prompt in prompts}
        return {name: tuple(self.encode_prompt(prompt)) for name, prompt in by_id.items()}

    def encode_completion(self, text: str) -> list[int]:
        """Token ids of an answer that was not sampled here, with its end."""
        return self.conversation.encode_completion(text)

    def encode_answer(self, completion: Completion) -> tuple[int, ...]:
        """Token ids of a completion to be learnt: as sampled where they are known, without an end where it was cut."""
        return tuple(self.conversation.encode_answer(completion))

    def decode(self, token_ids: Sequence[int]) -> str:
        """The text of an answer as it was written, without the token that ended it."""
        return self.conversation.text(token_ids)

    def completion(self, prompt: Prompt, sample: Sample, sampling: Sampling) -> Completion:
        """A sample of this model as a record: its text, the ids of which it is a view, how it was drawn and ended."""
        return Completion(
            prompt=prompt.id,
            text=self.conversation.text_of(sample, sampling.stop or ()),
            token_ids=sample.token_ids,
            writer=sample.writer or self.name,
            sampling=sampling,
            finish_reason=sample.finish_reason,
        )

    def whole_text(self, token_ids: Sequence[int], finish_reason: FinishReason) -> tuple[int, ...]:
        """A sample to be learnt from: without the half of a character with which the limit may have cut it off."""
        cut = finish_reason == "length"
        return tuple(self.conversation.whole_characters(token_ids) if cut else token_ids)

    def reaches(self, token_ids: Sequence[int]) -> list[int]:
        """How long the text is, in characters, with the tokens up to and with each of them."""
        return self.conversation.reaches(token_ids)

    def hidden(self, **inputs: Any) -> Tensor:
        """Last hidden states after the final norm, [B, T, D]."""
        output = (sharded_of(self.model) or self.backbone)(**inputs, use_cache=False)
        return output.last_hidden_state  # type: ignore[no-any-return]  # transformers leaves outputs untyped

    def raw_logits(self, hidden_ND: Tensor) -> Tensor:
        """Next-token logits in the model's dtype, [N, V], from hidden states [N, D], of the ids that may be written."""
        head: nn.Module = self.model.get_output_embeddings()
        return self.finished(head(hidden_ND))

    def finished(self, logits_NV: Tensor) -> Tensor:
        """What the head gave, capped where the model caps it, and only of ids that the tokenizer knows.

        What has no text is left out here, for whatever samples and whatever measures alike: probabilities are those of
        the distribution over the tokenizer's ids. Ids in between that it does not know get -inf.
        """
        known, holes = self._unknown_ids
        if (cap := self.softcap) is not None:
            logits_NV = cap * torch.tanh(logits_NV / cap)
        logits_NV = logits_NV[:, :known]
        return logits_NV if holes is None else logits_NV.index_fill(1, holes, -torch.inf)

    def logits(self, hidden_ND: Tensor) -> Tensor:
        """Next-token logits in float32, [N, V], from hidden states [N, D]."""
        return self.raw_logits(hidden_ND).float()

    def trainable(self) -> list[nn.Parameter]:
        """The weights that training moves: all of them, or the adapters'."""
        return [weight for weight in self.model.parameters() if weight.requires_grad]

    @property
    def has_adapters(self) -> bool:
        """Whether it has low-rank adapters."""
        return hasattr(self.model, "peft_config")

    def without_adapters(self) -> "CausalModel":
        """The same weights without their adapters: what training started from, at no cost of its own."""
        return _WithoutAdapters(**{each.name: getattr(self, each.name) for each in fields(self) if each.init})

    def merged(self) -> "CausalModel":
        """A copy with the adapters added into the weights, made whole; itself where it has none."""
        if not self.has_adapters:
            return self
        model: Any = copy.deepcopy(self.model)
        if self.quantised is not None:
            dequantise(model)
        return replace(self, model=merge_adapters(model), base="", quantised=None, prefix=None)

    def save(self, folder: Path, *, merge: bool = False) -> None:
        """Write weights, configuration and tokenizer so that plain transformers (and peft) can open them.

        Adapters are written alone, beside the name of the model they belong to; with `merge`, and where that model
        lies nowhere, they are merged into whole weights instead. Raises `StorageError` where the disk is full.
        """
        if self.has_adapters and (merge or not self.base):
            self.merged().save(folder)
            return
        try:
            with storage(folder):
                self._name_ends()
                self.model.save_pretrained(folder)
                self.tokenizer.save_pretrained(folder)
                if self.has_adapters:
                    write_base(folder, self.base)
                if self.quantised is not None:
                    mark_quantised(folder, self.quantised)
        except safetensors.SafetensorError as error:
            raise StorageError(f"{folder}: the weights could not be written ({error}); is the disk full?") from error

    def _name_ends(self) -> None:
        """Name every end in the generation configuration, so that plain transformers stops where this model does."""
        configuration: Any = getattr(self.model, "generation_config", None)
        if configuration is not None and self.tokenizer.chat_template is not None:
            ends = [self.eos_id, *sorted(self.end_ids - {self.eos_id})] if not self.conversation.problem else []
            configuration.eos_token_id = (ends[0] if len(ends) == 1 else ends) or configuration.eos_token_id


class _WithoutAdapters(CausalModel):
    """A model whose adapters are passed over."""

    def hidden(self, **inputs: Any) -> Tensor:
        model: Any = self.model
        with model.disable_adapter():
            return super().hidden(**inputs)

    def merged(self) -> CausalModel:
        """A copy that never had adapters."""
        model: Any = copy.deepcopy(self.model)
        arguments = {each.name: getattr(self, each.name) for each in fields(self) if each.init}
        return CausalModel(**{**arguments, "model": model.unload(), "base": "", "prefix": None})
