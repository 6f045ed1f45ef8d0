"""Layers of the Llama family with fewer passes over memory, forward and backward; the same arithmetic.

Projections that read the same input are one matrix product: their weights become views of one block, and remain
parameters of their own; weights that lie in parts with several processes are not joined. Norm, gated MLP and rotary
positions have their gradients written out, which keeps half of what autograd would keep; on a CPU with a C compiler
they are kernels (`accord.lm.native.layers`). Layers with adapters take these along (`accord.lm.fused_adapters`), or
fall back to their own code. A model is tried against itself when it is loaded (`accord.lm.loading.wrap`), and left as
it was where the numbers differ.
"""

from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from accord.lm.attention import attend
from accord.lm.fused_adapters import Projection, adapted, projection_of
from accord.lm.native.layers import Gate, LayerKernels, NormedRows, TurnedHeads
from accord.lm.native.proven import kernels_of
from accord.lm.products import is_plain, multiply, widened

__all__ = ["FAMILIES", "forget_blocks", "fuse", "keep_apart", "unfuse", "use_kernels", "uses_kernels", "window_of"]

FAMILIES = frozenset({"llama", "mistral", "qwen2", "qwen3"})


def fuse(model: nn.Module) -> None:
    """Give every norm, attention and MLP of the decoder its faster form, in place; other families stay as they are.

    What has its faster form already keeps it.
    """
    config: Any = getattr(model, "config", None)
    if config is None or config.get_text_config().model_type not in FAMILIES:
        return
    for module in model.modules():
        name = type(module).__name__
        if isinstance(module, _Faster):
            continue
        if name.endswith("RMSNorm"):
            _become(module, _Norm)
        elif name.endswith("Attention"):
            _become(module, _Attention)
        elif name.endswith("MLP") and type(getattr(module, "act_fn", None)).__name__ in ("SiLU", "SiLUActivation"):
            _become(module, _MLP)


def unfuse(model: nn.Module) -> None:
    """Undo `fuse`."""
    for module in model.modules():
        if isinstance(module, _Faster):
            module.__class__ = type(module).__bases__[1]


def window_of(attention: Any) -> int | None:
    """How many positions an attention layer of these families looks back; None where it sees all."""
    if hasattr(attention, "sliding_window"):
        return attention.sliding_window  # type: ignore[no-any-return]  # Qwen's, by layer
    return getattr(attention.config, "sliding_window", None)


def forget_blocks(model: nn.Module) -> None:
    """Let go of the blocks that weights were joined in; the next pass joins them again."""
    for module in model.modules():
        module.__dict__.pop("_weights", None)


def keep_apart(model: nn.Module, *, apart: bool) -> None:
    """Have every weight stay where it is, as where its memory belongs to somebody else; or join them again."""
    for module in model.modules():
        if isinstance(module, _Faster):
            module.__dict__["_apart"] = apart


def use_kernels(model: nn.Module, *, used: bool) -> None:
    """Have the layers that have their faster form take compiled kernels, where there are any; or none."""
    for module in model.modules():
        if isinstance(module, _Faster):
            module.__dict__["_native"] = used


def uses_kernels(model: nn.Module) -> bool:
    """Whether a model's faster layers take compiled kernels."""
    faster = (module for module in model.modules() if isinstance(module, _Faster) and isinstance(module, nn.Module))
    return any(module.kernels_for(*islice(module.parameters(), 1)) is not None for module in faster)


class _Faster:
    """What a fused module is beside what it was."""

    def kernels_for(self, *tensors: Tensor) -> LayerKernels | None:
        """The kernels for tensors of one kind; None where they are of several, or kernels are not to be used."""
        return kernels_of(*tensors) if self.__dict__.get("_native") else None


def _become(module: nn.Module, faster: type[_Faster]) -> None:
    own = type(module)
    module.__class__ = type(own.__name__, (faster, own), {"__module__": own.__module__})


def _block(owner: nn.Module, *linears: nn.Linear) -> Tensor | None:
    """The weights of linear layers as one [sum of N, D] that they are views of; None where they cannot be."""
    if owner.__dict__.get("_apart") or not all(map(is_plain, linears)):
        return None
    block: Tensor | None = owner.__dict__.get("_weights")
    first, last = linears[0].weight, linears[-1].weight
    if block is None or block.data_ptr() != first.data_ptr() or block[-len(last) :].data_ptr() != last.data_ptr():
        block = torch.cat([layer.weight.detach() for layer in linears])
        for layer, part in zip(linears, block.split([len(layer.weight) for layer in linears]), strict=True):
            layer.weight.data = part
        owner.__dict__["_weights"] = block
    return block


class _Norm(_Faster):
    """Root mean square norm."""

    weight: Tensor
    variance_epsilon: float

    def forward(self, hidden_states: Tensor) -> Tensor:
        kernels, eps = self.kernels_for(hidden_states, self.weight), self.variance_epsilon
        if kernels is not None:
            return _run(NormedRows, hidden_states, self.weight, eps, kernels)  # type: ignore[no-any-return]
        return _run(_Normed, hidden_states, self.weight, eps)  # type: ignore[no-any-return]


class _MLP(_Faster):
    """down(silu(gate x) * up x)."""

    def forward(self: Any, x: Tensor) -> Tensor:
        parts, out = _projections(self.gate_proj, self.up_proj), projection_of(self.down_proj)
        block = _block(self, *(part.base for part in parts)) if parts else None
        if block is None or out is None or parts[0].base.bias is not None:
            return super().forward(x)  # type: ignore[misc,no-any-return]
        x_MD = x.flatten(0, -2)
        if out.down is None and all(part.down is None for part in parts):
            gate, up = (part.base.weight for part in parts)
            kernels = self.kernels_for(x)
            gated = _run(_Gated, x_MD, gate, up, out.base.weight, block, kernels)
            return gated.view(x.shape)
        gate_up = _projected(x_MD, parts, block)
        kernels = self.kernels_for(gate_up)
        product = _run(_GatedProduct, gate_up) if kernels is None else _run(Gate, gate_up, kernels)
        down: Tensor = self.down_proj(product)
        return down.view(x.shape)


class _Attention(_Faster):
    """Rotary attention with grouped key heads."""

    def forward(
        self: Any,
        hidden_states: Tensor,
        position_embeddings: Any = None,
        attention_mask: Tensor | None = None,
        past_key_values: Any = None,
        **kwargs: Any,
    ) -> tuple[Tensor, Any]:
        parts = _projections(self.q_proj, self.k_proj, self.v_proj)
        block = _block(self, *(part.base for part in parts)) if parts and past_key_values is None else None
        if block is None:
            own: Any = super()
            return own.forward(  # type: ignore[no-any-return]
                hidden_states, position_embeddings, attention_mask, past_key_values, **kwargs
            )
        B, T = hidden_states.shape[:2]
        heads_BTND = _projected(hidden_states.flatten(0, 1), parts, block).view(B, T, -1, self.head_dim)
        query, key, value = self._turned(heads_BTND, position_embeddings)
        context, _ = attend(
            self,
            query,
            key,
            value,
            attention_mask,
            scaling=self.scaling,
            sliding_window=window_of(self),
            dropout=self.attention_dropout if self.training else 0.0,
            **kwargs,
        )
        return self.o_proj(context.flatten(2)), None

    def _turned(self: Any, heads_BTND: Tensor, angles: Any) -> tuple[Tensor, ...]:
        """Queries, keys and values, each [B, heads, T, D]: normed where the layer norms them, turned by positions."""
        keys, kernels = heads_BTND.shape[2] // (self.num_key_value_groups + 2), self.kernels_for(heads_BTND, *angles)
        rotated, value_BTKD = heads_BTND.split([heads_BTND.shape[2] - keys, keys], 2)
        if hasattr(self, "q_norm"):
            query, key = rotated.split([rotated.shape[2] - keys, keys], 2)
            rotated = torch.cat([self.q_norm(query), self.k_norm(key)], 2)
            if kernels is not None:
                heads_BTND = torch.cat([rotated, value_BTKD], 2)
        if kernels is not None:
            return _run(TurnedHeads, heads_BTND, *angles, keys, kernels)  # type: ignore[no-any-return]
        cos_BTD, sin_BTD = angles
        rotated = _run(_Turned, rotated, cos_BTD[:, :, None], sin_BTD[:, :, None])
        query, key = rotated.split([rotated.shape[2] - keys, keys], 2)
        return query.transpose(1, 2), key.transpose(1, 2), value_BTKD.transpose(1, 2)


def _projections(*layers: nn.Module) -> list[Projection]:
    """What some layers compute, adapters and all; none where their own code has to."""
    found = [part for layer in layers if (part := projection_of(layer)) is not None]
    return found if len(found) == len(layers) else []


def _projected(x_MD: Tensor, parts: list[Projection], block: Tensor) -> Tensor:
    """All projections of x side by side, [M, N]."""
    weights = [part.base.weight for part in parts]
    biases: list[Any] = [part.base.bias for part in parts]  # None where a layer has none
    if all(part.down is None for part in parts):
        return _run(_Projected, x_MD, *weights, *biases, block)  # type: ignore[no-any-return]
    return adapted(x_MD, parts, block, None if biases[0] is None else torch.cat(biases))


def _run(function: Any, *inputs: Tensor | float | LayerKernels | None) -> Any:
    return function.apply(*inputs)


class _Normed(torch.autograd.Function):
    """weight * x / sqrt(mean(x^2) + eps), in float32 inside (Zhang & Sennrich 2019, arXiv 1910.07467)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, eps: float) -> Tensor:
        wide = x.to(torch.float32, copy=True)
        scale = torch.linalg.vector_norm(wide, dim=-1, keepdim=True)
        scale = scale.square_().div_(x.shape[-1]).add_(eps).rsqrt_()
        normed = wide.mul_(scale).to(x.dtype)
        ctx.save_for_backward(normed, scale, weight)
        return normed * weight

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """dx = scale (g w - n mean(g w n)), dw = sum over rows of g n, with n = x scale."""
        normed, scale, weight = ctx.saved_tensors
        gradient = gradients[0].to(torch.float32, copy=True)
        wide, weight32 = normed.float(), weight.float()
        product = gradient * wide
        to_weight = product.flatten(0, -2).sum(0).to(weight.dtype) if ctx.needs_input_grad[1] else None
        share = (product @ weight32)[..., None].div_(weight.shape[0])
        to_x = gradient.mul_(weight32).addcmul_(wide, share, value=-1).mul_(scale)
        return to_x.to(normed.dtype), to_weight, None


class _Projected(torch.autograd.Function):
    """x [M, D] times a block of weights [N, D], with the weights' parts and their biases as inputs of their own."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, *others: Tensor | None) -> Tensor:
        *parts, block = others
        half = len(parts) // 2
        weights, biases = parts[:half], parts[half:]
        assert block is not None
        ctx.sizes = [len(part) for part in weights if part is not None]
        ctx.save_for_backward(x, block)
        if biases[0] is None:
            return multiply(x, block.mT)
        return multiply(x, block.mT, torch.cat([part for part in biases if part is not None]))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, block = ctx.saved_tensors
        gradient = widened(gradients[0])
        count = len(ctx.sizes)
        to_x = multiply(gradient, block) if ctx.needs_input_grad[0] else None
        to_weights: tuple[Tensor | None, ...] = (None,) * count
        to_biases: tuple[Tensor | None, ...] = (None,) * count
        if any(ctx.needs_input_grad[1 : 1 + count]):
            to_weights = multiply(gradient.mT, x).split(ctx.sizes)
        if any(ctx.needs_input_grad[1 + count : 1 + 2 * count]):
            to_biases = gradients[0].sum(0).split(ctx.sizes)
        return to_x, *to_weights, *to_biases, None


class _Turned(torch.autograd.Function):
    """Rotary positions (Su et al. 2021, arXiv 2104.09864): x cos + half-turn(x) sin, for x [B, T, N, D]."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        half = x.shape[-1] // 2
        signed = torch.cat([-sin[..., :half], sin[..., half:]], -1)
        ctx.save_for_backward(cos, signed)
        return torch.addcmul(x * cos, x.roll(half, -1), signed)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        cos, signed = ctx.saved_tensors
        gradient = gradients[0]
        return (gradient * cos).add_((gradient * signed).roll(gradient.shape[-1] // 2, -1)), None, None


class _Gated(torch.autograd.Function):
    """(silu(x gate') * (x up')) down' for x [M, D]; `block` holds gate and up, one above the other."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, gate: Tensor, up: Tensor, down: Tensor, block: Tensor, kernels: LayerKernels | None = None
    ) -> Tensor:
        gate_up = multiply(x, block.mT)
        ctx.save_for_backward(x, gate_up, down, block)
        ctx.kernels = kernels
        halves = gate_up.chunk(2, 1)
        return multiply(silu(halves[0]).mul_(halves[1]), down.mT)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, gate_up, down, block = ctx.saved_tensors
        gradient = widened(gradients[0])
        to_gate_up, gated = _to_gate_up(multiply(gradient, down), gate_up, ctx.kernels)
        to_down = multiply(gradient.mT, gated) if ctx.needs_input_grad[3] else None
        to_gate_up = widened(to_gate_up)
        to_x = multiply(to_gate_up, block) if ctx.needs_input_grad[0] else None
        to_gate_w = to_up_w = None
        if ctx.needs_input_grad[1] or ctx.needs_input_grad[2]:
            to_gate_w, to_up_w = multiply(to_gate_up.mT, x).chunk(2)
        return to_x, to_gate_w, to_up_w, to_down, None, None


def _to_gate_up(inner: Tensor, gate_up: Tensor, kernels: LayerKernels | None) -> tuple[Tensor, Tensor]:
    """The gradient of gate and up from that of silu(gate) * up, which is given once more; `inner` is used up."""
    gate, up = gate_up.chunk(2, 1)
    to_gate_up = torch.empty_like(gate_up)
    to_gate, to_up = to_gate_up.chunk(2, 1)
    if kernels is not None:
        return to_gate_up, kernels.gated_back(to_gate, to_up, inner, gate, up)
    activated = silu(gate)
    torch.mul(inner, activated, out=to_up)
    torch.ops.aten.silu_backward.grad_input(inner.mul_(up), gate, grad_input=to_gate)
    return to_gate_up, activated.mul_(up)


class _GatedProduct(torch.autograd.Function):
    """silu(gate) * up for gate and up side by side, [M, 2 I]; it keeps what comes in alone."""

    @staticmethod
    def forward(ctx: Any, gate_up: Tensor) -> Tensor:
        ctx.save_for_backward(gate_up)
        gate, up = gate_up.chunk(2, 1)
        return silu(gate).mul_(up)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (gate_up,) = ctx.saved_tensors
        gate, up = gate_up.chunk(2, 1)
        to_gate_up = torch.empty_like(gate_up)
        to_gate, to_up = to_gate_up.chunk(2, 1)
        torch.mul(gradients[0], silu(gate), out=to_up)
        torch.ops.aten.silu_backward.grad_input(gradients[0] * up, gate, grad_input=to_gate)
        return to_gate_up
