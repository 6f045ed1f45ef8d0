"""A reward model out of its folder: with one decoder for all members, or with layers of their own."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from accord.deferred import deferred
from accord.errors import ModelError
from accord.lm.adapter_ensemble import AdapterEnsemble
from accord.lm.aggregation import Aggregation
from accord.lm.dtypes import DType
from accord.lm.head_posterior import HeadPosterior
from accord.lm.reward_model import HEAD, ScalarHeadModel, is_reward_model

with deferred():
    from safetensors import safe_open
    from safetensors.torch import load_file
    from torch import Tensor, nn

    from accord.lm.loading import load
    from accord.lm.member_adapters import MemberAdapters, has_members

__all__ = ["SavedHead", "load_reward_model", "read_head"]


@dataclass(frozen=True)
class SavedHead:
    """The head of a saved reward model: weights [M, D], biases [M], of M outputs: those of members, by component."""

    weight_MD: Tensor
    bias_M: Tensor
    components: tuple[str, ...]
    members: int


def read_head(folder: Path) -> SavedHead:
    """The head in a reward model's folder. Raises `ModelError` where there is none."""
    if not is_reward_model(folder):
        raise ModelError(f"{folder}: not a reward model (no {HEAD})")
    weights = load_file(folder / HEAD)
    with safe_open(folder / HEAD, framework="pt") as file:
        layout = _layout_in(file.metadata() or {})
    components = tuple(layout.get("components", ()))
    members = int(layout.get("members", len(weights["bias"]) // max(1, len(components))))
    return SavedHead(weights["weight"], weights["bias"], components, members)


def load_reward_model(
    folder: Path,
    *,
    name: str,
    dtype: DType = "bfloat16",
    device: str = "cpu",
    trust_remote_code: bool = False,
    merge: bool = False,
) -> ScalarHeadModel:
    """What `ScalarHeadModel.save` wrote, ready to score; with `merge`, adapters are added into their weights.

    Raises `ModelError` where there is no head.
    """
    if not is_reward_model(folder):
        raise ModelError(f"{folder}: not a reward model (no {HEAD})")
    causal = load(folder, dtype=dtype, device=device, trust_remote_code=trust_remote_code, merge=merge)
    causal.model.requires_grad_(False)
    weights = load_file(folder / HEAD, device=device)
    with safe_open(folder / HEAD, framework="pt") as file:
        layout = _layout_in(file.metadata() or {})
    reference = weights.pop("reference", None)
    *mean_M, score_scale = weights.pop("normalisation").tolist()
    components = tuple(layout.get("components", ()))
    members = int(layout.get("members", len(mean_M) // max(1, len(components))))
    head = nn.Linear(causal.width, len(mean_M)).to(device)
    head.load_state_dict(weights)
    aggregation, listed = layout.get("aggregation", {}), layout.get("listed")
    made: Any = ScalarHeadModel
    if has_members(folder):
        made = partial(AdapterEnsemble, adapters=MemberAdapters.load(folder, causal))
        causal.model.requires_grad_(False)
    model: ScalarHeadModel = made(
        causal,
        head.requires_grad_(False),
        name,
        tuple(mean_M),
        score_scale,
        components,
        members,
        Aggregation(**{**aggregation, "weights": tuple(aggregation.get("weights", ()))}),
        None if listed is None else tuple(listed),
        None if reference is None else reference.cpu().numpy(),
        HeadPosterior.load(folder),
    )
    return model


def _layout_in(metadata: Mapping[str, str]) -> dict[str, Any]:
    """How the outputs of a saved head are named; the first heads had their components alone."""
    if "layout" in metadata:
        return dict(json.loads(metadata["layout"]))
    return {"components": json.loads(metadata.get("components", "[]"))}
