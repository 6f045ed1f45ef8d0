"""Weights of a model alone, in one file, for a model that is open elsewhere: written here, taken up there in place.

The file is safetensors under the names that the model's own modules have; weights that are tied to one another stand
in it once, and adapters are merged in. Both sides must have the same architecture: names, shapes and nothing beside.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from accord.errors import ModelError, StorageError, storage
from accord.lm.causal import CausalModel
from accord.lm.fused import forget_blocks

__all__ = ["halved", "replace_weights", "write_model", "write_weights"]


def write_weights(causal: CausalModel, path: Path) -> int:
    """Write all weights into a file, adapters merged into theirs; returns its size in bytes.

    Raises `StorageError` where the disk is full.
    """
    plain = causal.merged() if causal.has_adapters else causal
    tensors = {name: weight.detach().cpu().contiguous() for name, weight in _once(plain).items()}
    try:
        with storage(path):
            save_file(tensors, path)
            return path.stat().st_size
    except SafetensorError as error:
        raise StorageError(f"{path}: the weights could not be written ({error}); is the disk full?") from error


@torch.no_grad()
def replace_weights(causal: CausalModel, path: Path) -> None:
    """Put the weights of a file in the place of the model's own, in the model's type; all of them, or none.

    Whatever was made of the old ones (an `Engine`) has to be made again. Raises `ModelError` where the file cannot be
    read or is of another model.
    """
    own = _once(causal)
    try:
        with safe_open(path, framework="pt", device="cpu") as opened:
            shapes = {name: tuple(opened.get_slice(name).get_shape()) for name in opened.keys()}  # noqa: SIM118
            _check_same({name: tuple(weight.shape) for name, weight in own.items()}, shapes)
            for name, weight in own.items():
                weight.copy_(opened.get_tensor(name))
    except (SafetensorError, OSError) as error:
        raise ModelError(f"the weights cannot be read ({error}); send a safetensors file") from error
    forget_blocks(causal.model)


def write_model(causal: CausalModel, folder: Path, *, merge: bool = True) -> int:
    """A model, in the place of what the folder held, as other programs open it; returns the bytes of its weights.

    With `merge` it is whole, adapters merged, and a head that is tied to the embeddings stands beside them as weights
    of its own: a program that serves it and reads weights again may not know that the two are one. Without, its
    adapters alone. Raises `StorageError` where the disk is full.
    """
    shutil.rmtree(folder, ignore_errors=True)
    if not merge:
        causal.save(folder)
    else:
        whole = causal.merged() if causal.has_adapters else causal
        with _untied(whole.model):
            whole.save(folder)
    return sum(path.stat().st_size for path in folder.glob("*.safetensors"))


@contextmanager
def _untied(model: Any) -> Iterator[None]:
    """Inside the block a head that is the embeddings has weights of its own, alike."""
    head, embeddings = model.get_output_embeddings(), model.get_input_embeddings()
    if head is None or head.weight is not embeddings.weight:
        yield
        return
    tied, config = head.weight, model.config.get_text_config()
    head.weight = nn.Parameter(tied.detach().clone(), requires_grad=tied.requires_grad)
    config.tie_word_embeddings = False
    try:
        yield
    finally:
        head.weight, config.tie_word_embeddings = tied, True


@contextmanager
@torch.no_grad()
def halved(causal: CausalModel) -> Iterator[None]:
    """Inside the block every weight is half of what it is, which is another model; afterwards it is itself, bit by bit.

    Weights so small that their half is rounded are left as they are.
    """
    smallest = {id(weight): 4 * torch.finfo(weight.dtype).tiny for weight in causal.model.parameters()}
    moved = [(weight, weight.abs() >= smallest[id(weight)]) for weight in causal.model.parameters()]
    for weight, large in moved:
        weight.mul_(torch.where(large, 0.5, 1.0).to(weight.dtype))
    forget_blocks(causal.model)
    try:
        yield
    finally:
        with torch.no_grad():
            for weight, large in moved:
                weight.mul_(torch.where(large, 2.0, 1.0).to(weight.dtype))
        forget_blocks(causal.model)


def _once(causal: CausalModel) -> dict[str, Tensor]:
    """The weights by name, those that are tied to one another under the first of their names."""
    seen: set[int] = set()
    once: dict[str, Tensor] = {}
    for name, weight in causal.model.state_dict().items():
        if weight.data_ptr() not in seen:
            seen.add(weight.data_ptr())
            once[name] = weight
    return once


def _check_same(own: dict[str, tuple[int, ...]], given: dict[str, tuple[int, ...]]) -> None:
    """Raises `ModelError` where the names or shapes are those of another model."""
    if own.keys() != given.keys():
        missing, more = sorted(own.keys() - given.keys()), sorted(given.keys() - own.keys())
        what = f"it lacks {missing[0]!r}" if missing else f"there is no {more[0]!r} here"
        raise ModelError(f"the weights are of another model: {what} ({len(missing)} missing, {len(more)} unknown)")
    for name, shape in own.items():
        if given[name] != shape:
            raise ModelError(f"the weights are of another model: {name} is {list(given[name])}, here {list(shape)}")
