"""Cuts between ordered answers, from parameters that are free."""

from torch import Tensor
from torch.nn.functional import softplus

__all__ = ["LEAST_STEP", "cut_steps"]

LEAST_STEP = 1e-5
"""Between two cuts, log-odds."""


def cut_steps(free_K: Tensor) -> Tensor:
    """Steps between cuts from parameters of any sign, [K]: above 0, and no two cuts the same number in float32."""
    return LEAST_STEP + softplus(free_K)
