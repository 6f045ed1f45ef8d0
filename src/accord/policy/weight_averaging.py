"""Policies between policies: weighted sums of the weights of models that share their beginning.

A soup of fine-tunes of one model is as accurate as the best of them, at the price of one (Wortsman et al. 2022, arXiv
2203.05482). A rewarded soup of policies trained on different rewards traces the front between them without training
again (Rame et al. 2023, arXiv 2306.04488). A weight above 1 extrapolates from the start through a policy (ExPO,
Zheng et al. 2024, arXiv 2404.16792). What an adapter adds is a product of two factors, and sums of factors are not its
sum: adapters are merged into the weights first.

Left out: weights that differ from layer to layer.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from accord.errors import ModelError
from accord.lm.causal import CausalModel
from accord.lm.loading import load
from accord.lm.reward_model import is_reward_model
from accord.lm.weighted_sums import check_weights, weighted_sum

__all__ = ["extrapolate", "pareto_front", "soup"]


def soup(models: Sequence[Path | str], weights: Sequence[float], *, trust_remote_code: bool = False) -> CausalModel:
    """The model whose every weight is the weighted sum of those of `models` (saved policies), in float32.

    Raises `ModelError` where the models do not have the same weights by name and shape, where one is a reward model,
    or where `weights` are not one a model or do not sum to 1.
    """
    check_weights(len(models), list(weights))
    for each in models:
        if is_reward_model(Path(each)):
            raise ModelError(f"{each}: a reward model, whose head would be lost; accord.reward.soup averages both")
    whole = partial(load, merge=True, trust_remote_code=trust_remote_code)
    others = ((whole(each), weight) for each, weight in zip(models[1:], weights[1:], strict=True))
    return weighted_sum(whole(models[0]), weights[0], others)


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
        return weighted_sum(policy, 1 + multiple, [(origin, -multiple)])
    with torch.no_grad():
        for name, weight in policy.model.named_parameters():
            if "lora_B" in name:
                weight.mul_(1 + multiple)
    return policy
