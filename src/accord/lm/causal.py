"""A causal language model with its tokenizer: turning conversations into token ids, hidden states, logits, saving.

Prompts are rendered with the model's chat template and tokenized once; completions are carried as token ids from the
sampler to the loss, because text that is tokenized again need not give the ids that were sampled.
"""

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from accord.errors import ModelError, StorageError, storage
from accord.records import Prompt

__all__ = ["CausalModel"]


@dataclass
class CausalModel:
    """A decoder and its tokenizer. `name` is what it was loaded from.

    `base` is where the weights under its adapters lie, a folder or hub id; empty where they lie nowhere. `packs` says
    whether several sequences may share a row and keys and values may be kept in slots; where its attention cannot be
    reached, each sequence has a row of its own and nothing is kept.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    name: str
    base: str = ""
    packs: bool = True

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.model.parameters()).device

    @property
    def eos_id(self) -> int:
        """The token that ends a completion."""
        eos = self.tokenizer.eos_token_id
        if not isinstance(eos, int):
            raise ModelError(f"{self.name}: its tokenizer has no end-of-sequence token, so nothing could ever stop")
        return eos

    @property
    def pad_id(self) -> int:
        """What fills unused positions. It is masked by length and so may be any id; EOS where the model has none."""
        pad = self.tokenizer.pad_token_id
        return pad if isinstance(pad, int) else self.eos_id

    @property
    def context(self) -> int:
        """The longest sequence, in tokens, that the model was made for; where it names none, a very large number."""
        config: Any = self.model.config.get_text_config()
        bounds = (getattr(config, name, None) for name in ("max_position_embeddings", "sliding_window"))
        return min([int(bound) for bound in bounds if bound] or [1 << 30])

    @property
    def width(self) -> int:
        """The size of a hidden state."""
        return int(self.model.config.get_text_config().hidden_size)

    @property
    def layers(self) -> int:
        """How many layers the decoder has."""
        return int(self.model.config.get_text_config().num_hidden_layers)

    @property
    def vocabulary(self) -> int:
        """How many token ids there are rows for in the embedding."""
        embedding: Any = self.model.get_input_embeddings()
        return int(embedding.weight.shape[0])

    @property
    def backbone(self) -> Any:
        """The decoder without its head."""
        return self.model.get_decoder() if hasattr(self.model, "get_decoder") else self.model.base_model

    def encode_prompt(self, prompt: Prompt) -> list[int]:
        """Token ids of the conversation as the model's chat template renders it, ready for the answer."""
        if self.tokenizer.chat_template is None:
            raise ModelError(f"{self.name}: its tokenizer has no chat template; give one, or use an instruct model")
        messages = [message.model_dump() for message in prompt.messages]
        text = self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        # Most templates write BOS themselves, so letting the tokenizer add it would double it.
        ids = list(self.tokenizer(text, add_special_tokens=False)["input_ids"])
        bos = self.tokenizer.bos_token_id
        if bos is not None and ids[:1] != [bos] and self.tokenizer("")["input_ids"][:1] == [bos]:
            return [bos, *ids]
        return ids

    def encode_prompts(self, prompts: Iterable[Prompt]) -> dict[str, tuple[int, ...]]:
        """Token ids of each prompt, by its id; a prompt that comes several times is rendered once."""
        by_id = {prompt.id: prompt for prompt in prompts}
        return {name: tuple(self.encode_prompt(prompt)) for name, prompt in by_id.items()}

    def encode_completion(self, text: str) -> list[int]:
        """Token ids of an answer that was not sampled here, ended by EOS."""
        return [*self.tokenizer(text, add_special_tokens=False)["input_ids"], self.eos_id]

    def decode(self, token_ids: Sequence[int]) -> str:
        """The text of an answer, without the token that ended it."""
        return str(self.tokenizer.decode(list(token_ids), skip_special_tokens=True)).strip()

    def characters(self, token_ids: Sequence[int], token: int) -> int:
        """How long the text is with the tokens up to and with `token`, counted from 0."""
        return len(self.decode(token_ids[: token + 1]))

    def hidden(self, **inputs: Any) -> Tensor:
        """Last hidden states after the final norm, [B, T, D]."""
        output = self.backbone(**inputs, use_cache=False)
        return output.last_hidden_state  # type: ignore[no-any-return]  # transformers leaves outputs untyped

    def raw_logits(self, hidden_ND: Tensor) -> Tensor:
        """Next-token logits as the head makes them, in the model's dtype, [N, V], from hidden states [N, D]."""
        head: nn.Module = self.model.get_output_embeddings()
        logits_NV: Tensor = head(hidden_ND)
        cap = getattr(self.model.config.get_text_config(), "final_logit_softcapping", None)
        return logits_NV if cap is None else cap * torch.tanh(logits_NV / cap)

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
        return _WithoutAdapters(**vars(self))

    def merged(self) -> "CausalModel":
        """A copy with the adapters added into the weights; itself where it has none."""
        if not self.has_adapters:
            return self
        model: Any = copy.deepcopy(self.model)
        return CausalModel(model.merge_and_unload(), self.tokenizer, self.name, packs=self.packs)

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
                self.model.save_pretrained(folder)
                self.tokenizer.save_pretrained(folder)
        except SafetensorError as error:
            raise StorageError(f"{folder}: the weights could not be written ({error}); is the disk full?") from error


class _WithoutAdapters(CausalModel):
    """A model whose adapters are passed over."""

    def hidden(self, **inputs: Any) -> Tensor:
        model: Any = self.model
        with model.disable_adapter():
            return super().hidden(**inputs)
