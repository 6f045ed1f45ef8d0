"""A model whose weights lie in parts with several processes: each holds its share of every weight (FSDP2).

`torch.distributed.fsdp.fully_shard` deals out the rows of each weight, layer by layer, and of what is outside of all
layers (embeddings, the last norm, the head) as one more part. A pass gathers a layer's weights when their turn comes
and lets go of them behind it; the way back gathers them again and leaves each process the sum, over processes, of the
gradient of its own rows. So every process has to make the same passes in the same order, whatever it has to read.

What is trained of bfloat16 weights lies in float32, as the optimiser moves it, and is gathered in bfloat16.

Whoever needs the model as it was (to write, to score, to save) asks for it `whole`: for that while every process holds
all weights, in the dtype of their computation.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from weakref import WeakSet

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor

from accord.lm.fused import forget_blocks, keep_apart
from accord.lm.memory import give_back_large_buffers

__all__ = [
    "Sharded",
    "gathered",
    "is_part",
    "own_part",
    "own_rows",
    "part_like",
    "settle",
    "shard",
    "sharded_of",
    "whole",
    "why_not_sharded",
]

_LIVING: "WeakSet[Sharded]" = WeakSet()
_NAME = "_sharded"  # of the attribute by which a model in parts is known


class Sharded:
    """A model in parts.

    digest   of the model as it was opened, whole
    dtype    what is computed in
    """

    def __init__(self, model: nn.Module, layers: Sequence[nn.Module], digest: str, mesh: DeviceMesh) -> None:
        self.model, self.digest = model, digest
        self.dtype = next(model.parameters()).dtype
        forget_blocks(model)
        keep_apart(model, apart=True)
        self._root, self._is_used = _Passes(model), False
        self._units = [_Unit(layer, mesh, reshard=True) for layer in layers]
        self._units.append(_Unit(self._root, mesh, reshard=False))
        model.__dict__[_NAME] = self
        _LIVING.add(self)

    def __call__(self, **inputs: Any) -> Any:
        """What the decoder makes of some inputs, its weights gathered layer by layer."""
        self._is_used = True
        return self._root(**inputs)

    @property
    def gathered_bytes(self) -> int:
        """Bytes at most of what is gathered at once in a step: the weights of two layers and of what is outside of all
        layers, with their gradients.
        """
        *layers, root = [
            sum(part.numel() * (unit.narrow or part.dtype).itemsize for part in unit.parts) for unit in self._units
        ]
        return 2 * (root + sum(sorted(layers)[-2:]))

    def settle(self) -> None:
        """Let go of whatever was gathered: weights have moved, or a pass was broken off."""
        root: Any = self._root
        if self._is_used:
            root.reset_iter_state()

    @contextmanager
    def whole(self) -> Iterator[None]:
        """Inside the block the model is what it was, with all its weights; every process has to enter it."""
        self.settle()
        weights = self._gathered(keep=True)
        parts = self._put(weights)
        self._take_off()
        try:
            yield
        finally:
            forget_blocks(self.model)
            for unit in self._units:
                unit.on()
            keep_apart(self.model, apart=True)
            self.model.__dict__[_NAME] = self
            self._put(parts)

    def end(self, *, keep: bool) -> Mapping[nn.Parameter, nn.Parameter]:
        """Make the model whole for good where it is to be kept; every process has to ask for it.

        Returns each weight by its share.
        """
        self.settle()
        weights = self._gathered(keep=keep)
        if keep:
            self._put(weights)
            self._take_off()
        return weights

    def _gathered(self, *, keep: bool) -> dict[nn.Parameter, nn.Parameter]:
        """Whole weights by their shares, in the dtype that they are computed in."""
        weights: dict[nn.Parameter, nn.Parameter] = {}
        for unit in self._units:
            for part in unit.parts:
                whole_weight = gathered(part.detach() if unit.narrow is None else part.detach().to(unit.narrow))
                if keep:
                    weights[part] = nn.Parameter(whole_weight, requires_grad=part.requires_grad)
        return weights

    def _put(self, weights: Mapping[nn.Parameter, nn.Parameter]) -> dict[nn.Parameter, nn.Parameter]:
        """Put other weights in the places of some; returns these by those."""
        for module in self.model.modules():
            for name, weight in module._parameters.items():
                if weight is not None and weight in weights:
                    module._parameters[name] = weights[weight]
        return {other: weight for weight, other in weights.items()}

    def _take_off(self) -> None:
        for unit in self._units:
            unit.off()
        keep_apart(self.model, apart=False)
        del self.model.__dict__[_NAME]


class _Passes(nn.Module):
    """What a pass goes through: the decoder alone, while embeddings and head are gathered for whoever reads them."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, **inputs: Any) -> Any:
        model: Any = self.model
        decoder = model.get_decoder() if hasattr(model, "get_decoder") else model.base_model
        return decoder(**inputs)


_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_state_dict_pre_hooks", "_load_state_dict_pre_hooks")
_OF_HOOKS = ("_forward_hooks_with_kwargs", "_forward_hooks_always_called", "_forward_pre_hooks_with_kwargs")


class _Unit:
    """A module whose weights are gathered together. `off` makes it what it was, `on` a part of the sharded model."""

    def __init__(self, module: nn.Module, mesh: DeviceMesh, *, reshard: bool) -> None:
        self.module = module
        own = [weight for weight in module.parameters() if not isinstance(weight, DTensor)]
        self.narrow = _narrow(own)
        if self.narrow is not None:
            for weight in own:
                if weight.requires_grad:
                    weight.data = weight.data.float()
        for weight in own:
            if not weight.is_contiguous():
                weight.data = weight.data.contiguous()
        known = {id(weight) for weight in module.parameters() if isinstance(weight, DTensor)}
        self._kind = type(module)
        self._before = {key: dict(value) if key in _HOOKS + _OF_HOOKS else value for key, value in vars(module).items()}
        policy = MixedPrecisionPolicy(
            param_dtype=self.narrow,
            reduce_dtype=None if self.narrow is None else torch.float32,
            cast_forward_inputs=False,
        )
        sharded: Any = fully_shard(module, mesh=mesh, reshard_after_forward=reshard, mp_policy=policy)
        assert isinstance(sharded, FSDPModule)
        # Gradients are parts of one step's loss: their sum is the whole one's.
        sharded.set_gradient_divide_factor(1.0)
        sharded.set_force_sum_reduction_for_comms(True)
        sharded.set_reduce_scatter_unused_params(True)  # an expert that one process alone has asked
        self.parts = [weight for weight in module.parameters() if id(weight) not in known]
        self._after: dict[str, Any] = {}

    def off(self) -> None:
        own = self.module.__dict__
        self._after = dict(own)
        sharded_kind = type(self.module)
        self.module.__class__ = self._kind
        self._kind = sharded_kind
        for key in [key for key in own if key not in self._before]:
            if key in self._after and key not in _MAY_GO:
                del own[key]
        for key in _HOOKS + _OF_HOOKS:
            hooks = own[key].copy()
            hooks.clear()
            hooks.update(self._before[key])
            own[key] = hooks

    def on(self) -> None:
        own = self.module.__dict__
        plain_kind = type(self.module)
        self.module.__class__ = self._kind
        self._kind = plain_kind
        for key, value in self._after.items():
            if key not in self._before or key in _HOOKS + _OF_HOOKS:
                own[key] = value


_MAY_GO = frozenset({"_apart", "_weights"})


def _narrow(weights: Sequence[nn.Parameter]) -> torch.dtype | None:
    """The dtype that trained weights are computed in where it is not float32; None where they are moved as they are."""
    trained = {weight.dtype for weight in weights if weight.requires_grad}
    return None if trained <= {torch.float32} else trained.pop()


def why_not_sharded(model: nn.Module, layers: Sequence[nn.Module]) -> str:
    """Why a model cannot be held in parts; empty where it can."""
    whose = {id(weight): number for number, layer in enumerate(layers) for weight in layer.parameters()}
    inside = [list(layer.parameters()) for layer in layers]
    outside = [weight for weight in model.parameters() if id(weight) not in whose]
    if any(whose[id(weight)] != number for number, weights in enumerate(inside) for weight in weights):
        return "layers share weights"
    if any(weight.ndim == 0 for weight in model.parameters()):
        return "weights that are single numbers cannot be dealt out"
    for weights in (*inside, outside):
        trained = {weight.dtype for weight in weights if weight.requires_grad}
        others = {weight.dtype for weight in weights}
        if len(trained) > 1 or (trained and trained != {torch.float32} and len(others) > 1):
            return "weights of one layer are of several dtypes"
    return ""


def shard(model: nn.Module, layers: Sequence[nn.Module], *, digest: str = "") -> dict[nn.Parameter, nn.Parameter]:
    """Deal the weights of a model out over all processes of the group, layer by layer; it is changed in place.

    Returns each weight's share by the weight as it was, which is whole for as long as anybody keeps it.
    """
    give_back_large_buffers()  # layers that are gathered and let go of, of many sizes, would be kept
    before = list(model.parameters())
    device = next(model.parameters()).device
    mesh = init_device_mesh(device.type, (torch.distributed.get_world_size(),))
    Sharded(model, layers, digest, mesh)
    return dict(zip(before, model.parameters(), strict=True))


def sharded_of(model: nn.Module) -> Sharded | None:
    """How a model lies in parts; None where it is whole."""
    return model.__dict__.get(_NAME)


@contextmanager
def whole(model: nn.Module) -> Iterator[None]:
    """Inside the block a model has all its weights, whether it is sharded or not."""
    sharded = sharded_of(model)
    if sharded is None:
        yield
        return
    with sharded.whole():
        yield


def settle() -> None:
    """Have every sharded model let go of what it gathered: weights have moved."""
    for sharded in list(_LIVING):
        sharded.settle()


# -- parts of tensors -------------------------------------------------------------------------------------------------


def is_part(tensor: Tensor) -> bool:
    """Whether a tensor lies in parts with several processes."""
    return isinstance(tensor, DTensor)


def own_part(tensor: Tensor) -> Tensor:
    """This process's rows of a tensor in parts, in the very memory of it; a whole tensor as it is."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def own_rows(whole_tensor: Tensor, weight: Tensor) -> Tensor:
    """The rows of a whole tensor that this process has of `weight`; all of them where that is whole."""
    if not isinstance(weight, DTensor):
        return whole_tensor
    return whole_tensor[_slice_of(weight)].clone()


def _slice_of(weight: DTensor) -> slice:
    """Which rows of a weight this process has: as many as `torch.chunk` gives it."""
    mesh = weight.device_mesh
    size, rank, length = mesh.size(), mesh.get_local_rank(), weight.shape[0]
    step = -(-length // size)
    first = min(rank * step, length)
    return slice(first, min(first + step, length))


def gathered(tensor: Tensor) -> Tensor:
    """A whole tensor out of its parts; every process has to ask for it."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def part_like(rows: Tensor, weight: Tensor) -> Tensor:
    """Rows of this process as a part of a whole tensor, as those of `weight` are; a number as it is."""
    if not isinstance(weight, DTensor) or rows.ndim == 0:
        return rows
    form: Any = {"shape": weight.shape, "stride": weight.stride(), "run_check": False}
    part: Tensor = DTensor.from_local(rows, weight.device_mesh, weight.placements, **form)
    return part
