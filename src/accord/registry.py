"""A registry of named things, in the order in which they were added: algorithms, rewards, formats, checks, faults.

Each room keeps one of its own, adds what it ships when it is imported, and lets extensions add to it.
"""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from accord.errors import AccordError, ExtensionError, nearest

__all__ = ["Registry"]

T = TypeVar("T")


class Registry(Generic[T]):
    """Things of one kind by name. Iterating over it yields the things in the order of registration.

    `noun` is what a thing is called in messages; `error` is raised where a name is not registered.
    """

    def __init__(self, noun: str, *, error: type[AccordError]) -> None:
        self.noun = noun
        self._error = error
        self._things: dict[str, T] = {}
        self._places: dict[str, str] = {}

    def add(self, name: str, thing: T) -> T:
        """Register a thing and return it. Raises `ExtensionError` where the name is taken, saying by which line."""
        if name in self._things:
            raise ExtensionError(
                f"{self.noun} '{name}' is already registered at {self._places[name]}; choose another name"
            )
        self._things[name] = thing
        self._places[name] = _calling_line()
        return thing

    def get(self, name: str) -> T:
        """The thing of that name. Raises the room's error, with the nearest known name, where there is none."""
        try:
            return self._things[name]
        except KeyError:
            raise self._error(f"unknown {self.noun} '{name}'{nearest(name, list(self._things))}") from None

    @property
    def names(self) -> tuple[str, ...]:
        """The names in the order of registration."""
        return tuple(self._things)

    def __iter__(self) -> Iterator[T]:
        return iter(tuple(self._things.values()))

    def __len__(self) -> int:
        return len(self._things)

    def __contains__(self, name: object) -> bool:
        return name in self._things

    @contextmanager
    def temporary(self) -> Iterator[None]:
        """Undo, at the end of the block, every addition made inside it. For tests."""
        things, places = dict(self._things), dict(self._places)
        try:
            yield
        finally:
            self._things, self._places = things, places


def _calling_line() -> str:
    """`file:line` of the call that registers: outside of the module whose function called `Registry.add`."""
    own = inspect.currentframe()
    frame = own and own.f_back and own.f_back.f_back
    if frame is None:
        return "an unknown place"
    module = frame.f_globals.get("__name__")
    while frame.f_code.co_name != "<module>" and frame.f_back and frame.f_globals.get("__name__") == module:
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
