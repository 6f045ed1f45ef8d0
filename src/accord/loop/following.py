"""What the processes beside the first one do: take part in the stages that it hands them, and write nothing.

They read of the run what the first one left there, and its recipe. A signal that asks for the end is the first one's
to follow: they go on helping with the step that is under way, and end when it has.
"""

import logging
import signal
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from accord.errors import AccordError
from accord.lm.memory import release_memory
from accord.loop.named_code import recipe_of
from accord.loop.processes import Task
from accord.loop.stage import Context, in_run
from accord.run import FollowedRun
from accord.train.ranks import FirstFailedError, StepsOver, next_task, report_problem

__all__ = ["follow"]


def follow() -> None:
    """Take part until the first process has nothing left to do, or is gone.

    What goes wrong here alone is for the first process to say, which hears of it.
    """
    with _in_silence():
        try:
            while (task := next_task()) is not None:
                _take_part(task)
                release_memory()
        except AccordError as problem:
            report_problem(problem)


def _take_part(task: Task) -> None:
    with FollowedRun.open(task.path, write=False) as run:
        recipe = in_run(recipe_of(run, trusted=True), run)  # the very recipe that the first process runs
        context = Context(recipe, run, stage=task.stage, prefix=task.prefix)
        try:
            for _ in task.steps_of(context):
                pass
        except (StepsOver, FirstFailedError):
            return


@contextmanager
def _in_silence() -> Iterator[None]:
    """Inside the block signals are left to the first process, and so are warnings, which it gives too."""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    logging.getLogger("accord").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
