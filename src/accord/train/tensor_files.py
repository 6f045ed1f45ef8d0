"""Tensors in a file that holds nothing but tensors: reading it executes nothing, and a full disk is said plainly."""

import errno
import re
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from accord.errors import ArtefactError, StorageError, storage

__all__ = ["load_tensors", "save_tensors"]


def save_tensors(tensors: Mapping[str, Tensor], file: Path, **about: str) -> None:
    """Write tensors by name, and some words about them. Raises `StorageError` where the file cannot be written."""
    with storage(file):
        try:
            save_file(dict(tensors), file, metadata=about)
        except SafetensorError as error:
            code = re.search(r"os error (\d+)", str(error))
            if code is None:
                raise StorageError(f"{file}: could not be written ({error}); is the disk full?") from error
            raise OSError(int(code[1]), errno.errorcode.get(int(code[1]), ""), str(file)) from error


def load_tensors(file: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors of a file and the words about them. Raises `ArtefactError` where it is no such file."""
    with storage(file):
        try:
            with safe_open(file, framework="pt") as content:
                return {name: content.get_tensor(name) for name in content.keys()}, dict(content.metadata() or {})  # noqa: SIM118
        except SafetensorError as error:
            raise ArtefactError(f"{file}: not a file of tensors ({error}); run its stage again") from error
