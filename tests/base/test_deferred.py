"""Deferred imports: nothing is loaded by reading a module, and what is used is the thing itself."""

import ast
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import accord

SOURCE = """
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple
from accord.deferred import deferred

with deferred():
    import late
    from late import Base, Wrong, halved
    from late import halved as half
    from late import inner

Halving = Callable[[Base], "int | None"]

@dataclass(frozen=True)
class Row:
    base: Base | None
    bases: dict[str, Base]
    value: None | inner.Value = None

class Pair(NamedTuple):
    left: Base
    right: type[Base]

def is_base(value: Base | int) -> bool:
    return isinstance(value, Base | str)

def derived() -> type[Base]:
    class Derived(Base):
        pass
    return Derived
"""
LATE = """
class Base: ...
def halved(number): return number / 2
"""


@pytest.fixture
def early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A module that defers another one, which was not loaded yet."""
    (tmp_path / "late").mkdir()
    (tmp_path / "late" / "__init__.py").write_text(LATE)
    (tmp_path / "late" / "inner.py").write_text("class Value: ...\n")
    (tmp_path / "early.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    module = import_module("early")
    assert "late" not in sys.modules, "an annotation, an alias or a dataclass has loaded it"
    yield module
    for name in ("early", "late", "late.inner"):
        sys.modules.pop(name, None)


def test_what_is_used_takes_its_place(early: ModuleType) -> None:
    assert early.halved(3) == 1.5
    late = sys.modules["late"]
    assert early.halved is late.halved, "the function itself from now on"
    assert early.half(5) == 2.5, "under another name too"
    assert early.half is late.halved
    assert early.Base is not late.Base, "each name by itself"
    assert early.Base == late.Base, "but equal before it is swapped"
    assert early.late.halved(1) == 0.5
    assert early.inner.Value.__name__ == "Value", "a module below another"


def test_classes_are_asked_and_inherited_from(early: ModuleType) -> None:
    derived = early.derived()
    assert issubclass(derived, sys.modules["late"].Base)
    assert early.is_base(derived())
    assert not early.is_base(1.0)


def test_a_name_that_is_not_there_is_told_when_it_is_used(early: ModuleType) -> None:
    with pytest.raises(ImportError, match=r"late\.Wrong"):
        early.Wrong()


def test_modules_of_others_import_as_ever(early: ModuleType, tmp_path: Path) -> None:
    """What is imported within functions of a module with a block, and after it, is imported at once."""
    (tmp_path / "plain.py").write_text("from late import halved\n")
    assert import_module("plain").halved is sys.modules["late"].halved
    del sys.modules["plain"]


def test_deferred_names_are_not_needed_while_a_module_loads() -> None:
    """`except` and `case` compare what they name without asking it; bases and decorators load at once."""
    wrong = []
    for file in sorted(Path(accord.__path__[0]).rglob("*.py")):
        tree = ast.parse(file.read_text())
        blocks = [
            node for node in tree.body if isinstance(node, ast.With) and ast.unparse(node.items[0]) == "deferred()"
        ]
        names = {alias.asname or alias.name for block in blocks for node in ast.walk(block) for alias in _aliases(node)}
        wrong += [f"{file.name}:{node.lineno} {node.id}" for node in _asked_badly(tree) if node.id in names]
    assert not wrong


def _aliases(node: ast.AST) -> list[ast.alias]:
    return node.names if isinstance(node, ast.Import | ast.ImportFrom) else []


def _asked_badly(tree: ast.AST) -> Iterator[ast.Name]:
    for node in ast.walk(tree):
        places: list[ast.AST | None] = []
        if isinstance(node, ast.ExceptHandler):
            places = [node.type]
        elif isinstance(node, ast.MatchClass):
            places = [node.cls]
        elif isinstance(node, ast.ClassDef):
            places = [*node.bases, *node.decorator_list]
        elif isinstance(node, ast.Compare) and any(isinstance(each, ast.Is | ast.IsNot) for each in node.ops):
            places = [node.left, *node.comparators]
        for place in filter(None, places):
            direct = place.elts if isinstance(place, ast.Tuple) else [place]
            yield from (each for each in direct if isinstance(each, ast.Name))
