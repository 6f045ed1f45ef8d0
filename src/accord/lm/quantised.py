"""Frozen weights in four bits under trained adapters (QLoRA: Dettmers et al. 2023, arXiv 2305.14314).

The linear layers of the decoder are kept as NF4: blocks of 64 weights share a scale, which is itself kept in eight
bits. They are made whole again, in the model's dtype, a layer at a time for each product. Embeddings, norms, the head
and what is no plain product stay as they are. bitsandbytes has the format, for CPUs and GPUs.

Adapters were trained over the weights as four bits have them. Folders of such adapters say so, and whoever opens one
here gets their base rounded in the same way: what is evaluated is what was trained. Other programs that open them over
the plain base get other numbers, by the rounding.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from accord.deferred import deferred
from accord.errors import ModelError
from accord.extras import QUANTISED, require
from accord.lm.gradients import without_gradients

with deferred():
    from torch import nn

    from accord.lm.four_bits import four_bit_linear, whole_weight
    from accord.lm.linears import not_plain
    from accord.lm.products import is_plain

__all__ = ["Quantised", "dequantise", "mark_quantised", "quantise", "quantised_in", "round_as_quantised"]

Quantised = Literal["nf4"]
FILE = "accord_quantised.json"


def quantise(model: nn.Module, device: str) -> None:
    """Put layers of four bits in the place of linear ones, in place, and move the model; its weights are on the CPU.

    A layer is rounded on the device, one after the other, so that it never holds the whole weights. Raises
    `MissingExtraError` where bitsandbytes is not installed, `ModelError` for a model without linear layers (GPT-2).
    """
    require(QUANTISED, 'lora.quantised = "nf4"')
    from bitsandbytes.nn import Params4bit

    linears = list(_linears(model))
    if not linears:
        raise ModelError(f"{type(model).__name__} has no linear layers to round; leave lora.quantised out")
    for parent, name, linear in linears:
        bias = linear.bias is not None
        layer: Any = four_bit_linear()(
            linear.in_features, linear.out_features, bias, linear.weight.dtype, quant_type="nf4", device="meta"
        )
        layer.weight = Params4bit(
            linear.weight.detach().contiguous(), requires_grad=False, quant_type="nf4", module=layer
        )
        layer.bias = linear.bias
        layer.support_avx512bf16_for_cpu = False  # which would lay weights out anew, for passes without gradients alone
        setattr(parent, name, layer.to(device))
    model.to(device)


def dequantise(model: nn.Module) -> None:
    """Undo `quantise` but for the rounding, in place."""
    from bitsandbytes.nn import Linear4bit

    for parent in list(model.modules()):
        for name, layer in list(parent.named_children()):
            if isinstance(layer, Linear4bit):
                weight = whole_weight(layer.weight, layer.weight.quant_state)
                linear = nn.Linear(layer.in_features, layer.out_features, layer.bias is not None, device="meta")
                linear.weight = nn.Parameter(weight, requires_grad=False)
                linear.bias = layer.bias
                setattr(parent, name, linear.eval())


@without_gradients
def round_as_quantised(model: nn.Module) -> None:
    """Give linear layers the weights that they would have in four bits. Raises as `quantise` does."""
    require(QUANTISED, "opening adapters that were trained over weights in four bits")
    from bitsandbytes.functional import quantize_4bit

    for _, _, linear in _linears(model):
        linear.weight.copy_(
            whole_weight(*quantize_4bit(linear.weight.detach(), compress_statistics=True, quant_type="nf4"))
        )


def mark_quantised(folder: Path, kind: Quantised) -> None:
    """Write beside saved adapters over which weights they were trained."""
    (folder / FILE).write_text(json.dumps({"base": kind}))


def quantised_in(source: str | Path) -> bool:
    """Whether the adapters in a folder were trained over weights in four bits."""
    return (Path(source) / FILE).is_file()


def _linears(model: nn.Module) -> Iterator[tuple[nn.Module, str, nn.Linear]]:
    """The layers that are rounded: each with its place. Theirs are the names that adapters would have."""
    head: Any = model.get_output_embeddings()  # type: ignore[operator]
    apart = set(not_plain(model))
    for where, parent in model.named_modules():
        for name, layer in parent.named_children():
            full = f"{where}.{name}" if where else name
            if is_plain(layer) and layer is not head and full not in apart:
                yield parent, name, layer
