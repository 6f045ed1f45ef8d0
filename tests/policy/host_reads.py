"""Counting what the host reads of tensors: each read waits until a device has come there."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

READS = {"_local_scalar_dense", "nonzero", "masked_select", "equal", "is_nonzero", "_unique2", "repeat_interleave"}
MOVES = {Tensor.tolist, Tensor.cpu, Tensor.numpy}


class _Moves(TorchFunctionMode):
    """Tensors that become lists, arrays or tensors of the host."""

    def __init__(self, counts: Counter[str]) -> None:
        super().__init__()
        self.counts = counts

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function in MOVES:
            self.counts[function.__name__] += 1
        return function(*args, **(kwargs or {}))


class _Reads(TorchDispatchMode):
    """Operations whose result, or its size, the host has to know."""

    def __init__(self, counts: Counter[str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.counts = counts

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = function.overloadpacket.__name__
        by_mask = name in {"index", "index_put_"} and any(
            each is not None and each.dtype == torch.bool for each in args[1]
        )
        if name in READS or by_mask:
            self.counts[name] += 1
        return function(*args, **(kwargs or {}))


@contextmanager
def host_reads() -> Iterator[Counter[str]]:
    """What the host reads inside, by the operation."""
    counts: Counter[str] = Counter()
    with _Moves(counts), _Reads(counts):
        yield counts
