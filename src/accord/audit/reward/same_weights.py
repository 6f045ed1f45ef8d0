"""Whether two folders hold the weights of one and the same model, byte by byte, however they are called and divided."""

import json
import mmap
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

__all__ = ["same_weights"]

CHUNK = 1 << 24  # bytes that are compared at once: two models that differ are told apart by the first few
AS_BYTES = (".bin", ".pt", ".pth", ".gguf", ".npz", ".npy")
"""Files of weights that are compared as they are."""


class _Tensor(NamedTuple):
    """A tensor in a file: what it is, and where its bytes lie."""

    kind: tuple[str, tuple[int, ...]]
    file: Path
    begin: int
    end: int


def same_weights(first: Path, second: Path) -> bool | None:
    """Whether every tensor of one folder stands in the other with the same name, shape and bytes.

    Of safetensors, files may be divided otherwise and carry other metadata; other files of weights are to be the same.
    None where one of the folders holds no weights.
    """
    one, other = _tensors(first), _tensors(second)
    if not one or not other:
        return None
    if {name: tensor.kind for name, tensor in one.items()} != {name: tensor.kind for name, tensor in other.items()}:
        return False
    return all(_same_bytes(tensor, other[name]) for name, tensor in one.items())


def _tensors(folder: Path) -> Mapping[str, _Tensor]:
    """What a folder holds, by name; a file that is no safetensors is one tensor of bytes."""
    found: dict[str, _Tensor] = {}
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        if file.suffix == ".safetensors":
            found |= dict(_of_safetensors(file, str(file.parent.relative_to(folder))))
        elif file.suffix in AS_BYTES:
            size = file.stat().st_size
            found[str(file.relative_to(folder))] = _Tensor(("bytes", (size,)), file, 0, size)
    return found


def _of_safetensors(file: Path, folder: str) -> Iterator[tuple[str, _Tensor]]:
    """The tensors of a file as its header says; none of one that has no such header."""
    size = file.stat().st_size
    with file.open("rb") as opened:
        start = opened.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else size
        if length > size - 8:
            return
        try:
            header = json.loads(opened.read(length))
        except ValueError:
            return
    for name, tensor in header.items():
        if name != "__metadata__":
            begin, end = (8 + length + offset for offset in tensor["data_offsets"])
            yield f"{folder}/{name}", _Tensor((tensor["dtype"], tuple(tensor["shape"])), file, begin, end)


def _same_bytes(one: _Tensor, other: _Tensor) -> bool:
    if one.end - one.begin != other.end - other.begin:
        return False
    if one.end == one.begin:
        return True
    with one.file.open("rb") as first, other.file.open("rb") as second:
        first_map, second_map = (mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) for opened in (first, second))
        with first_map, second_map:
            return all(
                first_map[one.begin + at : min(one.begin + at + CHUNK, one.end)]
                == second_map[other.begin + at : min(other.begin + at + CHUNK, other.end)]
                for at in range(0, one.end - one.begin, CHUNK)
            )
