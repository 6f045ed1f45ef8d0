"""Actors of one role among which a call is shared; one that is lost is replaced, and does again what it was asked.

Replacing and doing again are Ray's (`max_restarts`, `max_task_retries`). An actor does not keep anything between calls
that a new one would not have by the call alone.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from accord.cluster.connection import options_of
from accord.cluster.settings import Engine
from accord.errors import AccordError, ModelError

__all__ = ["Pool", "Problem", "open_pool", "problem_of", "shares"]


@dataclass(frozen=True)
class Problem:
    """What an actor raised on purpose, as it travels."""

    message: str


def problem_of(call: Callable[[], Any]) -> Any:
    """What a call returns, or what accord raised in it as a `Problem`: not every exception can be sent."""
    try:
        return call()
    except AccordError as error:
        return Problem(str(error))


@dataclass(frozen=True)
class Pool:
    """The actors of a role, such as `sampler`."""

    role: str
    actors: Sequence[Any]

    def wait(self, calls: Sequence[Any]) -> list[Any]:
        """What calls return, in their order.

        Raises `ModelError` where an actor raised something on purpose, or was lost too often.
        """
        import ray

        try:
            answers = ray.get(list(calls))
        except ray.exceptions.RayActorError as error:
            words = str(error).strip().partition("\n")[0]
            raise ModelError(
                f"a {self.role} of the cluster was lost more often than engine.max_restarts allows ({words}); see its "
                "machine (memory?), and go on with --resume"
            ) from error
        for answer in answers:
            if isinstance(answer, Problem):
                raise ModelError(f"a {self.role} of the cluster: {answer.message}")
        return answers

    def close(self) -> None:
        """End the actors."""
        import ray

        for actor in self.actors:
            ray.kill(actor)


def open_pool(engine: Engine, role: str, kind: type, count: int, first: int, *arguments: Any) -> Pool:
    """`count` actors of a class, at the places from `first` on of the placement group that this process stands in."""
    import ray

    group = ray.util.get_current_placement_group()
    restarts = {"max_restarts": engine.max_restarts, "max_task_retries": engine.max_restarts}
    actor: Any = ray.remote(kind)
    actors = [
        actor.options(**options_of(engine, group, first + number), **restarts).remote(*arguments)
        for number in range(count)
    ]
    return Pool(role, actors)


def shares(count: int, among: int) -> Iterator[range]:
    """Consecutive places of `count` things, as even as can be, without empty shares."""
    for number in range(among):
        share = range(count * number // among, count * (number + 1) // among)
        if share:
            yield share
