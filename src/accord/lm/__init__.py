"""Speak: models, tokens, probabilities; the only room that loads weights."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from accord.lm.causal import CausalModel, LoRA, add_lora, load
    from accord.lm.optim import Optim, Optimiser
    from accord.lm.packed import Answer, PackedBatch, pack
    from accord.lm.scalar import ScalarModel, load_scalar, new_head
    from accord.lm.score import TokenLogprobs, completion_logprobs, token_divergences, token_logprobs
    from accord.lm.settings import ModelSettings
    from accord.lm.training import Progress
    from accord.lm.writer import ModelWriter

__all__ = [
    "Answer",
    "CausalModel",
    "LoRA",
    "ModelSettings",
    "ModelWriter",
    "Optim",
    "Optimiser",
    "PackedBatch",
    "Progress",
    "ScalarModel",
    "TokenLogprobs",
    "add_lora",
    "completion_logprobs",
    "load",
    "load_scalar",
    "new_head",
    "pack",
    "token_divergences",
    "token_logprobs",
]

_HOME = {
    "Answer": "packed",
    "CausalModel": "causal",
    "LoRA": "causal",
    "ModelSettings": "settings",
    "ModelWriter": "writer",
    "Optim": "optim",
    "Optimiser": "optim",
    "PackedBatch": "packed",
    "Progress": "training",
    "ScalarModel": "scalar",
    "TokenLogprobs": "score",
    "add_lora": "causal",
    "completion_logprobs": "score",
    "load": "causal",
    "load_scalar": "scalar",
    "new_head": "scalar",
    "pack": "packed",
    "token_divergences": "score",
    "token_logprobs": "score",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
