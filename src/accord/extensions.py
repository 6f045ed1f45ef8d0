"""Python files of the user's own that register algorithms, rewards, formats, checks or faults when they are loaded.

Loading a file executes it, with every right of the process: an extension is code to be trusted like accord itself.
A recipe from somebody else is only as safe as the extensions it names; read them first.
"""

import hashlib
import sys
import traceback
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from accord.errors import AccordError, ExtensionError, storage
from accord.registry import Registry

__all__ = ["Extension", "blamed", "load_extensions", "temporary"]

PREFIX = "accord_extension_"


@dataclass(frozen=True)
class Extension:
    """A file that was loaded: where it lies, the SHA-256 of its content, and the module it became."""

    path: Path
    sha256: str
    module: ModuleType


def load_extensions(paths: Iterable[str | Path], base: Path) -> list[Extension]:
    """Load each file, relative paths from `base`, once per process and content.

    The module is called `accord_extension_<start of its digest>`; its folder is not put on `sys.path`, and no bytecode
    is written beside it. Raises `ExtensionError` with file, line and remedy where a file is not valid Python or raises
    while it is loaded, `StorageError` where it cannot be read.
    """
    return [_load((base / path).resolve()) for path in paths]


@contextmanager
def temporary(*registries: Registry[Any]) -> Iterator[None]:
    """Forget, at the end of the block, the extensions loaded and the things registered inside it. For tests."""
    before = set(sys.modules)
    with ExitStack() as stack:
        for registry in registries:
            stack.enter_context(registry.temporary())
        try:
            yield
        finally:
            for name in set(sys.modules) - before:
                if name.startswith(PREFIX):
                    del sys.modules[name]


@contextmanager
def blamed(path: Path) -> Iterator[None]:
    """What the user's code in `path` raises inside the block comes out as an `ExtensionError` with file and line."""
    try:
        yield
    except (Exception, SystemExit) as error:
        raise ExtensionError(_refusal(path, error)) from error


def _load(path: Path) -> Extension:
    with storage(path):
        source = path.read_bytes()
    digest = hashlib.sha256(source).hexdigest()
    name = PREFIX + digest[:16]
    if name not in sys.modules:
        module = ModuleType(name)
        module.__file__ = str(path)
        sys.modules[name] = module
        try:
            with blamed(path):
                exec(compile(source, str(path), "exec"), module.__dict__)  # noqa: S102 - what an extension is
        except BaseException:
            del sys.modules[name]
            raise
    return Extension(path, digest, sys.modules[name])


def _refusal(path: Path, error: BaseException) -> str:
    """`file:line: what was raised; remedy`. The line is the extension's own, also where something it called raised."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        line, reason = error.lineno, error.msg
    else:
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        line = lines[-1] if lines else None
        reason = str(error) if isinstance(error, AccordError) else f"{type(error).__name__}: {error}"
    place = f"{path}:{line}" if line else str(path)
    return f"{place}: {reason}; mend the extension, or leave it out"
