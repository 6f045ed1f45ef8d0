"""The training of a stage by all processes that torchrun started, where its steps can be shared.

The first process does the run as it would alone. Where it comes to a stage whose steps can be shared it hands the
others what to take part in, and they go back to waiting when the steps are made (`accord.loop.following`).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from accord.interfaces import Step
from accord.loop.stage import Context
from accord.train.ranks import is_shared, process_count, sharing, started_count

__all__ = ["StepsOf", "Task", "make_steps"]

StepsOf = Callable[[Context], Iterable[Step]]
"""The steps of a stage, from what earlier ones left; a function of a module, which other processes find by its name."""


@dataclass(frozen=True)
class Task:
    """A stage of the run at `path` that several processes train; with `shards` its model lies in parts with them."""

    steps_of: StepsOf
    path: Path
    stage: str
    prefix: str
    shards: bool = False


def make_steps(context: Context, settings: object, steps_of: StepsOf, *, shared: bool = True) -> None:
    """Make all steps of a stage, shown and tracked; by all processes where they can be `shared`."""
    several = started_count() > 1
    if not several or not shared or not is_shared(settings):
        if several:
            whole = ", and its model is whole" if context.recipe.processes.shard else ""
            context.progress.say(f"  {context.stage}: by the first process alone; its steps are not shared{whole}")
        context.run.note_processes(context.stage, 1)
        _go_through(context, steps_of)
        return
    shards = context.recipe.processes.shard
    with sharing(Task(steps_of, context.run.path.resolve(), context.stage, context.prefix, shards)):
        context.run.note_processes(context.stage, process_count())
        sharded = ", its model in parts" if shards else ""
        context.progress.say(f"  {context.stage}: {process_count()} processes{sharded}")
        _go_through(context, steps_of)


def _go_through(context: Context, steps_of: StepsOf) -> None:
    for _ in context.steps(steps_of(context)):
        pass
