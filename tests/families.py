"""Tiny models of the families that are tested, built in code with weights drawn from a seed."""

from collections.abc import Callable
from typing import Any

import torch
from transformers import (
    BloomConfig,
    BloomForCausalLM,
    Gemma2Config,
    Gemma2ForCausalLM,
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from accord.lm.causal import CausalModel
from accord.lm.loading import wrap
from accord.lm.tiny import tiny_tokenizer

END = 257
COMMON: dict[str, Any] = {"eos_token_id": END, "pad_token_id": END, "bos_token_id": None, "initializer_range": 0.2}
SIZES: dict[str, Any] = {
    **COMMON,
    "vocab_size": 258,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
}
GEMMA: dict[str, Any] = {"head_dim": 16, "layer_types": ["sliding_attention", "full_attention"], "sliding_window": 128}
GPT2: dict[str, Any] = {**COMMON, "vocab_size": 258, "n_positions": 512, "n_embd": 32, "n_layer": 2, "n_head": 4}
BLOOM: dict[str, Any] = {**COMMON, "vocab_size": 258, "hidden_size": 32, "n_layer": 2, "n_head": 4}

MODELS: dict[str, Callable[[], Any]] = {
    "llama": lambda: LlamaForCausalLM(LlamaConfig(**SIZES, tie_word_embeddings=True)),
    "qwen2": lambda: Qwen2ForCausalLM(Qwen2Config(**SIZES)),
    "qwen3": lambda: Qwen3ForCausalLM(Qwen3Config(**SIZES, head_dim=16)),
    "gemma2": lambda: Gemma2ForCausalLM(Gemma2Config(**SIZES, **GEMMA, attn_logit_softcapping=5.0)),
    "gemma3": lambda: Gemma3ForCausalLM(Gemma3TextConfig(**SIZES, **GEMMA)),
    "gpt2": lambda: GPT2LMHeadModel(GPT2Config(**GPT2)),
    "bloom": lambda: BloomForCausalLM(BloomConfig(**BLOOM)),
}
PACKING = [name for name in MODELS if name != "bloom"]


def drawn(make: Callable[[], Any], *, seed: int = 0) -> Any:
    """A model as transformers makes it, with weights drawn from a seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make().eval()


def plain(family: str, *, seed: int = 0) -> Any:
    """The model as transformers makes it."""
    return drawn(MODELS[family], seed=seed)


def ours(family: str, *, seed: int = 0) -> CausalModel:
    """The same model on accord's path."""
    return wrap(plain(family, seed=seed), tiny_tokenizer(), family)
