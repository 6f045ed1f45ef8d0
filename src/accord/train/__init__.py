"""Train: one loop for every stage that learns; its optimiser, batch limits, checkpoints and seeds."""

from typing import TYPE_CHECKING, Any

from accord.extras import import_module

if TYPE_CHECKING:
    from accord.train.checkpointing import Checkpointer
    from accord.train.loop import StepResult, StepSkipped, TrainingLoop, TrainingStep
    from accord.train.memory_planner import BatchLimits, stage_batch_limits
    from accord.train.optimiser import Optim, Optimiser
    from accord.train.passes import Passes, planned_draws
    from accord.train.seeds import Draws, seed_of, seed_of_stage, shuffled, stage_seed

__all__ = [
    "BatchLimits",
    "Checkpointer",
    "Draws",
    "Optim",
    "Optimiser",
    "Passes",
    "StepResult",
    "StepSkipped",
    "TrainingLoop",
    "TrainingStep",
    "planned_draws",
    "seed_of",
    "seed_of_stage",
    "shuffled",
    "stage_batch_limits",
    "stage_seed",
]

_HOME = {
    "BatchLimits": "memory_planner",
    "Checkpointer": "checkpointing",
    "Draws": "seeds",
    "Optim": "optimiser",
    "Optimiser": "optimiser",
    "Passes": "passes",
    "StepResult": "loop",
    "StepSkipped": "loop",
    "TrainingLoop": "loop",
    "TrainingStep": "loop",
    "planned_draws": "passes",
    "seed_of": "seeds",
    "seed_of_stage": "seeds",
    "shuffled": "seeds",
    "stage_batch_limits": "memory_planner",
    "stage_seed": "seeds",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
