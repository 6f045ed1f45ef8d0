"""The one optimiser step that every training stage takes.

AdamW (Loshchilov & Hutter 2019) on float32 master weights, whatever the compute dtype; gradients are summed in
float32 over micro-batches of any size, so a step does not depend on how it was split; the norm is clipped; the
learning rate warms up linearly and then decays. A loss or gradient that is not finite stops training before it
touches a weight.

Where weights lie in parts with several processes (`accord.lm.sharding`), the master of one is this process's rows, and
so are its moments; norms and sums are those of all rows.

On a CPU with a C compiler a step is one pass over memory (`accord.train.adamw`), which changes no bit. A gradient in
bfloat16 to which no other is added stays as it is then, until the step has read it.
"""

import json
import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from accord.deferred import deferred
from accord.errors import ArtefactError, RecipeError, TrainingStopped
from accord.lm.gradients import without_gradients

with deferred():
    import torch
    from torch import Tensor, nn

    from accord.lm.sharding import gathered, is_part, own_part, own_rows, part_like, settle
    from accord.train.adamw import AdamWPass, adamw_pass, norm_of
    from accord.train.eight_bit import give_state, new_adam, state_of
    from accord.train.host_reads import host_values
    from accord.train.ranks import gather, is_first, process_count, sum_gradients, sum_numbers
    from accord.train.tensor_files import load_tensors, save_tensors

__all__ = ["Optim", "Optimiser"]

_MASTER = "master"
EPS = 1e-8  # AdamW's, as torch has it
MOMENTS_FILE = "moments.safetensors"


class Optim(BaseModel):
    """Settings of the optimiser. `lr_schedule` is the shape of the learning rate after the warm-up."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    renamed: ClassVar[Mapping[str, str]] = {
        "warmup": "warmup_steps",
        "decay": "lr_schedule",
        "final": "final_lr_ratio",
    }

    lr: float = Field(default=1e-5, gt=0)
    warmup_steps: int = Field(default=10, ge=0, description="steps from nothing to the full rate")
    lr_schedule: Literal["constant", "linear", "cosine"] = "linear"
    final_lr_ratio: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="the share of lr left at the last step, unless all steps are warm-up or only one is not",
    )
    weight_decay: float = Field(default=0.0, ge=0)
    betas: tuple[float, float] = (0.9, 0.98)
    eps: float = Field(
        default=EPS,
        gt=0,
        exclude_if=lambda eps: eps == EPS,
        description="added to the root of the second moment: gradients far below it make small steps, not full ones",
    )
    max_grad_norm: float = Field(default=1.0, gt=0)
    moments: Literal["float32", "8bit"] = Field(
        default="float32",
        exclude_if=lambda moments: moments == "float32",
        description='"8bit": moments in a byte each, which takes the extra `quantised`',
    )
    keep_moments: bool = Field(
        default=False,
        exclude_if=operator.not_,
        description="leave the optimiser's moments in the run (`moments/`), for a run that goes on with the model",
    )
    moments_from: str | None = Field(
        default=None,
        exclude_if=operator.not_,
        description="a folder of moments to begin with, those of the model that is gone on from; unset: none",
    )


class Optimiser:
    """AdamW over `weights` for `steps` steps. Call `add(loss)` for each micro-batch, then `step()`.

    `head_scale` multiplies the learning rate of `heads`, as for a fresh head over a trained backbone. `apart`, which
    may be of another size altogether, learn at `apart_lr` on the same schedule.
    """

    def __init__(
        self,
        settings: Optim,
        weights: Sequence[nn.Parameter],
        steps: int,
        *,
        heads: Iterable[nn.Parameter] = (),
        head_scale: float = 1.0,
        apart: Iterable[nn.Parameter] = (),
        apart_lr: float = 0.0,
    ) -> None:
        self.settings = settings
        self.steps = max(steps, 1)
        self.done = 0
        self._parts_of_loss: list[Tensor] = []  # of this step; read by the host in `step` alone
        head_ids = {id(weight) for weight in heads}
        apart_ids = {id(weight) for weight in apart}
        self._weights = list(weights)
        self._masters = [_master_of(weight) for weight in self._weights]
        self._parts = {id(master) for weight, master in self._pairs() if is_part(weight)}
        self._narrow: dict[nn.Parameter, Tensor] = {}  # gradients of masters in bfloat16, to which none was added yet
        self._moments: dict[str, Tensor] | None = None  # whole ones, where all steps of a sharded stage are made
        groups: list[dict[str, Any]] = [
            {"params": [m for w, m in self._pairs() if id(w) not in head_ids | apart_ids], "scale": 1.0},
            {"params": [m for w, m in self._pairs() if id(w) in head_ids], "scale": head_scale},
            {"params": [m for w, m in self._pairs() if id(w) in apart_ids], "scale": apart_lr / settings.lr},
        ]
        place_of = {id(master): place for place, master in enumerate(self._masters)}
        self._order = [place_of[id(master)] for group in groups for master in group["params"]]  # as AdamW counts them
        if self.is_sharded and settings.moments != "float32":
            raise RecipeError(
                f'optim.moments = "{settings.moments}" is for whole weights; leave it out, or [processes] shard'
            )
        self._adam = new_adam(
            [group for group in groups if group["params"]],
            settings.moments,
            lr=settings.lr,
            betas=settings.betas,
            eps=settings.eps,
            weight_decay=settings.weight_decay,
        )
        self._pass = self._compiled_pass()

    def _compiled_pass(self) -> AdamWPass | None:
        """The pass in C, where it can move all weights."""
        found = adamw_pass() if self.settings.moments == "float32" and not self.is_sharded else None
        return found if found is not None and all(found.takes(*pair) for pair in self._pairs()) else None

    def _pairs(self) -> Iterable[tuple[nn.Parameter, nn.Parameter]]:
        return zip(self._weights, self._masters, strict=True)

    @property
    def rate(self) -> float:
        """The learning rate of the coming step."""
        s = self.settings
        if self.done < s.warmup_steps:
            return s.lr * (self.done + 1) / (s.warmup_steps + 1)
        if s.lr_schedule == "constant":
            return s.lr
        progress = min(1.0, (self.done - s.warmup_steps) / max(1, self.steps - 1 - s.warmup_steps))
        remaining = 1 - progress if s.lr_schedule == "linear" else (1 + math.cos(math.pi * progress)) / 2
        return s.lr * (s.final_lr_ratio + (1 - s.final_lr_ratio) * remaining)

    def add(self, loss: Tensor) -> Tensor:
        """Backpropagate one micro-batch's part of the step's loss and add its gradient in float32.

        The parts must sum to the step's loss: divide by the whole step's count, never by the micro-batch's.
        Returns the part in float64, where it is: the host does not wait for it. `step` raises where it is not finite.
        """
        value = loss.detach().double()
        self._parts_of_loss.append(value)
        loss.backward()
        for weight, master in self._pairs():
            if weight is master or weight.grad is None:
                continue
            gradient, weight.grad = own_part(weight.grad), None
            if self._pass and process_count() == 1 and master.grad is None and master not in self._narrow:
                self._narrow[master] = gradient
                continue
            self._widen(master)
            if master.grad is None:
                master.grad = gradient.float()
            else:
                master.grad.add_(gradient)
        return value

    def _widen(self, master: nn.Parameter) -> None:
        """Have the gradient of a master in float32, where it is in bfloat16 yet."""
        if (gradient := self._narrow.pop(master, None)) is not None:
            master.grad = gradient.float()

    def _gradients(self, masters: Iterable[nn.Parameter]) -> dict[nn.Parameter, Tensor]:
        """The gradient of each master that has one, in whichever dtype it is."""
        found = ((master, self._narrow.get(master, master.grad)) for master in masters)
        return {master: gradient for master, gradient in found if gradient is not None}

    def _lost(self) -> float | None:
        """The first part of the step's loss that is not finite; None where all are."""
        parts, self._parts_of_loss = self._parts_of_loss, []
        return next((value for value in host_values(parts) if not math.isfinite(value)), None)

    @without_gradients
    def pull(self, starts: Mapping[nn.Parameter, Tensor], strength: float) -> float | Tensor:
        """Add the gradient of strength / 2 * the squared distance of weights from their starts; returns that.

        Where several processes share the step it is the first one's to add; of weights in parts each has its own.
        """
        value: float | Tensor = 0.0
        of_parts: float | Tensor = 0.0
        for weight, master in self._pairs():
            start = starts.get(weight)
            if start is None or not (is_first() or is_part(weight)):
                continue
            away = master.float() - own_part(start).to(master.device).float()
            distance = strength / 2 * away.square().sum().double()
            value, of_parts = (value, of_parts + distance) if is_part(weight) else (value + distance, of_parts)
            gradient = away.mul_(strength)
            self._widen(master)
            master.grad = gradient if master.grad is None else master.grad.add_(gradient)
        return value + sum_numbers({"parts": float(of_parts)})["parts"] if self.is_sharded else value

    @without_gradients
    def step(self) -> float:
        """Clip, move, and return the gradient norm before clipping.

        Weights whose gradient is 0 stay as they are, all of the decoder's, of the heads' or of those apart: where there
        was nothing to learn, neither momentum nor weight decay moves them. Raises `TrainingStopped` where a part of the
        loss or the norm is not finite; no weight has moved then. The host reads twice, however many parts there are.
        """
        for lost in gather(self._lost()):
            if lost is not None:
                raise TrainingStopped(f"the loss became {lost} at update {self.done + 1}")
        sum_gradients([master for master in self._masters if id(master) not in self._parts])
        norm = self._norm()
        if not math.isfinite(norm):
            raise TrainingStopped(f"the gradient norm became {norm} at update {self.done + 1}; the last step is kept")
        for group in self._adam.param_groups:
            group["lr"] = self.rate * group["scale"]
        if self._pass is not None:
            shown = {master: weight for weight, master in self._pairs() if weight is not master}
            self._pass.step(self._adam, self._gradients(self._masters), shown, self._clip(norm))
        else:
            torch.nn.utils.clip_grads_with_norm_(self._masters, self.settings.max_grad_norm, torch.tensor(norm))
            self._adam.step()
            self._show_masters()
        self._adam.zero_grad(set_to_none=True)
        self._narrow.clear()
        self.done += 1
        return norm

    def _clip(self, norm: float) -> float:
        """What gradients are multiplied by, rounded as torch rounds it."""
        return min(1.0, float(self.settings.max_grad_norm / (torch.tensor(norm) + 1e-6)))

    @without_gradients
    def _show_masters(self) -> None:
        """Bring weights to where their masters are; a master of rows is the memory of its weight."""
        for weight, master in self._pairs():
            if weight is not master and not is_part(weight):
                weight.copy_(master)
        if self.is_sharded:
            settle()

    def _norm(self) -> float:
        """The norm of the gradient; that of a group of weights where it is 0 throughout is forgotten."""
        groups = [group["params"] for group in self._adam.param_groups]
        norms = host_values(map(self._norm_of, groups))
        if self.is_sharded:
            own = host_values(self._norm_of(group, parts=True) for group in groups)
            squares = sum_numbers({str(i): norm**2 for i, norm in enumerate(own)})
            norms = [math.hypot(norm, math.sqrt(squares[str(i)])) for i, norm in enumerate(norms)]
        for group, norm in zip(groups, norms, strict=True):
            if norm == 0:
                for master in group:
                    master.grad = None
                    self._narrow.pop(master, None)
        return math.hypot(*norms)

    def _norm_of(self, masters: Iterable[nn.Parameter], *, parts: bool = False) -> float | Tensor:
        """The norm of the gradients of those that are whole, or of those that are `parts`."""
        moved = self._gradients(master for master in masters if (id(master) in self._parts) == parts).values()
        return norm_of(moved) if self._pass is None else self._pass.norm(moved)

    @property
    def is_sharded(self) -> bool:
        """Whether weights lie in parts with several processes."""
        return bool(self._parts)

    @without_gradients
    def checksum(self) -> float:
        """A number that two optimisers of the same weights and settings share if they took the same steps."""
        whole, parts = 0.0, 0.0
        for master in self._masters:
            total = float(master.double().sum())
            whole, parts = (whole, parts + total) if id(master) in self._parts else (whole + total, parts)
        return whole + (sum_numbers({"parts": parts})["parts"] if self.is_sharded else 0.0)

    def tensors(self) -> dict[str, Tensor]:
        """Masters and moments, from which `take_up` goes on to the same numbers; of weights in parts, this one's."""
        masters = {f"{_MASTER}.{i}": master.detach().contiguous() for i, master in enumerate(self._masters)}
        return masters | self._moment_tensors()

    def _moment_tensors(self) -> dict[str, Tensor]:
        moments = state_of(self._adam).items()
        return {f"{name}.{i}": value.contiguous() for i, of_one in moments for name, value in of_one.items()}

    def weight_of(self, name: str) -> nn.Parameter | None:
        """The weight whose master or moment has a name among `tensors`; None where there is none."""
        kind, _, place = name.rpartition(".")
        if not place.isdecimal() or int(place) >= len(self._weights):
            return None
        return self._weights[int(place) if kind == _MASTER else self._order[int(place)]]

    def save(self, file: Path) -> None:
        """Write master weights and moments, from which `load` goes on to the same numbers."""
        save_tensors(self.tensors(), file, done=str(self.done))

    def save_moments(self, folder: Path) -> None:
        """Write the moments alone, for the optimiser of a run that goes on with these weights."""
        tensors = self._moment_tensors() if self._moments is None else self._moments
        s = self.settings
        about = {"betas": json.dumps(s.betas), "weights": str(len(self._masters)), "moments": s.moments}
        save_tensors(tensors, folder / MOMENTS_FILE, **about)

    def let_go(self, end: Callable[..., Mapping[nn.Parameter, nn.Parameter]], *, keep: bool) -> None:
        """All steps are made of weights in parts, which `end(keep=...)` makes whole ones; no step can follow.

        Where they are to be kept whole moments are too, if the settings ask for them.
        """
        if self.settings.keep_moments:
            moments: dict[str, Tensor] = {}
            for name, tensor in self._moment_tensors().items():
                weight = self.weight_of(name)
                whole = gathered(part_like(tensor, weight)) if weight is not None else tensor
                if keep:
                    moments[name] = whole
            self._moments = moments
        self._adam.state.clear()
        wholes = end(keep=keep)
        self._weights = [wholes.get(weight, weight) for weight in self._weights]
        self._masters, self._parts = list(self._weights), set()

    def take_over_moments(self, folder: Path) -> None:
        """Begin with the moments that `save_moments` wrote; the learning rate's schedule begins anew.

        Raises `ArtefactError` where they are not there, are of other weights, or means of gradients by other betas.
        """
        file = folder / MOMENTS_FILE
        remedy = 'begin without them (leave moments_from out, or set `optimiser = "anew"` of [loop] or [synchronous])'
        if not file.is_file():
            raise ArtefactError(
                f"{file}: no moments are there; the stage leaves them with optim.keep_moments; {remedy}"
            )
        tensors, about = load_tensors(file)
        if (betas := tuple(json.loads(about.get("betas", "[]")))) != self.settings.betas:
            raise ArtefactError(f"{file}: moments by betas {betas}, and optim.betas = {self.settings.betas}; {remedy}")
        if (kept_in := about.get("moments", "float32")) != self.settings.moments:
            raise ArtefactError(
                f"{file}: moments in {kept_in}, and optim.moments = {self.settings.moments}; set that, or {remedy}"
            )
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in tensors.items():
            name, _, place = key.rpartition(".")
            state.setdefault(int(place), {})[name] = value
        first = "exp_avg" if self.settings.moments == "float32" else "state1"
        weights = {i: self.weight_of(f"{first}.{i}") for i in state}
        alike = about.get("weights") == str(len(self._masters))
        if not alike or any(w is None or w.shape != state[i][first].shape for i, w in weights.items()):
            raise ArtefactError(f"{file}: the moments of other weights than these; {remedy}")
        for i, weight in weights.items():
            if weight is not None and is_part(weight):
                state[i] = {name: own_rows(each, weight) if each.ndim else each for name, each in state[i].items()}
        give_state(self._adam, state)

    @without_gradients
    def load(self, file: Path) -> None:
        """Take up the state that `save` wrote, weights included.

        Raises `ArtefactError` where the file is not such a state, or one of other weights; nothing in it is executed.
        """
        tensors, about = load_tensors(file)
        self.take_up(tensors, int(about["done"]), file)

    @without_gradients
    def take_up(self, tensors: Mapping[str, Tensor], done: int, file: Path, *, weights_alone: bool = False) -> None:
        """Take up `tensors` of an optimiser after `done` updates, of which `file` is told in errors; see `load`."""
        masters = [tensors.get(f"{_MASTER}.{i}") for i in range(len(self._masters))]
        shapes = [None if saved is None else saved.shape for saved in masters]
        if shapes != [master.shape for master in self._masters]:
            raise ArtefactError(f"{file}: the state of other weights than these; start the stage again with --again")
        self.done = done
        for master, saved in zip(self._masters, masters, strict=True):
            assert saved is not None
            master.copy_(saved)
        self._show_masters()
        if weights_alone:
            return
        moments: dict[int, dict[str, Tensor]] = {}
        for key, value in tensors.items():
            name, _, place = key.rpartition(".")
            if name != _MASTER:
                moments.setdefault(int(place), {})[name] = value
        give_state(self._adam, moments)


def _master_of(weight: nn.Parameter) -> nn.Parameter:
    """What is moved in the place of a weight, in float32.

    Where weights are float32 already it is the weight itself, and costs nothing; of one in parts its rows, likewise.
    """
    if is_part(weight):
        return nn.Parameter(own_part(weight.detach()))
    return weight if weight.dtype == torch.float32 else nn.Parameter(weight.detach().float())
