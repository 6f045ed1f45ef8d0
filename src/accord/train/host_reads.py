"""Numbers that the host reads of a device: many at once, for each read waits until the device has come there."""

from collections.abc import Iterable

import torch
from torch import Tensor

__all__ = ["host_values"]


def host_values(numbers: Iterable[float | Tensor]) -> list[float]:
    """Numbers of which some are tensors without dimensions, as plain ones; those of a device come in one transfer."""
    values = list(numbers)
    devices = {value.device for value in values if isinstance(value, Tensor)}
    for device in devices:
        places = [i for i, value in enumerate(values) if isinstance(value, Tensor) and value.device == device]
        tensors = [value.detach().double() for i in places if isinstance(value := values[i], Tensor)]
        for place, value in zip(places, torch.stack(tensors).tolist(), strict=True):
            values[place] = value
    return [float(value) for value in values]
