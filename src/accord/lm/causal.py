"""A causal language model with its tokenizer: loading, turning conversations into token ids, saving.

Any Hugging Face decoder by hub id or path, the packaged one by name, a tiny one built in code. Prompts are rendered
with the model's chat template and tokenized once; completions are carried as token ids from the sampler to the
loss, because text that is tokenized again need not give the ids that were sampled.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils.logging import disable_progress_bar

from accord.errors import ModelError
from accord.lm import packaged, tiny
from accord.lm.memory import keep_large_buffers
from accord.records import Prompt

__all__ = ["CausalModel", "LoRA", "add_lora", "load"]

DType = Literal["float32", "bfloat16"]


class LoRA(BaseModel):
    """Low-rank adapters (Hu et al. 2021, arXiv 2106.09685) on every linear layer of the decoder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rank: int = Field(default=16, ge=1)
    alpha: float = Field(default=32.0, gt=0)
    dropout: float = Field(default=0.0, ge=0, lt=1)


@dataclass
class CausalModel:
    """A decoder and its tokenizer. `name` is what it was loaded from."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    name: str

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
        """What fills unused places. It is masked by length and so may be any id; EOS where the model has none."""
        pad = self.tokenizer.pad_token_id
        return pad if isinstance(pad, int) else self.eos_id

    @property
    def context(self) -> int:
        """The longest sequence, in tokens, that the model was made for."""
        config: Any = self.model.config.get_text_config()
        return min(int(config.max_position_embeddings), int(getattr(config, "sliding_window", None) or 1 << 30))

    @property
    def width(self) -> int:
        """The size of a hidden state."""
        return int(self.model.config.get_text_config().hidden_size)

    @property
    def vocabulary(self) -> int:
        """How many token ids there are rows for in the embedding."""
        embedding: Any = self.model.get_input_embeddings()
        return int(embedding.weight.shape[0])

    def encode_prompt(self, prompt: Prompt) -> list[int]:
        """Token ids of the conversation as the model's chat template renders it, ready for the answer."""
        if self.tokenizer.chat_template is None:
            raise ModelError(f"{self.name}: its tokenizer has no chat template; give one, or use an instruct model")
        messages = [message.model_dump() for message in prompt.messages]
        text = self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        # The template writes BOS itself where the model wants one: adding special tokens again would double it.
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def encode_completion(self, text: str) -> list[int]:
        """Token ids of an answer that was not sampled here, ended by EOS."""
        return [*self.tokenizer(text, add_special_tokens=False)["input_ids"], self.eos_id]

    def decode(self, token_ids: Sequence[int]) -> str:
        """The text of an answer, without the token that ended it."""
        return str(self.tokenizer.decode(list(token_ids), skip_special_tokens=True)).strip()

    def hidden(self, **inputs: Any) -> Tensor:
        """Last hidden states after the final norm, [B, T, D]."""
        backbone = self.model.get_decoder() if hasattr(self.model, "get_decoder") else self.model.base_model
        output = backbone(**inputs, use_cache=False)
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

    def save(self, folder: Path) -> None:
        """Write weights, configuration and tokenizer so that plain transformers (and peft) can open them."""
        self.model.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)


def load(
    name: str | Path,
    *,
    dtype: DType = "float32",
    device: str = "cpu",
    seed: int = 0,
    trust_remote_code: bool = False,
) -> CausalModel:
    """A model by packaged name, `tiny`, path or hub id.

    `seed` draws the weights of `tiny` alone. Raises `ModelError` where there is no such model, or it is no decoder.
    """
    keep_large_buffers()
    disable_progress_bar()
    name = str(name)
    if name == tiny.NAME:
        made = tiny.tiny_model(seed=seed).to(device=device, dtype=getattr(torch, dtype))
        return CausalModel(made.eval(), tiny.tiny_tokenizer(), name)
    source = str(packaged.packaged()) if name == packaged.NAME else name
    if os.sep in source and not (Path(source) / "config.json").is_file() and Path(source).is_absolute():
        raise ModelError(f"{source}: no model here (no config.json)")
    try:
        adapter = (Path(source) / "adapter_config.json").is_file()
        model = _open(source, getattr(torch, dtype), adapter, trust_remote_code)
        tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=trust_remote_code)
    except (OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(f"{name}: cannot be loaded as a causal language model ({reason})") from error
    loaded = CausalModel(model.to(device).eval(), tokenizer, name)
    _check_head(loaded)
    return loaded


def add_lora(causal: CausalModel, settings: LoRA, *, seed: int = 0) -> CausalModel:
    """The same model with fresh adapters, its own weights frozen."""
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,  # type: ignore[arg-type]  # peft accepts any number
        lora_dropout=settings.dropout,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        wrapped: Any = get_peft_model(causal.model, config)
    return CausalModel(wrapped, causal.tokenizer, causal.name)


def _open(source: str, dtype: torch.dtype, adapter: bool, trust_remote_code: bool) -> Any:
    if adapter:
        from peft import AutoPeftModelForCausalLM

        return AutoPeftModelForCausalLM.from_pretrained(source, dtype=dtype)
    return AutoModelForCausalLM.from_pretrained(
        source, dtype=dtype, trust_remote_code=trust_remote_code, use_safetensors=True
    )


@torch.no_grad()
def _check_head(causal: CausalModel) -> None:
    """Refuse a model whose logits are not head(hidden): every probability computed from them would be wrong."""
    ids_BT = torch.arange(1, 5, device=causal.device)[None]
    ours_TV = causal.logits(causal.hidden(input_ids=ids_BT)[0])
    theirs_TV = causal.model(input_ids=ids_BT, use_cache=False).logits[0].float()
    if not torch.allclose(ours_TV, theirs_TV, atol=1e-2, rtol=1e-2):
        raise ModelError(f"{causal.name}: its logits are not a linear head over its last hidden state; not supported")
