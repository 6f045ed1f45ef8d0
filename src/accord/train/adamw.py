"""AdamW in one pass over memory, compiled where there is a compiler: clip, move moments and masters, write weights.

torch clips gradients, moves masters and copies them into weights of bfloat16 one after the other, and reads gradients
in float32 alone. Here each number is read once, and gradients are taken as they come. The arithmetic is that of torch's
fused AdamW to the last bit: it is tried against it once in a process, and left out where one bit differs. So what is
computed, kept and gone on from is the same with a compiler and without.

It is for whole weights on a CPU, with moments in float32. Moments in a byte each are another optimiser's; of weights in
parts the norm, the clipping and what is shown to the model are not this process's alone.
"""

import math
from collections.abc import Iterable, Mapping
from ctypes import Structure, byref, c_float, c_int, c_int64, c_void_p
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from accord.lm.native.build import ADAMW, compiled

__all__ = ["AdamWPass", "adamw_pass", "norm_of"]

PART = 65_536  # numbers whose squares are summed up together; as in adamw.c
LANES = (8, 16, 4)  # numbers that torch moves together: AVX2, AVX-512, NEON
SUFFIX = {torch.float32: "f32", torch.bfloat16: "bf16"}
POINTER, SIZE = c_void_p, c_int64


class _Factors(Structure):
    """What is the same for all numbers of a tensor, as adamw.c has it."""

    _fields_ = [(name, c_float) for name in ("clip", "kept", "rate", "first", "beta2", "second", "scale", "eps")]


@dataclass(frozen=True)
class AdamWPass:
    """The compiled functions by the dtype of gradients, and how many numbers torch moves together."""

    squares: Mapping[torch.dtype, Any]
    adamw: Mapping[torch.dtype, Any]
    lanes: int

    def takes(self, weight: nn.Parameter, master: nn.Parameter) -> bool:
        """Whether this can move a weight by its master."""
        plain = all(each.device.type == "cpu" and each.is_contiguous() for each in (weight, master))
        return plain and master.dtype == torch.float32 and (weight is master or weight.dtype == torch.bfloat16)

    def norm(self, gradients: Iterable[Tensor]) -> float:
        """The root of all squares, summed in float64 and rounded to float32: that of `norm_of`."""
        return c_float(math.sqrt(sum(map(self._squares, gradients)))).value

    def _squares(self, gradient: Tensor) -> float:
        gradient = gradient.contiguous()
        sums = torch.empty(-(-gradient.numel() // PART), dtype=torch.float64)
        function = self.squares[gradient.dtype]
        function(sums.data_ptr(), gradient.data_ptr(), gradient.numel(), torch.get_num_threads())
        return float(sums.sum())

    def step(
        self, adam: torch.optim.AdamW, gradients: Mapping[nn.Parameter, Tensor], shown: Mapping[nn.Parameter, Tensor],
        clip: float,
    ) -> None:  # fmt: skip
        """What `adam` does with gradients times `clip`, in its own state; `shown` are weights that follow a master."""
        for group in adam.param_groups:
            for master in group["params"]:
                if master in gradients:
                    state = _state(adam, master)
                    by = _factors(group, float(state["step"]), clip)
                    self._move(master, state, gradients[master].contiguous(), shown.get(master), by)

    def _move(
        self, master: Tensor, state: Mapping[str, Tensor], gradient: Tensor, shown: Tensor | None, by: _Factors
    ) -> None:
        self.adamw[gradient.dtype](
            master.data_ptr(),
            state["exp_avg"].data_ptr(),
            state["exp_avg_sq"].data_ptr(),
            gradient.data_ptr(),
            None if shown is None else shown.data_ptr(),
            master.numel(),
            self.lanes,
            byref(by),
            torch.get_num_threads(),
        )


def _state(adam: torch.optim.AdamW, master: nn.Parameter) -> dict[str, Tensor]:
    """Step and moments of a master, one step on, begun as torch begins them."""
    state: dict[str, Tensor] = adam.state[master]
    if not state:
        state["step"] = torch.zeros((), dtype=torch.float32)
        state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(master), torch.zeros_like(master)
    state["step"] += 1
    return state


def _factors(group: Mapping[str, Any], step: float, clip: float) -> _Factors:
    """In float64, as torch has them, and rounded once."""
    beta1, beta2 = group["betas"]
    rate = group["lr"] / (1 - beta1**step)
    kept = 1 - group["lr"] * group["weight_decay"]
    return _Factors(clip, kept, -rate, 1 - beta1, beta2, 1 - beta2, math.sqrt(1 - beta2**step), group["eps"])


def norm_of(gradients: Iterable[Tensor]) -> Tensor:
    """The root of all squares of gradients in float32; on a CPU summed in float64.

    torch sums up a tensor there in eight numbers of float32 one after the other: of 28 million, a thousandth is lost.
    """
    gradients = list(gradients)
    if any(gradient.device.type != "cpu" for gradient in gradients):
        return torch.nn.utils.get_total_norm(gradients)
    parts = (part.double() for gradient in gradients for part in gradient.flatten().split(PART))
    return (
        torch.stack([torch.zeros((), dtype=torch.float64), *(torch.dot(part, part) for part in parts)])
        .sum()
        .sqrt()
        .float()
    )


@cache
def adamw_pass() -> AdamWPass | None:
    """The compiled pass; None where there is none, or it does not give the bits of torch's."""
    library = compiled(ADAMW).functions
    if library is None:
        return None
    found: dict[str, dict[torch.dtype, Any]] = {"squares": {}, "adamw": {}}
    arguments = {
        "squares": [POINTER, POINTER, SIZE, c_int],
        "adamw": [POINTER] * 5 + [SIZE] * 2 + [POINTER, c_int],
    }
    for name, functions in found.items():
        for dtype, suffix in SUFFIX.items():
            functions[dtype] = library[f"accord_{name}_{suffix}"]
            functions[dtype].argtypes, functions[dtype].restype = arguments[name], None
    tried = (AdamWPass(found["squares"], found["adamw"], lanes) for lanes in LANES)
    return next((one for one in tried if _is_torchs(one)), None)


@torch.no_grad()
def _is_torchs(own: AdamWPass) -> bool:
    """Whether masters, moments and weights are torch's to the bit after a few steps, by any betas, decayed or not."""
    generator = torch.Generator().manual_seed(0)
    sizes = (1, 7, 12, 64, 127)
    for betas, decay in (((0.9, 0.98), 0.0), ((0.9, 0.999), 0.1), ((0.3, 0.95), 0.1)):
        starts = [torch.randn(size, generator=generator) for size in sizes]
        theirs, ours = ([nn.Parameter(start.clone()) for start in starts] for _ in range(2))
        shown = {master: torch.empty_like(master, dtype=torch.bfloat16) for master in ours[1:]}
        reference, adam = (
            torch.optim.AdamW(each, lr=1e-3, betas=betas, weight_decay=decay, fused=True) for each in (theirs, ours)
        )
        for dtype in (torch.float32, torch.bfloat16, torch.float32):
            gradients = [torch.randn(size, generator=generator).to(dtype) for size in sizes]
            for master, gradient in zip(theirs, gradients, strict=True):
                master.grad = gradient.float() * 0.7
            reference.step()
            own.step(adam, dict(zip(ours, gradients, strict=True)), shown, 0.7)
        if not all(map(torch.equal, theirs, ours)) or not all(torch.equal(s, m.bfloat16()) for m, s in shown.items()):
            return False
        moments = [[each.state[m][name] for m in adam_of] for each, adam_of in ((reference, theirs), (adam, ours))
                   for name in ("exp_avg", "exp_avg_sq")]  # fmt: skip
        if not all(map(torch.equal, [*moments[0], *moments[1]], [*moments[2], *moments[3]])):
            return False
    return True
