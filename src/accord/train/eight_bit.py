"""AdamW whose moments take a byte each: block-wise dynamic quantisation (Dettmers et al. 2022, arXiv 2110.02861).

bitsandbytes has the optimiser, for CPUs and GPUs. Blocks of 256 moments share a scale; weights of fewer than 4,096
numbers keep moments in float32. What differs between that optimiser and torch's own stands here: how each is made, and
what has to be kept of it so that it goes on to the same numbers.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from accord.extras import QUANTISED, require

__all__ = ["BYTES_A_MOMENT", "give_state", "new_adam", "state_of"]

BYTES_A_MOMENT = {"float32": 4, "8bit": 1}
_MAPS = {"qmap1": "dynamic", "qmap2": "udynamic"}
"""What codes of the moments stand for: the same for all weights, so it is kept with the first alone."""


def new_adam(groups: Sequence[dict[str, Any]], moments: str, **form: Any) -> Any:
    """An optimiser over groups of float32 weights; `form` is its lr, betas, eps and weight_decay.

    Raises `MissingExtraError` where 8 bits take what is not there.
    """
    if moments == "float32":
        return torch.optim.AdamW(groups, fused=True, **form)
    require(QUANTISED, 'optim.moments = "8bit"')
    from bitsandbytes.optim import AdamW8bit

    return AdamW8bit(groups, **form)


def state_of(adam: Any) -> dict[int, dict[str, Tensor]]:
    """What has to be kept of each weight that has been moved, by its number in the order of the groups."""
    weights = [weight for group in adam.param_groups for weight in group["params"]]
    states = {i: dict(adam.state[weight]) for i, weight in enumerate(weights) if adam.state.get(weight)}
    seen: set[str] = set()
    for state in states.values():
        for name in _MAPS.keys() & state.keys():
            if name in seen:
                del state[name]
            seen.add(name)
    return {i: {name: torch.as_tensor(value) for name, value in state.items()} for i, state in states.items()}


def give_state(adam: Any, states: Mapping[int, Mapping[str, Tensor]]) -> None:
    """Have an optimiser of the same weights and settings go on from what `state_of` gave."""
    if isinstance(adam, torch.optim.AdamW):
        adam.load_state_dict({**adam.state_dict(), "state": {i: dict(state) for i, state in states.items()}})
        return
    weights = [weight for group in adam.param_groups for weight in group["params"]]
    maps: dict[str, Tensor] = {}
    adam.state.clear()
    for i, weight in enumerate(weights):
        if i not in states:
            continue
        state: dict[str, Any] = {name: value.to(weight.device) for name, value in states[i].items() if name != "step"}
        maps |= {name: state[name] for name in _MAPS.keys() & state.keys()}
        shared = maps if state["state1"].dtype == torch.uint8 else {}
        adam.state[weight] = {**state, **shared, "step": int(states[i]["step"])}
    adam.name2qmap |= {_MAPS[name]: value for name, value in maps.items()}
