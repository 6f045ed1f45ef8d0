"""Several models in one: members share a decoder and differ by low-rank adapters in its last layers.

Below the last k layers a batch is computed once for all S members. Where these layers begin it is repeated, member
after member, and goes on as one batch of S times the rows; in each linear layer row block s adds member s's own
low-rank product (Hu et al. 2021, arXiv 2106.09685) to the shared one. That is the same as S passes of S models, at the
price of (L - k) + S k layers for S L (BatchEnsemble, Wen et al. 2020, arXiv 2002.06715, shares weights in the same way,
but no passes). The shared weights of the last layers stay as they are, so that their gradients cost nothing.

What it needs of a decoder is that its layers are called one after the other, hidden states first, and that what else
they are given is by row. `attach` tries that: the members of one pass against each member's own.
"""

import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from accord.errors import ModelError
from accord.lm.causal import CausalModel
from accord.lm.layers import layers_of
from accord.lm.layout import AttentionLayout
from accord.lm.products import batched

__all__ = ["MemberAdapters", "MemberLinear", "has_members"]

FILE = "member_adapters.safetensors"
TOLERANCE = 1e-3  # of the norm of hidden states in float32, as everywhere
COARSE = 0.05  # in other dtypes, where each row may be rounded in another order


class MemberLinear(nn.Module):
    """A linear layer whose output has a low-rank part for each member: rows are S blocks of equal size.

    y = base(x) + scale up_s down_s x for the rows of member s; `up` is 0 at first.
    """

    def __init__(self, base: nn.Module, ensemble: "MemberAdapters", name: str) -> None:
        super().__init__()
        self.base = base
        self._ensemble = (ensemble,)  # not a child: it holds this layer
        weight: Any = base.weight
        to, of = weight.shape if isinstance(base, nn.Linear) else weight.shape[::-1]  # GPT-2's Conv1D is transposed
        members, rank = ensemble.members, ensemble.rank
        generator = torch.Generator().manual_seed(_seed(ensemble.seed, name))
        down_SRD = torch.randn((members, rank, of), generator=generator) * of**-0.5
        self.down = nn.Parameter(down_SRD.to(weight))
        self.up = nn.Parameter(torch.zeros((members, to, rank)).to(weight))

    def forward(self, x: Tensor) -> Tensor:
        """By member, or of the active one alone."""
        (ensemble,) = self._ensemble
        shared: Tensor = self.base(x)
        down_SRD: Tensor = self.down
        up_SER: Tensor = self.up
        if ensemble.active is not None:
            only = slice(ensemble.active, ensemble.active + 1)
            down_SRD, up_SER = down_SRD[only], up_SER[only]
        x_SND = x.reshape(len(down_SRD), -1, x.shape[-1])
        own_SNE = batched(batched(x_SND, down_SRD.mT), up_SER.mT)
        return torch.add(shared, own_SNE.reshape(shared.shape), alpha=ensemble.scale)


class MemberAdapters:
    """The adapters of S members in the last `layers` layers of a decoder, put in their place in it.

    active   the one member that a pass is made for; None: all of them, as blocks of rows
    """

    def __init__(self, causal: CausalModel, *, members: int, layers: int, rank: int, alpha: float, seed: int) -> None:
        self.causal, self.members, self.layers = causal, members, layers
        self.rank, self.alpha, self.seed = rank, alpha, seed
        self.scale = alpha / rank
        self.active: int | None = None
        self._rows = 0
        self._replaced: list[tuple[nn.Module, str, nn.Module, MemberLinear]] = []
        self._hooks: list[Any] = []

    def attach(self) -> "MemberAdapters":
        """Put them in. Raises `ModelError` where the decoder has adapters, fewer layers, or other ways."""
        causal = self.causal
        if causal.has_adapters:
            raise ModelError(f"{causal.name}: it has adapters already, which members cannot differ by; leave lora out")
        stack = layers_of(causal)
        if not 1 <= self.layers <= len(stack):
            raise ModelError(f"{causal.name} has {len(stack)} layers, not {self.layers}")
        top = list(stack)[len(stack) - self.layers :]
        for layer in top:
            layer.requires_grad_(False)
        for number, layer in enumerate(top):
            for name, module in list(layer.named_modules()):
                if _takes_adapters(name, module, causal):
                    parent = layer.get_submodule(name.rpartition(".")[0])
                    adapted = MemberLinear(module, self, f"{number}.{name}")
                    self._replaced.append((parent, name.rpartition(".")[2], module, adapted))
        if not self._replaced:
            raise ModelError(f"{causal.name}: its last layers have no linear layer that takes adapters")
        self._set(adapted=True)
        first, *others = top
        self._hooks.append(first.register_forward_pre_hook(self._enter, with_kwargs=True))
        self._hooks += [layer.register_forward_pre_hook(self._within, with_kwargs=True) for layer in others]
        try:
            self._check()
        except ModelError:
            for hook in self._hooks:
                hook.remove()
            self._set(adapted=False)
            raise
        return self

    @contextmanager
    def only(self, member: int) -> Iterator[None]:
        """Inside, passes are made for one member alone, from the first layer to the last."""
        self.active = member
        try:
            yield
        finally:
            self.active = None

    @contextmanager
    def out(self) -> Iterator[None]:
        """Inside, the decoder is what it was without them."""
        self._set(adapted=False)
        self.active = 0  # nothing is repeated
        try:
            yield
        finally:
            self.active = None
            self._set(adapted=True)

    def save(self, folder: Path) -> None:
        """Write them beside the decoder's own weights."""
        weights = {f"{name}.{number}": each for number, pair in enumerate(self._weights()) for name, each in pair}
        layout = {"layout": json.dumps({key: getattr(self, key) for key in ("members", "layers", "rank", "alpha")})}
        content = {name: each.detach().cpu().contiguous() for name, each in weights.items()}
        save_file(content, folder / FILE, metadata=layout)

    @classmethod
    def load(cls, folder: Path, causal: CausalModel) -> "MemberAdapters":
        """Those that `save` wrote, put in."""
        with safe_open(folder / FILE, framework="pt") as file:
            layout: dict[str, Any] = json.loads(file.metadata()["layout"])
        adapters = cls(causal, **layout, seed=0).attach()
        content = load_file(folder / FILE)
        with torch.no_grad():
            for number, pair in enumerate(adapters._weights()):
                for name, weight in pair:
                    weight.copy_(content[f"{name}.{number}"])
        return adapters

    @torch.no_grad()
    def take_over(self, folder: Path) -> None:
        """Set the weights to those that `save` wrote. Raises `ModelError` where they are of another shape."""
        content = load_file(folder / FILE) if has_members(folder) else {}
        own = {f"{name}.{number}": weight for number, pair in enumerate(self._weights()) for name, weight in pair}
        shapes = {name: weight.shape for name, weight in own.items()}
        if {name: weight.shape for name, weight in content.items()} != shapes:
            raise ModelError(f"{folder}: its members' adapters are not those of these settings; begin anew")
        for name, weight in own.items():
            weight.copy_(content[name])

    def parameters(self) -> list[nn.Parameter]:
        """Their weights."""
        return [weight for pair in self._weights() for _, weight in pair]

    def _weights(self) -> list[tuple[tuple[str, nn.Parameter], tuple[str, nn.Parameter]]]:
        return [(("down", adapted.down), ("up", adapted.up)) for *_, adapted in self._replaced]

    def _set(self, *, adapted: bool) -> None:
        for parent, name, module, with_members in self._replaced:
            setattr(parent, name, with_members if adapted else module)

    def _enter(self, layer: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Repeat the rows, and all that comes with them, where the members' layers begin."""
        hidden = args[0] if args else kwargs["hidden_states"]
        self._rows = len(hidden)
        return self._repeated(args), self._repeated(kwargs)

    def _within(self, layer: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Repeat what comes with the rows, which are repeated already."""
        if args:
            return (args[0], *self._repeated(args[1:])), self._repeated(kwargs)
        return args, {key: value if key == "hidden_states" else self._repeated(value) for key, value in kwargs.items()}

    def _repeated(self, value: Any) -> Any:
        if self.active is not None:
            return value
        if isinstance(value, Tensor):
            by_row = value.ndim > 1 and len(value) == self._rows
            return value.repeat(self.members, *[1] * (value.ndim - 1)) if by_row else value
        if isinstance(value, AttentionLayout):
            return value.repeat(self.members)
        if isinstance(value, tuple | list):
            return type(value)(self._repeated(each) for each in value)
        if isinstance(value, dict):
            return {key: self._repeated(each) for key, each in value.items()}
        return value

    @torch.no_grad()
    def _check(self) -> None:
        """Raise `ModelError` where members of one pass are not what each is alone, from random adapters."""
        causal = self.causal
        ids_BT = torch.arange(3, 3 + 2 * 5, device=causal.device).reshape(2, 5) % max(4, causal.known)
        kept = [weight.detach().clone() for weight in self.parameters()]
        generator = torch.Generator().manual_seed(1)
        for weight in self.parameters():
            weight.copy_(torch.randn(weight.shape, generator=generator) * 0.1)
        try:
            together = causal.hidden(input_ids=ids_BT).float()
            alone = []
            for member in range(self.members):
                with self.only(member):
                    alone.append(causal.hidden(input_ids=ids_BT).float())
            wanted = torch.cat(alone)
            tolerance = TOLERANCE if causal.dtype == torch.float32 else COARSE
            right = together.shape == wanted.shape and bool((together - wanted).norm() <= tolerance * wanted.norm())
        except (TypeError, ValueError, RuntimeError, LookupError, AttributeError) as error:
            raise ModelError(f"{causal.name}: {_UNFIT} ({error})") from error
        finally:
            for weight, own in zip(self.parameters(), kept, strict=True):
                weight.copy_(own)
        if not right:
            raise ModelError(f"{causal.name}: {_UNFIT}")


_UNFIT = (
    "its last layers cannot be run for several members in one pass, so an ensemble of adapters is not to be had; use "
    'ensemble = "heads"'
)


def has_members(folder: Path) -> bool:
    """Whether a folder holds what `MemberAdapters.save` writes."""
    return (folder / FILE).is_file()


def _takes_adapters(name: str, module: nn.Module, causal: CausalModel) -> bool:
    """Linear layers, but routers, which give more than a product, and what Mamba reads whole."""
    kind = type(module).__name__
    if not isinstance(module, nn.Linear) and kind != "Conv1D":
        return False
    mamba = "mamba" in causal.model.config.model_type or causal.model.config.model_type in _WITH_MAMBA
    return not (kind.endswith("Router") or (mamba and name.rpartition(".")[2] == "out_proj"))


_WITH_MAMBA = ("falcon_h1", "nemotron_h", "jamba", "bamba", "zamba2")


def _seed(seed: int, name: str) -> int:
    return (seed * 1_000_003 + zlib.crc32(name.encode())) % 2**63
