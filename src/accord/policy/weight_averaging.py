"""Policies between policies: weighted sums of the weights of models that share their beginning.

A soup of fine-tunes of one model is as accurate as the best of them, at the price of one (Wortsman et al. 2022, arXiv
2203.05482). A rewarded soup of policies trained on different rewards traces the front between them without training
again (Rame et al. 2023, arXiv 2306.04488). A weight above 1 extrapolates from the start through a policy (ExPO,
Zheng et al. 2024, arXiv 2404.16792). What an adapter adds is a product of two factors, and sums of factors are not its
sum: adapters are merged into the weights first.

Left out: weights that differ from layer to layer.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from accord.errors import ModelError
from accord.lm.causal import CausalModel
from accord.lm.loading import load

__all__ = ["extrapolate", "pareto_front", "soup"]

WHOLE = 1e-6  # how far the weights of a soup may be from 1 in sum


def soup(models: Sequence[Path | str], weights: Sequence[float], *, trust_remote_code: bool = False) -> CausalModel:
    """The model whose every weight is the weighted sum of those of `models` (saved policies), in float32.

    Raises `ModelError` where the models do not have the same weights by name and shape, or where `weights` are not one
    a model or do not sum to 1.
    """
    if len(models) != len(weights) or not models or abs(sum(weights) - 1) > WHOLE:
        raise ModelError(f"{len(models)} models with weights {list(weights)}; give one each, together 1")
    whole = partial(load, merge=True, trust_remote_code=trust_remote_code)
    others = ((whole(each), weight) for each, weight in zip(models[1:], weights[1:], strict=True))
    return _weighted_sum(whole(models[0]), weights[0], others)


def pareto_front(first: Path | str, second: Path | str, points: int) -> Iterator[tuple[float, CausalModel]]:
    """Policies between two, both ends included, each with the weight of `second`: the front of their two rewards.

    Raises `ValueError` for fewer than two points, `ModelError` as `soup` does.
    """
    if points < 2:
        raise ValueError(f"a front of {points} points has no two ends")
    for number in range(points):
        weight = number / (points - 1)
        yield weight, soup([first, second], [1 - weight, weight])


def extrapolate(
    start: Path | str | CausalModel, tuned: Path | str, multiple: float, *, trust_remote_code: bool = False
) -> CausalModel:
    """The policy with weights tuned + multiple (tuned - start), with the tokenizer and template of `tuned`.

    What an adapter adds to a weight is a product of two factors, of which one is scaled; the start's own adapters are
    merged. Raises `ModelError` as `soup` does.
    """
    policy = load(tuned, trust_remote_code=trust_remote_code)
    if not policy.has_adapters:
        form: dict[str, Any] = {"merge": True, "trust_remote_code": trust_remote_code}
        origin = start if isinstance(start, CausalModel) else load(start, **form)
        return _weighted_sum(policy, 1 + multiple, [(origin, -multiple)])
    with torch.no_grad():
        for name, weight in policy.model.named_parameters():
            if "lora_B" in name:
                weight.mul_(1 + multiple)
    return policy


def _weighted_sum(model: CausalModel, weight: float, others: Iterable[tuple[CausalModel, float]]) -> CausalModel:
    """`model`, its floating weights times `weight`, plus those of the others times theirs; summed in float64."""
    weights = model.model.state_dict()
    shapes = {key: value.shape for key, value in weights.items()}
    total = {key: weight * value.double() for key, value in weights.items() if value.is_floating_point()}
    for other, other_weight in others:
        other_weights = other.model.state_dict()
        if {key: value.shape for key, value in other_weights.items()} != shapes:
            raise ModelError(
                f"{other.name}: its weights are not those of the first model; a soup needs one architecture"
            )
        for key in total:
            total[key] += other_weight * other_weights[key].double()
    model.model.load_state_dict({**weights, **{key: value.to(weights[key].dtype) for key, value in total.items()}})
    return model
