"""Reinforcement learning from human feedback that knows who said what, and puts its claims to the test.

Rooms and names are imported when they are first used, so `import accord` loads neither torch nor pydantic.
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from accord import audit, collect, feedback, lab, lm, loop, policy, report, reward
    from accord.errors import AccordError
    from accord.interfaces import Judge, Scores, Writer
    from accord.recipe import Recipe
    from accord.records import Completion, Evaluator, Feedback, Pair, Prompt, Sampling
    from accord.run import RunDirectory
    from accord.stats import Estimate

    __version__: str

__all__ = [
    "AccordError",
    "Completion",
    "Estimate",
    "Evaluator",
    "Feedback",
    "Judge",
    "Pair",
    "Prompt",
    "Recipe",
    "RunDirectory",
    "Sampling",
    "Scores",
    "Writer",
    "__version__",
    "audit",
    "collect",
    "feedback",
    "lab",
    "lm",
    "loop",
    "policy",
    "report",
    "reward",
]

_ROOMS = frozenset({"audit", "collect", "feedback", "lab", "lm", "loop", "policy", "report", "reward"})
_HOME = {
    "AccordError": "errors",
    "Completion": "records",
    "Estimate": "stats",
    "Evaluator": "records",
    "Feedback": "records",
    "Judge": "interfaces",
    "Pair": "records",
    "Prompt": "records",
    "Recipe": "recipe",
    "RunDirectory": "run",
    "Sampling": "records",
    "Scores": "interfaces",
    "Writer": "interfaces",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return version("accord")
    if name in _ROOMS:
        return import_module(f"{__name__}.{name}")
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
