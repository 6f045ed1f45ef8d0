"""Speak: models, tokens, probabilities; the only room that loads weights."""

from typing import TYPE_CHECKING, Any

from accord.extras import import_module

if TYPE_CHECKING:
    from accord.lm.adapters import LoRA, add_lora
    from accord.lm.causal import CausalModel
    from accord.lm.loading import load
    from accord.lm.logprobs import TokenLogprobs, completion_logprobs, token_divergences, token_logprobs
    from accord.lm.packed import PackedBatch, TokenizedCompletion, pack
    from accord.lm.reward_model import ScalarHeadModel, new_head
    from accord.lm.reward_model_files import load_reward_model
    from accord.lm.settings import ModelSettings
    from accord.lm.writer import ModelWriter

__all__ = [
    "CausalModel",
    "LoRA",
    "ModelSettings",
    "ModelWriter",
    "PackedBatch",
    "ScalarHeadModel",
    "TokenLogprobs",
    "TokenizedCompletion",
    "add_lora",
    "completion_logprobs",
    "load",
    "load_reward_model",
    "new_head",
    "pack",
    "token_divergences",
    "token_logprobs",
]

_HOME = {
    "TokenizedCompletion": "packed",
    "CausalModel": "causal",
    "LoRA": "adapters",
    "ModelSettings": "settings",
    "ModelWriter": "writer",
    "PackedBatch": "packed",
    "ScalarHeadModel": "reward_model",
    "TokenLogprobs": "logprobs",
    "add_lora": "adapters",
    "completion_logprobs": "logprobs",
    "load": "loading",
    "load_reward_model": "reward_model_files",
    "new_head": "reward_model",
    "pack": "packed",
    "token_divergences": "logprobs",
    "token_logprobs": "logprobs",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
