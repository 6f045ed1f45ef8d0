"""Policies between policies: weighted sums of the weights of models that share their beginning.

A soup of fine-tunes of one model is as accurate as the best of them, at the price of one (Wortsman et al. 2022, arXiv
2203.05482). A rewarded soup of policies trained on different rewards traces the front between them without training
again (Rame et al. 2023, arXiv 2306.04488). A weight above 1 goes on beyond a policy, away from its start (ExPO, Zheng
et al. 2024, arXiv 2404.16792). Adapters are part of the weights of a saved policy, so they may be mixed too.

Left out: weights that differ from layer to layer.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

from accord.errors import ModelError
from accord.lm.causal import CausalModel, load

__all__ = ["beyond", "front", "soup"]

WHOLE = 1e-6  # how far the weights of a soup may be from 1 in sum


def soup(models: Sequence[Path | str], weights: Sequence[float]) -> CausalModel:
    """The model whose every weight is the weighted sum of those of `models` (saved policies), in float32.

    Raises `ModelError` where the models do not have the same weights by name and shape, or where `weights` are not one
    a model or do not sum to 1.
    """
    if len(models) != len(weights) or not models or abs(sum(weights) - 1) > WHOLE:
        raise ModelError(f"{len(models)} models with weights {list(weights)}; give one each, together 1")
    mixed = load(models[0])
    own = mixed.model.state_dict()
    total = {name: weights[0] * value.double() for name, value in own.items() if value.is_floating_point()}
    for name, weight in zip(models[1:], weights[1:], strict=True):
        for key, value in _of(name, own).items():
            total[key] += weight * value.double()
    mixed.model.load_state_dict({**own, **{key: value.to(own[key].dtype) for key, value in total.items()}})
    return mixed


def front(one: Path | str, other: Path | str, points: int) -> Iterator[tuple[float, CausalModel]]:
    """Policies from `one` to `other`, ends included, each with the weight of `other`: the front of two rewards.

    Raises `ValueError` for fewer than two points, `ModelError` as `soup` does.
    """
    if points < 2:
        raise ValueError(f"a front of {points} points has no two ends")
    for number in range(points):
        weight = number / (points - 1)
        yield weight, soup([one, other], [1 - weight, weight])


def beyond(start: Path | str, tuned: Path | str, share: float) -> CausalModel:
    """The policy that lies `share` of the way from start to tuned beyond tuned: tuned + share (tuned - start)."""
    return soup([start, tuned], [-share, 1 + share])


def _of(model: Path | str, own: dict[str, Tensor]) -> dict[str, Tensor]:
    """The floating weights of a model. Raises `ModelError` where they are not of the names and shapes of `own`."""
    found = load(model).model.state_dict()
    wanted = {key: value.shape for key, value in own.items()}
    if {key: value.shape for key, value in found.items()} != wanted:
        raise ModelError(f"{model}: its weights are not those of the first model; a soup needs one architecture")
    with torch.no_grad():
        return {key: value for key, value in found.items() if value.is_floating_point()}
