"""A function as the text of a Python file that stands alone: its source, and what that needs of its surroundings.

So a function of a notebook, a script or another function is kept with the run that learnt from it, is found again by
whoever audits that run, and is held against its digest.
"""

import ast
import builtins
import inspect
import re
import symtable
import sys
import textwrap
from collections.abc import Callable, Iterator
from importlib.metadata import packages_distributions
from types import FunctionType, ModuleType
from typing import Any

from accord.errors import RecipeError

__all__ = ["function_source"]


def function_source(function: Callable[..., object]) -> str:
    """The text of a file in which `function` is defined under its own name.

    What it uses is written before it: imports, constants, and functions of the same script or notebook. Raises
    `RecipeError` that names what cannot be written down, with the remedy: a file of the user's own.
    """
    if not isinstance(function, FunctionType) or not function.__name__.isidentifier():
        raise RecipeError(
            f"{function!r} is no function that was written with def, so that it cannot be kept with the run; "
            'give it a name, or put it into a file and pass "my_file.py:name"'
        )
    written: dict[str, str] = {}
    _write(function, written)
    return "\n\n".join(written.values()) + "\n"


def _write(function: FunctionType, written: dict[str, str]) -> None:
    """Add a function after all that it needs, by name."""
    source = _source_of(function)
    written[function.__name__] = ""  # a function that calls itself, or another that calls it, is not asked again
    for name in _names_used(source):
        value = _value_of(name, function)
        if name not in written and value is not _BUILTIN:
            _write_value(name, value, function, written)
    del written[function.__name__]
    written[function.__name__] = source


def _source_of(function: FunctionType) -> str:
    try:
        source = textwrap.dedent(inspect.getsource(function))
        ast.parse(source)
    except (OSError, TypeError, SyntaxError) as error:
        raise _cannot(function, "whose source cannot be read") from error
    return source.strip("\n")


_BUILTIN = object()


def _names_used(source: str) -> list[str]:
    """The names that a function takes from outside, in order."""
    table = symtable.symtable(source, "function", "exec")
    return list(dict.fromkeys(_free_names(table)))


def _free_names(table: symtable.SymbolTable) -> Iterator[str]:
    top = table.get_type() == "module"
    for symbol in table.get_symbols():
        if symbol.is_referenced() and (not symbol.is_assigned() if top else symbol.is_global()):
            yield symbol.get_name()
    for inner in table.get_children():
        yield from _free_names(inner)


def _value_of(name: str, function: FunctionType) -> Any:
    """What a name stands for in a function: of what surrounds it, of its module, or built in."""
    around = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
    if name in around:
        try:
            return around[name].cell_contents
        except ValueError as error:  # it is given a value later
            raise _cannot(function, f"which uses '{name}' before it is set") from error
    if name in function.__globals__:
        return function.__globals__[name]
    if hasattr(builtins, name):
        return _BUILTIN
    raise _cannot(function, f"which uses '{name}', a name that is not there")


def _write_value(name: str, value: Any, function: FunctionType, written: dict[str, str]) -> None:
    if isinstance(value, ModuleType) and _is_installed(value.__name__):
        written[name] = f"import {name}" if value.__name__ == name else f"import {value.__name__} as {name}"
    elif isinstance(value, FunctionType) and value.__name__ == name and not _is_imported(value):
        _write(value, written)
    elif (home := _home_of(value)) is not None:
        written[name] = f"from {home[0]} import {home[1]} as {name}"
    elif isinstance(value, re.Pattern):
        written[name] = f"{name} = __import__('re').compile({value.pattern!r}, {value.flags})"
    elif _is_literal(value):
        written[name] = f"{name} = {value!r}"
    else:
        kind = type(value).__name__
        raise _cannot(function, f"which uses '{name}', a value of type {kind} that cannot be written down")


def _home_of(value: Any) -> tuple[str, str] | None:
    """The module and the name that something can be imported by; None where it cannot."""
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", "")
    if not isinstance(module, str) or "." in name or not _is_imported(value):
        return None
    return (module, name) if getattr(sys.modules.get(module), name, None) is value else None


def _is_imported(value: Any) -> bool:
    """Whether its module is one that any process of this environment can import."""
    module = getattr(value, "__module__", None)
    return isinstance(module, str) and module in sys.modules and _is_installed(module)


def _is_installed(module: str) -> bool:
    """Whether a module is Python's own or of an installed package, and no file that lies beside a script."""
    top = module.partition(".")[0]
    return top != "__main__" and (top in sys.stdlib_module_names or top in packages_distributions())


def _is_literal(value: Any) -> bool:
    try:
        return bool(ast.literal_eval(repr(value)) == value)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return False


def _cannot(function: FunctionType, why: str) -> RecipeError:
    return RecipeError(
        f"{function.__name__}: a function {why}, so that it cannot be kept with the run; put it and what it uses into "
        f'a file, and pass "my_file.py:{function.__name__}"'
    )
