"""Parts of accord that are installed where they are asked for, and the one line that is said where one is missing.

The base package asks people, keeps what they say, and looks at files of runs. What loads models or trains them takes
the extra `train`; other extras are sources and stores of others. Nothing here imports what it looks for.
"""

from collections.abc import Mapping
from importlib import import_module as import_plainly
from importlib.util import find_spec
from types import ModuleType

from accord.errors import MissingExtraError

__all__ = ["EXTRAS", "QUANTISED", "RAY", "TRAIN", "extra_lacked", "import_module", "lacking", "missing", "require"]

TRAIN = "train"
QUANTISED = "quantised"
RAY = "ray"
EXTRAS: Mapping[str, tuple[str, ...]] = {
    TRAIN: (
        *("torch", "transformers", "tokenizers", "huggingface_hub", "safetensors", "peft", "accelerate", "gguf"),
        *("psutil", "rouge_score", "sacrebleu"),
    ),
    QUANTISED: ("bitsandbytes",),
    "datasets": ("datasets",),
    "postgres": ("psycopg",),
    RAY: ("ray",),
}
"""The extras of the package, and the modules that each brings."""

_WORDS = {
    TRAIN: "opens and trains models",
    QUANTISED: "keeps moments and frozen weights in few bits",
    "datasets": "reads sets on the hub",
    "postgres": "speaks to PostgreSQL",
    RAY: "works on several machines",
}


def missing(extra: str) -> tuple[str, ...]:
    """The modules of an extra that are not installed here; none where it is there."""
    return tuple(module for module in EXTRAS[extra] if not _is_there(module))


def lacking(extra: str) -> str:
    """An extra that is not installed, as something that is missing, with its remedy; empty where it is there."""
    return f"the extra '{extra}', which {_WORDS[extra]} ({_command(extra)})" if missing(extra) else ""


def require(extra: str, what: str) -> None:
    """Raises `MissingExtraError` where an extra is not installed; `what` is what takes it (`accord run`)."""
    if modules := missing(extra):
        raise MissingExtraError(_line(extra, what, modules), extra=extra)


def extra_lacked(error: ImportError, what: str) -> MissingExtraError | None:
    """What failed to be imported as the extra that brings it; None where it is of none, or it is there and broken."""
    module = (error.name or "").partition(".")[0]
    extra = next((extra for extra, modules in EXTRAS.items() if module in modules), None)
    if extra is None or _is_there(module):
        return None
    return MissingExtraError(_line(extra, what, missing(extra)), extra=extra)


def import_module(name: str) -> ModuleType:
    """A module of accord. Raises `MissingExtraError` where it, or what it imports, takes an extra that is not there."""
    try:
        return import_plainly(name)
    except ModuleNotFoundError as error:
        if (lacked := extra_lacked(error, name)) is not None:
            raise lacked from error
        raise


def _line(extra: str, what: str, modules: tuple[str, ...]) -> str:
    shown = ", ".join(modules[:3]) + (" ..." if len(modules) > 3 else "")
    return f"{what} takes the extra '{extra}', which {_WORDS[extra]} (missing: {shown}); {_command(extra)}"


def _command(extra: str) -> str:
    return f"pip install 'accord[{extra}]'"


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):  # what refuses to be looked for is not there
        return False
