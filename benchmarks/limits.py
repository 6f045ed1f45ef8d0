"""What the machine can do at most: matrix products on the model's shapes, and reading memory; and what work costs."""

from time import perf_counter
from typing import Any

__all__ = ["decode_bound", "machine_limits", "training_flops"]


def machine_limits(width: int = 576, inner: int = 1536, places: int = 1024) -> dict[str, Any]:
    """GFLOP/s of the best product on these shapes, in bfloat16 and in float32, and `read_gb` a second of a long sum.

    `gflops` is the better one, `product` which that is: bfloat16 only where the processor has instructions for it.
    """
    import torch

    from accord.lm.memory import keep_large_buffers

    keep_large_buffers()
    best = dict.fromkeys(("bfloat16", "float32"), 0.0)
    for n, k in ((width, width), (inner, width), (2 * inner, width), (width, inner), (2048, 2048)):
        for name in best:
            x, w = (torch.randn(rows, k).to(getattr(torch, name)) for rows in (places, n))
            best[name] = max(best[name], 2 * places * n * k / _fastest(lambda x=x, w=w: x @ w.mT) / 1e9)
    block = torch.ones(128 * 1024 * 1024)
    product = max(best, key=best.__getitem__)
    read = 4 * block.numel() / _fastest(block.sum) / 1e9
    return {"gflops": best[product], "product": product, **best, "read_gb": read}


def _fastest(work: Any, seconds: float = 0.25) -> float:
    """Of runs that take so long together, three at least."""
    work()
    until, taken = perf_counter() + seconds, []
    while len(taken) < 3 or perf_counter() < until:
        began = perf_counter()
        work()
        taken.append(perf_counter() - began)
    return min(taken)


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
