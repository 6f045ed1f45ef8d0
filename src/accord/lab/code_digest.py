"""Which code a function rests on: the modules that its own imports, and those that they import, by their content."""

import ast
import hashlib
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import accord

__all__ = ["digest_of_code", "imported_files"]

PACKAGE = Path(accord.__file__).parent


@dataclass(frozen=True)
class Imports:
    """What a module imports: when it runs, functions included; and what names of a lazy package are imported from.

    run    (module, name) each; no name where the module itself is bound
    names  module and name behind each name that stands below `if TYPE_CHECKING`
    """

    run: tuple[tuple[str, str], ...]
    names: dict[str, tuple[str, str]]


def digest_of_code(functions: Iterable[Callable[..., object]], files: Iterable[Path] = ()) -> str:
    """SHA-256 over the modules of the functions, all of this package that they import, and further files."""
    starts = [Path(str(sys.modules[function.__module__].__file__)) for function in functions]
    digest = hashlib.sha256()
    for file in (*imported_files(starts), *sorted(files)):
        name = str(file.relative_to(PACKAGE)) if file.is_relative_to(PACKAGE) else file.name
        digest.update(f"{name}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\0".encode())
    return digest.hexdigest()


def imported_files(starts: Iterable[Path], package: Path = PACKAGE) -> tuple[Path, ...]:
    """The files, and every file of the package in that folder which they import, directly or through others; sorted.

    Imports inside of functions count, those for type checkers do not. Of a package whose names are imported when they
    are asked for, only what stands behind the names that are asked for counts, and all of it where the package itself
    is bound. What the packages around the first files import does not count: so what reports on results is left out.
    """
    starts, package = [start.resolve() for start in starts], package.resolve()
    files, pending = set(starts), list(starts)
    around = {folder / "__init__.py" for start in starts for folder in start.parents}
    while pending:
        for file in _imported_by(pending.pop(), package):
            if file not in files:
                files.add(file)
                if file not in around:
                    pending.append(file)
    return tuple(sorted(files))


def _imported_by(file: Path, package: Path) -> Iterator[Path]:
    for module, name in _imports_of(file, package).run:
        yield from _behind(module, name, package)


def _behind(module: str, name: str, package: Path) -> Iterator[Path]:
    """The files that run when a name is imported from a module (or the module, without a name)."""
    parts = module.split(".")
    if parts[0] != package.name:
        return
    for depth in range(1, len(parts) + 1):
        if (file := _file_of(parts[:depth], package)) is not None:
            yield file
    inner = parts if not name else [*parts, name]
    file = _file_of(inner, package)
    if file is not None:  # a module, or a package of which any name may be used
        yield file
        if file.name == "__init__.py":
            for source, wanted in _imports_of(file, package).names.values():
                yield from _behind(source, wanted, package)
        return
    home = _file_of(parts, package)
    if home is not None and name in (names := _imports_of(home, package).names):
        yield from _behind(*names[name], package)


def _file_of(parts: list[str], package: Path) -> Path | None:
    """The file of a module of the package; None where there is none."""
    place = package.joinpath(*parts[1:])
    for file in (place / "__init__.py", place.with_name(place.name + ".py")):
        if file.is_file():
            return file
    return None


def _imports_of(file: Path, package: Path) -> Imports:
    state = file.stat()
    return _parsed(file, package, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=4096)
def _parsed(file: Path, package: Path, _mtime: int, _size: int) -> Imports:
    run: list[tuple[str, str]] = []
    names: dict[str, tuple[str, str]] = {}
    inside = file.is_relative_to(package)
    own = [package.name, *file.relative_to(package).with_suffix("").parts] if inside else []
    for node, checked in _import_statements(ast.parse(file.read_bytes()), checked=False):
        if isinstance(node, ast.Import):
            found = [(alias.name, "", alias.asname or alias.name) for alias in node.names]
        else:
            base = own[: len(own) - node.level] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            found = [(module, alias.name, alias.asname or alias.name) for alias in node.names]
        if checked:
            names |= {bound: (module, name) for module, name, bound in found}
        else:
            run += [(module, name) for module, name, _ in found]
    return Imports(tuple(run), names)


def _import_statements(tree: ast.AST, *, checked: bool) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    """Every import below a node, with whether it is there for type checkers alone."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node, checked
        elif isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            yield from _import_statements(ast.Module(node.body, []), checked=True)
            yield from _import_statements(ast.Module(node.orelse, []), checked=checked)
        else:
            yield from _import_statements(node, checked=checked)
