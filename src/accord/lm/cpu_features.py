"""What this machine's processor computes."""

import torch

__all__ = ["computes_bfloat16"]


def computes_bfloat16() -> bool:
    """Whether oneDNN computes bfloat16 here: with AVX-512 or conversions of the processor's own.

    Elsewhere products of bfloat16 are several times slower than those of float32, and rounded more coarsely.
    """
    return torch.backends.mkldnn.is_available() and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
