"""Weighted sums of the weights of models of one architecture."""

from collections.abc import Iterable, Mapping

from torch import Tensor

from accord.errors import ModelError
from accord.lm.causal import CausalModel

__all__ = ["check_weights", "weighted_sum", "weighted_tensors"]

WHOLE = 1e-6  # how far the weights of a soup may be from 1 in sum


def check_weights(models: int, weights: list[float]) -> None:
    """Raises `ModelError` where there is not one weight a model, or they do not sum to 1."""
    if models != len(weights) or not models or not abs(sum(weights) - 1) <= WHOLE:  # NaN is not either
        raise ModelError(f"{models} models with weights {weights}; give one each, together 1")


def weighted_sum(model: CausalModel, weight: float, rest: Iterable[tuple[CausalModel, float]]) -> CausalModel:
    """`model`, its floating weights times `weight`, plus those of the rest times theirs; summed in float64.

    Raises `ModelError` where the models do not have the same weights by name and shape.
    """
    named = ((other.name, other.model.state_dict(), other_weight) for other, other_weight in rest)
    model.model.load_state_dict(weighted_tensors(model.model.state_dict(), weight, named))
    return model


def weighted_tensors(
    first: Mapping[str, Tensor], weight: float, rest: Iterable[tuple[str, Mapping[str, Tensor], float]]
) -> dict[str, Tensor]:
    """The sum of named tensors, each times its weight, in the types of the first; `rest` come with their names.

    What is no floating number is the first one's. Raises `ModelError` where names or shapes differ.
    """
    shapes = {key: value.shape for key, value in first.items()}
    total = {key: weight * value.double() for key, value in first.items() if value.is_floating_point()}
    for name, tensors, other_weight in rest:
        if {key: value.shape for key, value in tensors.items()} != shapes:
            raise ModelError(f"{name}: its weights are not those of the first model; a soup needs one architecture")
        for key in total:
            total[key] += other_weight * tensors[key].double()
    return {**first, **{key: value.to(first[key].dtype) for key, value in total.items()}}
