"""Functions that compute without gradients; whoever defines one imports no torch by it."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from accord.deferred import deferred

with deferred():
    import torch

__all__ = ["without_gradients"]

P = ParamSpec("P")
T = TypeVar("T")


def without_gradients(function: Callable[P, T]) -> Callable[P, T]:
    """The function inside of `torch.no_grad`. It must not be a generator, which would end there at its first step."""

    @wraps(function)
    def inside(*values: P.args, **named: P.kwargs) -> T:
        with torch.no_grad():
            return function(*values, **named)

    return inside
