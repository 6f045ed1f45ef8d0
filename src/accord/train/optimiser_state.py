"""What of an optimiser stands in a checkpoint, whole or in parts, and how one is taken up from the other.

    optimiser.safetensors          masters and moments of weights that every process holds whole (`Optimiser.save`)
    shard-*.safetensors            those of weights that lie in parts: each process its own rows
                                   (torch.distributed.checkpoint, in files that hold nothing but tensors)
    optimiser.json                 how many updates were made, beside them

Either is taken up by any number of processes, sharded or not: a process reads the rows that it has.
"""

import json
import warnings
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader, HuggingFaceStorageWriter
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import save
from torch.distributed.tensor import DTensor

from accord.errors import ArtefactError, StorageError, storage
from accord.lm.sharding import own_rows, part_like
from accord.train.optimiser import Optimiser
from accord.train.ranks import from_first

__all__ = ["keep_optimiser", "take_up_optimiser"]

WHOLE, ABOUT, MASTER = "optimiser.safetensors", "optimiser.json", "master."


def keep_optimiser(optimiser: Optimiser, folder: Path | None) -> None:
    """Write the state of an optimiser into a checkpoint's folder.

    Of a sharded one every process writes its part; the folder is the first one's to name, and None in the others.
    """
    if not optimiser.is_sharded:
        assert folder is not None
        optimiser.save(folder / WHOLE)
        return
    place = Path(from_first(lambda: str(folder)))
    tensors: dict[str, Tensor] = {}
    for name, tensor in optimiser.tensors().items():
        weight = optimiser.weight_of(name)
        tensors[name] = tensor if weight is None else part_like(tensor, weight)
    steps = {name: float(tensor) for name, tensor in tensors.items() if tensor.ndim == 0}
    try:
        save(
            {name: tensor for name, tensor in tensors.items() if name not in steps},
            storage_writer=HuggingFaceStorageWriter(str(place), save_distributed=True),
        )
    except CheckpointException as error:
        problems = "; ".join(str(problem).partition("\n")[0] for problem, _ in error.failures.values())
        raise StorageError(f"{place}: could not be written ({problems}); is the disk full?") from error
    if folder is not None:
        with storage(folder):
            (folder / ABOUT).write_text(json.dumps({"done": optimiser.done, "steps": steps}))


def take_up_optimiser(optimiser: Optimiser, folder: Path, *, weights_alone: bool = False) -> None:
    """Take up the state that `keep_optimiser` left in a folder, weights included, or these alone.

    Raises `ArtefactError` where it is not such a state, or one of other weights; nothing in it is executed.
    """
    with storage(folder):
        whole = (folder / WHOLE).is_file()
        if whole and not optimiser.is_sharded and not weights_alone:
            optimiser.load(folder / WHOLE)
            return
        try:
            read, place = (_read_whole, folder / WHOLE) if whole else (_read_parts, folder)
            done, tensors = read(optimiser, place, MASTER if weights_alone else "")
        except (SafetensorError, ValueError, KeyError) as error:
            raise ArtefactError(f"{folder}: not the state of an optimiser ({error}); run its stage again") from error
    optimiser.take_up(tensors, done, folder, weights_alone=weights_alone)


def _read_whole(optimiser: Optimiser, file: Path, start: str) -> tuple[int, dict[str, Tensor]]:
    """This process's rows of what a file holds whole, of names that begin so."""
    tensors: dict[str, Tensor] = {}
    with safe_open(file, framework="pt") as content:
        for name in [name for name in content.keys() if name.startswith(start)]:  # noqa: SIM118 - it is no mapping
            tensor: Tensor = content.get_tensor(name)
            weight = optimiser.weight_of(name)
            alike = weight is not None and tensor.shape == weight.shape
            tensors[name] = own_rows(tensor, weight) if weight is not None and alike else tensor
        return int(content.metadata()["done"]), tensors


def _read_parts(optimiser: Optimiser, folder: Path, start: str) -> tuple[int, dict[str, Tensor]]:
    """This process's rows, whichever processes wrote them, of names that begin so."""
    about: dict[str, Any] = json.loads((folder / ABOUT).read_text())
    reader = HuggingFaceStorageReader(str(folder))
    sizes: dict[str, Any] = reader.read_metadata().state_dict_metadata
    targets: dict[str, Tensor] = {}
    for name, entry in sizes.items():
        if not name.startswith(start):
            continue
        weight, tensor = optimiser.weight_of(name), torch.empty(entry.size, dtype=entry.properties.dtype)
        alike = weight is not None and weight.shape == tensor.shape
        targets[name] = _empty_part(tensor, weight) if weight is not None and alike else tensor
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "torch.distributed is disabled", UserWarning)  # every process reads by itself
        load(targets, storage_reader=reader, no_dist=True)
    tensors = {name: each.to_local() if isinstance(each, DTensor) else each for name, each in targets.items()}
    steps = {name: torch.tensor(step) for name, step in about["steps"].items()}
    return int(about["done"]), {**tensors, **steps}


def _empty_part(tensor: Tensor, weight: Tensor) -> Tensor:
    """Room for this process's rows of a tensor as `weight` has them."""
    rows = own_rows(tensor, weight)
    return part_like(torch.empty_like(rows, memory_format=torch.contiguous_format), weight)
