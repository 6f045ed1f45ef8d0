"""What the machine can do at most: matrix products on the model's shapes, and reading memory; and what work costs."""

from time import perf_counter
from typing import Any

__all__ = ["decode_bound", "machine_limits", "training_flops"]


def machine_limits(width: int = 576, inner: int = 1536, places: int = 1024) -> dict[str, float]:
    """`gflops` of the best bfloat16 product on these shapes, `read_gb` bytes a second of a long sum."""
    import torch

    from accord.lm.memory import keep_large_buffers

    keep_large_buffers()
    best = 0.0
    for n, k in ((width, width), (inner, width), (2 * inner, width), (width, inner), (2048, 2048)):
        x, w = torch.randn(places, k).bfloat16(), torch.randn(n, k).bfloat16()
        best = max(best, 2 * places * n * k / _fastest(lambda x=x, w=w: x @ w.mT, 20) / 1e9)
    block = torch.ones(128 * 1024 * 1024)
    return {"gflops": best, "read_gb": 4 * block.numel() / _fastest(block.sum, 3) / 1e9}


def _fastest(work: Any, times: int) -> float:
    work()
    seconds = []
    for _ in range(5):
        began = perf_counter()
        for _ in range(times):
            work()
        seconds.append((perf_counter() - began) / times)
    return min(seconds)


def training_flops(
    *, layer_weights: float, head_weights: float, places: float, predictions: float, scores: float, width: float
) -> float:
    """Floating-point operations of one forward and backward pass.

    6 a weight and place for the layers, 6 a weight and prediction for the head; `scores` counts pairs of places that
    attention holds against each other in a layer, summed over layers: 12 x width x scores.
    """
    return 6 * layer_weights * places + 6 * head_weights * predictions + 12 * width * scores


def decode_bound(weight_bytes: float, read_gb: float) -> float:
    """Seconds that a decoding step cannot be below: every weight is read once."""
    return weight_bytes / (read_gb * 1e9)
