"""What the files of a model in a run say of it, read without loading it."""

import json
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from accord.artefacts import MODEL
from accord.errors import storage
from accord.report.disclosure.records import Records

__all__ = ["Parameters", "Vocabulary", "architecture", "parameters", "tensors_in", "vocabulary"]

LENGTH, LONGEST = 8, 100_000_000  # bytes that say how long the header is; of a header at most
_SHAPE = {"num_hidden_layers": "layers", "hidden_size": "wide", "num_attention_heads": "heads"}


@dataclass(frozen=True)
class Parameters:
    """How many numbers the weights' files hold, in which formats, and the files with their digests."""

    trained: int
    dtypes: str
    files: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Vocabulary:
    """A tokenizer's kind and number of tokens (None where its file does not say), and the file."""

    kind: str
    size: int | None
    file: str
    sha256: str


def parameters(records: Records, stage: str) -> Parameters | None:
    """By the headers of the safetensors files of a stage's model; None where it has none that can be read."""
    files = [each for each in records.files_of(MODEL, stage) if each[0].endswith(".safetensors")]
    headers = [tensors_in(records.reader.verified(name)) for name, _ in files]
    tensors = [entry for header in headers if header is not None for entry in header.values()]
    if not tensors or None in headers:
        return None
    count = sum(prod(entry["shape"]) for entry in tensors)
    dtypes = ", ".join(sorted({str(entry["dtype"]) for entry in tensors}))
    return Parameters(count, dtypes, tuple((name, entry.sha256) for name, entry in files))


def tensors_in(path: Path) -> dict[str, dict[str, Any]] | None:
    """The names, shapes and dtypes of a safetensors file; None where it is none.

    Eight bytes say how long the header is (little endian), a JSON object that says of each tensor its `dtype`, its
    `shape` and between which bytes of what follows it stands; those together are the rest of the file.
    """
    with storage(path), path.open("rb") as file:
        size = int.from_bytes(file.read(LENGTH), "little")
        rest = path.stat().st_size - LENGTH - size
        if rest < 0 or size > LONGEST:
            return None
        text = file.read(size)
    try:
        header = json.loads(text)
        tensors = {name: entry for name, entry in header.items() if name != "__metadata__"}
        ends = [0, *(end for _, end in sorted(tuple(entry["data_offsets"]) for entry in tensors.values()))]
        shapes = [size for entry in tensors.values() for size in entry["shape"]]
        whole = ends[-1] == rest and all(type(size) is int and size >= 0 for size in shapes)
        return tensors if whole and all(isinstance(entry["dtype"], str) for entry in tensors.values()) else None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def architecture(records: Records, stage: str) -> str | None:
    """`llama, 2 layers, 32 wide, 4 heads`; None where the model's configuration does not say."""
    content = _json(records, stage, "config.json")
    if content is None or not isinstance(content.get("model_type"), str):
        return None
    shape = [f"{content[key]:,} {word}" for key, word in _SHAPE.items() if isinstance(content.get(key), int)]
    return ", ".join([content["model_type"], *shape])


def vocabulary(records: Records, stage: str) -> Vocabulary | None:
    """Of the tokenizer beside a stage's model; None where it has none."""
    for name, entry in records.files_of(MODEL, stage):
        if name.rpartition("/")[2] == "tokenizer.json":
            content = _json(records, stage, "tokenizer.json") or {}
            model = content.get("model")
            kind = model.get("type") if isinstance(model, dict) else None
            return Vocabulary(str(kind or "a tokenizer of unknown kind"), _tokens(content), name, entry.sha256)
    return None


def _tokens(content: dict[str, Any]) -> int | None:
    """Distinct tokens of the vocabulary and of what was added to it."""
    model, added = content.get("model"), content.get("added_tokens", [])
    vocab = model.get("vocab") if isinstance(model, dict) else None
    if isinstance(vocab, dict):
        names = set(vocab)
    elif isinstance(vocab, list):
        names = {str(each[0]) for each in vocab if isinstance(each, list) and each}
    else:
        return None
    return len(names | {each["content"] for each in added if isinstance(each, dict) and "content" in each})


def _json(records: Records, stage: str, file: str) -> dict[str, Any] | None:
    path = f"{records.reader.path(MODEL, stage)}/{file}"
    if not records.reader.run.has(path):
        return None
    try:
        content = json.loads(records.reader.verified(path).read_bytes())
    except ValueError:
        return None
    return content if isinstance(content, dict) else None
