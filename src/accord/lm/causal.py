"""A causal language model with its tokenizer: loading, turning conversations into token ids, saving.

Any Hugging Face decoder by hub id or path, the packaged one by name, a tiny one built in code. Prompts are rendered
with the model's chat template and tokenized once; completions are carried as token ids from the sampler to the
loss, because text that is tokenized again need not give the ids that were sampled.
"""

import copy
import json
import os
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from huggingface_hub import constants as hub
from pydantic import BaseModel, ConfigDict, Field
from safetensors import SafetensorError
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils.logging import disable_progress_bar

from accord.errors import ModelError, StorageError, storage
from accord.lm import packaged, tiny
from accord.lm.attention import use_grouped
from accord.lm.fused import fuse, unfuse
from accord.lm.kv_cache import PrefillCache
from accord.lm.memory import keep_large_buffers
from accord.lm.upcast import in_float32
from accord.records import Prompt

__all__ = ["CausalModel", "LoRA", "add_lora", "load", "wrap"]

DType = Literal["float32", "bfloat16"]
ADAPTER = "adapter_config.json"


class LoRA(BaseModel):
    """Low-rank adapters (Hu et al. 2021, arXiv 2106.09685) on every linear layer of the decoder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rank: int = Field(default=16, ge=1)
    alpha: float = Field(default=32.0, gt=0)
    dropout: float = Field(default=0.0, ge=0, lt=1)


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
        tiny_model: Any = tiny.tiny_model(seed=seed)
        tiny_model.to(device=device, dtype=getattr(torch, dtype))
        return wrap(tiny_model.eval(), tiny.tiny_tokenizer(), name)
    source = str(packaged.packaged()) if name == packaged.NAME else _place(name)
    try:
        model, base = _open(source, dtype, trust_remote_code)
        tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=trust_remote_code)
    except (OSError, ValueError, RuntimeError, KeyError, ImportError, SafetensorError) as error:
        raise ModelError(f"{name}: {_reason(source, error)}") from error
    return wrap(model.to(device).eval(), tokenizer, name, base=base)


def wrap(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, name: str, *, base: str = "") -> CausalModel:
    """A model that is already open, on the fastest path on which it gives its own numbers.

    Raises `ModelError` where it is no decoder with a linear head; warns where it can only be run plainly.
    """
    causal = CausalModel(model, tokenizer, name, base)
    _check_decoder(causal)
    try:
        reason = _try_packing(causal)
    except (TypeError, ValueError, NotImplementedError, RuntimeError) as error:
        reason = str(error) or type(error).__name__
    if reason:
        causal.packs = False
        unfuse(model)
        model.set_attn_implementation("eager")
        warnings.warn(
            f"{name}: its attention cannot be reached ({reason}); every sequence has a row of its own and is read "
            "again for every token written, which is slow",
            stacklevel=3,
        )
    return causal


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
    return CausalModel(wrapped, causal.tokenizer, causal.name, plain.base, plain.packs)


def _place(name: str) -> str:
    """The absolute path of a model's folder, or the hub id as it is."""
    path = Path(name).expanduser()
    if path.is_dir():
        if not any((path / file).is_file() for file in ("config.json", ADAPTER)):
            raise ModelError(f"{name}: no model in this folder (no config.json and no {ADAPTER})")
        return str(path.resolve())
    if path.exists() or path.is_absolute() or name.startswith(("./", "../", "~")) or name.count("/") > 1:
        raise ModelError(
            f"{name}: no such model folder; give the folder of a saved model, a hub id, {packaged.NAME} or {tiny.NAME}"
        )
    return name


def _open(source: str, dtype: DType, trust_remote_code: bool) -> tuple[Any, str]:
    """The model, and where the weights lie that its adapters belong to."""
    adapter = Path(source) / ADAPTER
    if adapter.is_file():
        from peft import PeftModel

        base = str(json.loads(adapter.read_bytes()).get("base_model_name_or_path"))
        if os.sep in base and Path(base).is_absolute() and not Path(base).is_dir():
            raise ValueError(
                f"its adapters belong to {base}, which is gone; correct base_model_name_or_path in {ADAPTER}"
            )
        decoder, base = _open(_place(base), dtype, trust_remote_code)
        return PeftModel.from_pretrained(decoder, source), base
    loaded: Any = AutoModelForCausalLM.from_pretrained(
        source,
        dtype=getattr(torch, dtype),
        trust_remote_code=trust_remote_code,
        use_safetensors=True,
        output_loading_info=True,
    )
    model, loading_info = loaded
    if loading_info["missing_keys"]:
        missing = sorted(loading_info["missing_keys"])
        raise ValueError(f"the file lacks {len(missing)} of its weights, such as {missing[0]}; save or fetch it again")
    return model, source


def _reason(source: str, error: Exception) -> str:
    """One line: what is wrong and what to do."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    if isinstance(error, SafetensorError):
        return f"a weight file in {source} is damaged ({lines[0]}); save or fetch it again"
    if Path(source).is_dir() or not isinstance(error, OSError):
        return f"cannot be loaded as a causal language model ({lines[0]})"
    if hub.HF_HUB_OFFLINE:
        return "not in the local cache, and HF_HUB_OFFLINE keeps the hub away; unset it, or give the folder of a model"
    return f"could not be had from the hub ({lines[0]}); check the name and the network, or give the folder of a model"


@torch.no_grad()
def _check_decoder(causal: CausalModel) -> None:
    """Refuse what is no decoder with a linear head: every probability computed from it would be wrong."""
    ids_BT = torch.tensor([[1, 2, 3, 4], [1, 2, 3, 0]], device=causal.device)
    hidden_BTD = causal.hidden(input_ids=ids_BT)
    if not torch.allclose(hidden_BTD[0, :3].float(), hidden_BTD[1, :3].float(), atol=1e-2, rtol=1e-2):
        raise ModelError(
            f"{causal.name}: its tokens see what comes after them, so it is no decoder; use a causal model"
        )
    theirs_TV = causal.model(input_ids=ids_BT[:1], use_cache=False).logits[0].float()
    if not torch.allclose(causal.logits(hidden_BTD[0]), theirs_TV, atol=1e-2, rtol=1e-2):
        raise ModelError(f"{causal.name}: its logits are not a linear head over its last hidden state; not supported")


@torch.no_grad()
def _try_packing(causal: CausalModel) -> str:
    """Give the model attention of ours and hold a row of two sequences with one beginning against each alone.

    Returns why it cannot be used; empty where it can. The two are 1 2 3 | 4 5 and 1 2 3 | 6 2. They are compared in
    float32, whatever the weights are in: how far two right ways of computing in bfloat16 lie apart depends on the
    processor, and is more than many a mistake makes.
    """
    device = causal.device
    parts = (causal.backbone, causal.model.get_input_embeddings(), causal.layers)
    with in_float32(*parts):
        separate_2TD = causal.hidden(input_ids=torch.tensor([[1, 2, 3, 4, 5], [1, 2, 3, 6, 2]], device=device))
    expected_TD = torch.cat([separate_2TD[0], separate_2TD[1, 3:]])
    use_grouped(causal.model)
    fuse(causal.model)
    kv_cache = PrefillCache()
    with in_float32(*parts):
        packed_TD = _packed_pair(causal, torch.float32, kv_cache)
    error = float((packed_TD - expected_TD).norm() / expected_TD.norm())
    if not error < TOLERANCE:
        return f"two sequences in a row give other numbers than each alone, by {error:.1g}"
    if not bool(_packed_pair(causal, next(causal.model.parameters()).dtype, PrefillCache()).isfinite().all()):
        return "two sequences in a row give numbers that are not finite"
    layers = causal.layers
    return "" if kv_cache.layers == layers else f"{kv_cache.layers} of {layers} layers attend through the interface"


def _packed_pair(causal: CausalModel, dtype: torch.dtype, kv_cache: PrefillCache) -> Tensor:
    """Hidden states, [7, D], of 1 2 3, what goes on with 4 5, and what goes on with 6 2, in one row."""
    seen_TT = torch.ones(7, 7, dtype=torch.bool).tril()
    seen_TT[5:, 3:5] = False
    mask_TT = torch.zeros(7, 7).masked_fill(~seen_TT, torch.finfo(torch.bfloat16).min)
    device = causal.device
    return causal.hidden(
        input_ids=torch.tensor([[1, 2, 3, 4, 5, 6, 2]], device=device),
        position_ids=torch.tensor([[0, 1, 2, 3, 4, 3, 4]], device=device),
        attention_mask=mask_TT[None, None].to(device=device, dtype=dtype),
        kv_cache=kv_cache,
    )[0]


TOLERANCE = 1e-3  # of the norm of the hidden states
