"""A policy behind an OpenAI-compatible endpoint: to talk to, to probe, to be somebody's judge or writer."""

from typing import TYPE_CHECKING, Any

from accord.extras import import_module

if TYPE_CHECKING:
    from accord.serve.app import make_app
    from accord.serve.worker import Worker

__all__ = ["Worker", "make_app"]

_HOME = {"Worker": "worker", "make_app": "app"}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
