"""Drive: the stages of a run, from the command line or from Python."""

from typing import TYPE_CHECKING, Any

from accord.extras import import_module

if TYPE_CHECKING:
    from accord.loop.from_python import TrainedRun, run_recipe, train

__all__ = ["TrainedRun", "run_recipe", "train"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("accord.loop.from_python"), name)
