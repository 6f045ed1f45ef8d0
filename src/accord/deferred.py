"""Imports that are made when what they bring is first used, so that settings can be read without what carries them out.

    with deferred():
        import torch

        from accord.lm.logprobs import token_logprobs

Names in the block stand for what would have been imported. The first call, attribute, `isinstance` or subclass of one
imports it, and puts it in the name's place in the module; an annotation imports nothing. The block is read by type
checkers and by the import contracts like any other, and is what `lazy import` of PEP 810 will be.

What a module needs while it is loaded stays outside: base classes, decorators, fields of settings, defaults, and
classes of exceptions, which `except` compares without asking them.
"""

import builtins
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from threading import RLock
from types import ModuleType
from typing import Any, ForwardRef

from accord.extras import extra_lacked

__all__ = ["deferred"]

_only_one = RLock()
"""Held while `__import__` is another one, so that blocks of two threads put back what they found."""


_ASKED_OF_TYPES = frozenset(
    {
        *("__args__", "__constraints__", "__origin__", "__parameters__", "__bound__", "__default__"),
        *("__typing_subst__", "__typing_unpacked_tuple_args__", "__typing_is_unpacked_typevartuple__"),
        *("__signature__", "__wrapped__", "__get__", "__set__", "__delete__", "__set_name__", "__isabstractmethod__"),
    }
)
"""What classes and `typing` ask of whatever stands in an annotation or a class."""


class _Deferred:
    """What stands for a name until it is used: a module, or what a module holds under `attribute`."""

    def __init__(self, module: str, attribute: str, owner: dict[str, Any]) -> None:
        path = f"{module}.{attribute}" if attribute else module
        self.__dict__.update(_module=module, _attribute=attribute, _owner=owner, _path=path)
        self.__dict__.update(__module__=module, __name__=path, __qualname__=attribute or module)

    def _imported(self) -> Any:
        """The thing itself, which the module that deferred it has from now on.

        Raises `MissingExtraError` where it takes an extra that is not installed.
        """
        try:
            found = _found(self._module, self._attribute)
        except ModuleNotFoundError as error:
            if (lacked := extra_lacked(error, str(self._owner.get("__name__")))) is not None:
                raise lacked from error
            raise
        for name in [name for name, value in self._owner.items() if value is self]:
            self._owner[name] = found
        return found

    def __getattr__(self, name: str) -> Any:
        if name in _ASKED_OF_TYPES:
            raise AttributeError(name)
        if _is_loading(self._owner):  # an annotation such as `nn.Module`
            return _Deferred(self._path, name, self._owner)
        return getattr(self._imported(), name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._imported(), name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._imported(), name)

    def __call__(self, *values: Any, **named: Any) -> Any:
        return self._imported()(*values, **named)

    def __getitem__(self, key: Any) -> Any:
        return self._imported()[key]

    def __contains__(self, value: object) -> bool:
        return value in self._imported()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._imported())

    def __len__(self) -> int:
        return len(self._imported())

    def __bool__(self) -> bool:
        return bool(self._imported())

    def __instancecheck__(self, instance: object) -> bool:
        return isinstance(instance, self._imported())

    def __subclasscheck__(self, owner: type) -> bool:
        return issubclass(owner, self._imported())

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        return (self._imported(),)

    def __or__(self, other: Any) -> Any:
        if _is_loading(self._owner):  # an annotation such as `Tensor | None`
            return ForwardRef(self._path) if other is None else Any
        return self._imported() | other

    def __ror__(self, other: Any) -> Any:
        if _is_loading(self._owner):
            return self | other
        return other | self._imported()

    def __eq__(self, other: object) -> bool:
        return self is other if _is_loading(self._owner) else bool(self._imported() == other)

    def __hash__(self) -> int:
        return id(self) if _is_loading(self._owner) else hash(self._imported())

    def __repr__(self) -> str:
        return f"<deferred {self._path}>"


class _Source(ModuleType):
    """What a `from` import takes its names of."""

    def __init__(self, name: str, owner: dict[str, Any]) -> None:
        super().__init__(name)
        self.__dict__["_owner"] = owner

    def __getattr__(self, name: str) -> _Deferred:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Deferred(self.__name__, name, self.__dict__["_owner"])


@contextmanager
def deferred() -> Iterator[None]:
    """Inside, the import statements of the calling module bind names that import when they are used.

    A module above all others is bound by its own name (`import torch`), one below another by `from` (`from torch import
    distributed`).
    """
    owner = sys._getframe(2).f_globals
    with _only_one:
        before = builtins.__import__

        def importing(
            name: str,
            globals: Mapping[str, object] | None = None,
            locals: Mapping[str, object] | None = None,
            fromlist: Sequence[str] | None = (),
            level: int = 0,
        ) -> Any:
            if globals is not owner:
                return before(name, globals, locals, fromlist or (), level)
            return _Source(name, owner) if fromlist else _Deferred(name, "", owner)

        builtins.__import__ = importing
        try:
            yield
        finally:
            builtins.__import__ = before


def _is_loading(owner: Mapping[str, Any]) -> bool:
    """Whether a module is being loaded, so that what is asked of its names is asked by its annotations."""
    return bool(getattr(owner.get("__spec__"), "_initializing", False))


def _found(module: str, attribute: str) -> Any:
    """A module, or what it holds under a name, which may be a module below it."""
    try:
        found = import_module(module)
    except ModuleNotFoundError:
        above, _, last = module.rpartition(".")
        if not above:
            raise
        found = _found(above, last)  # a class of a module, as in `nn.Module`
    if not attribute or hasattr(found, attribute):
        return getattr(found, attribute) if attribute else found
    if not hasattr(found, "__path__"):
        raise ImportError(f"cannot import name {attribute!r} from {module!r}")
    return import_module(f"{module}.{attribute}")
