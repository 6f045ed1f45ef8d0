"""Learners: actors that train as the processes of torchrun do, on the machines that Ray finds for them.

The first one does the run, on whichever machine it is, and alone writes it; the others take part in stages whose steps
are shared (`accord.train.ranks`). They meet by a store that the first one opens at its machine's address. Where one is
lost all are ended and begun again, and go on from the last step that is kept.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from accord.cluster.channel import open_channel, relay, speaking_through
from accord.cluster.connection import connection, options_of, reserve_places
from accord.cluster.machine import Probe, enter, leave_probe, use_interface
from accord.cluster.settings import Engine
from accord.errors import AccordError, RecipeError, storage
from accord.run.launch import Launch, launch_of
from accord.run.stopping import Terminated, ending_by_signal, step_under_way, termination

__all__ = ["Ending", "Learner", "Work", "run_by_learners"]

LOOK = 0.2  # seconds between two looks at the learners
GRACE = 10.0  # seconds within which it is known which of the learners was lost
MEETING = timedelta(minutes=5)


@dataclass(frozen=True)
class Work:
    """What the learners do: functions of modules, which every process finds by their names.

    lead        does the run
    follow      takes part in it
    arguments   of `lead`
    going_on    its arguments where it goes on with what is there
    folder      the one that all work in
    shared      a folder that all machines are to see
    """

    lead: Callable[..., object]
    follow: Callable[[], None]
    arguments: dict[str, Any]
    going_on: dict[str, Any]
    folder: Path
    shared: Path


@dataclass(frozen=True)
class Ending:
    """How the first learner ended: an exit status, what is to be said of it, and whether another learner was lost."""

    status: int = 0
    message: str = ""
    lost: bool = False


class Learner:
    """One process of the group; an actor."""

    def __init__(self, rank: int, count: int, folder: str, probe: Probe) -> None:
        enter(folder, probe)
        self._launch = Launch(rank, count)
        self._store: Any = None

    def where(self) -> tuple[int, str]:
        """The number of this process, and the address of its machine."""
        import ray

        return os.getpid(), ray.util.get_node_ip_address()

    def open_store(self) -> tuple[str, int]:
        """Open the store by which all meet; its address and port."""
        import ray

        address = ray.util.get_node_ip_address()
        self._store = _store(address, 0, self._launch.count, is_master=True)
        return address, self._store.port

    def work(
        self, place: tuple[str, int], task: Callable[..., object], arguments: dict[str, Any], channel: Any
    ) -> Ending:
        """Do the run, or take part in it, to the end; what accord raises on purpose becomes the ending."""
        import ray

        from accord.train.ranks import Started, process_group

        use_interface(ray.util.get_node_ip_address())
        if self._store is None:
            self._store = _store(*place, self._launch.count, is_master=False)
        started = Started(self._launch, self._store)
        if not self._launch.is_first:
            with process_group(started):
                task(**arguments)
            return Ending()
        with speaking_through(channel):
            return _ended(lambda: _first(started, task, arguments))


def _store(address: str, port: int, count: int, *, is_master: bool) -> Any:
    from torch import distributed

    kind: Any = distributed.TCPStore  # type: ignore[attr-defined]  # it is public all the same
    return kind(address, port, count, is_master=is_master, wait_for_workers=False, timeout=MEETING)


def _first(started: Any, task: Callable[..., object], arguments: dict[str, Any]) -> int:
    from accord.train.ranks import process_group

    with process_group(started):
        status = task(**arguments)
    return status if isinstance(status, int) else 0


def _ended(work: Callable[[], int]) -> Ending:
    """How some work ends. What an error says is there before a signal can end the process again."""
    try:
        with ending_by_signal():
            try:
                return Ending(work())
            except AccordError as error:
                return Ending(error.exit_status, str(error), _is_lost(error))
    except Terminated as ended:
        return Ending(ended.exit_status, f"{ended}; the same command with --resume goes on from there")


def _is_lost(error: BaseException | None) -> bool:
    """Whether another process that is heard no more is why."""
    from accord.train.ranks import ProcessLostError

    while error is not None:
        if isinstance(error, ProcessLostError):
            return True
        error = error.__cause__
    return False


def run_by_learners(engine: Engine, work: Work, say: Callable[[str], None]) -> Ending:
    """Have the learners of a cluster do the run, and print here what the first one prints.

    A learner that is lost ends all, and `say` tells of it; they begin again from the last kept step, at most
    `engine.max_restarts` times. Raises `RecipeError` where there is no such cluster, or where a machine of it does not
    see the folder of the run.
    """
    if launch_of().count > 1:
        raise RecipeError("recipe.engine.kind: Ray starts the processes, not torchrun; leave one of them out")
    with storage(work.shared):
        probe = leave_probe(work.shared)
    ending: Ending | None = None
    try:
        # A signal is noted and handed on: Ray ends the process where one is raised in the midst of it, and takes it for
        # its own where nobody says anew, after it has begun, who is to have it.
        with connection(engine), ending_by_signal(), step_under_way(), reserve_places(engine) as group:
            ending = _until_done(engine, work, group, probe, say)
    except Terminated:
        if ending is None:
            raise
    finally:
        Path(probe[0]).unlink(missing_ok=True)
    assert ending is not None
    return ending


def _until_done(engine: Engine, work: Work, group: Any, probe: Probe, say: Callable[[str], None]) -> Ending:
    arguments = work.arguments
    for restart in range(engine.max_restarts + 1):
        ending, lost = _one_go(engine, work, arguments, group, probe)
        if not lost:
            return ending
        if number := termination():
            return Ending(Terminated(number).exit_status, f"{lost}; --resume goes on from the last kept step")
        if restart < engine.max_restarts:
            say(f"{lost}; all begin again from the last kept step (restart {restart + 1} of {engine.max_restarts})")
        arguments = work.going_on
    return Ending(3, f"{lost}, {engine.max_restarts + 1} times; see the machines, and go on with --resume")


def _one_go(engine: Engine, work: Work, arguments: dict[str, Any], group: Any, probe: Probe) -> tuple[Ending, str]:
    """The learners once, from their start to their end: how the first one ended, and which was lost, if one was."""
    import ray

    actor: Any = ray.remote(Learner)
    learners = [
        actor.options(**options_of(engine, group, rank)).remote(rank, engine.learners, str(work.folder), probe)
        for rank in range(engine.learners)
    ]
    channel = open_channel()
    try:
        place = _met(learners)
        if isinstance(place, str):
            return Ending(), place
        tasks = [work.lead, *[work.follow] * (engine.learners - 1)]
        ends = [
            learner.work.remote(place, task, arguments if rank == 0 else {}, channel)
            for rank, (learner, task) in enumerate(zip(learners, tasks, strict=True))
        ]
        return _watched(ends, channel)
    finally:
        for each in (*learners, channel):
            ray.kill(each)


def _met(learners: list[Any]) -> tuple[str, int] | str:
    """The address of the store that the first one opened, when all are there; else which was lost.

    Raises `RecipeError` where a machine does not see the run.
    """
    import ray

    for rank, learner in enumerate(learners):
        try:
            ray.get(learner.where.remote())
        except ray.exceptions.ActorDiedError as error:
            if (problem := _own_problem(error)) is not None:
                raise problem from error
            return _lost(rank, len(learners))
    place: tuple[str, int] = ray.get(learners[0].open_store.remote())
    return place


def _own_problem(error: Exception) -> RecipeError | None:
    """What an actor raised on purpose as it was made; None where it was lost otherwise."""
    words = str(error)
    mark = "accord.errors.RecipeError: "
    return RecipeError(words.rpartition(mark)[2].partition("\n")[0]) if mark in words else None


def _watched(ends: list[Any], channel: Any) -> tuple[Ending, str]:
    """Print what the first learner prints until it has ended, or one is lost; hand on a signal that comes here."""
    import ray

    left, sent = list(ends), False
    while True:
        done, left = ray.wait(left, timeout=LOOK)
        relay(channel)
        if (ended := _ended_first(done, ends)) is not None:
            relay(channel)
            return ended
        if (number := termination()) and not sent:
            ray.get(channel.send.remote(number))
            sent = True


def _ended_first(done: list[Any], ends: list[Any]) -> tuple[Ending, str] | None:
    """How the first learner ended, or which was lost; None where neither is among those that are done."""
    import ray

    for end in done:
        rank = ends.index(end)
        try:
            ending: Ending = ray.get(end)
        except ray.exceptions.RayActorError:
            return Ending(), _lost(rank, len(ends))
        if rank == 0:
            return ending, _which_lost(ending, ends)
    return None


def _which_lost(ending: Ending, ends: list[Any]) -> str:
    """Which learner was lost, where the first one heard that one was; empty where none was."""
    import ray

    if not ending.lost:
        return ""
    until = time.monotonic() + GRACE
    while time.monotonic() < until:
        done, _ = ray.wait(ends[1:], num_returns=len(ends) - 1, timeout=LOOK)
        for end in done:
            try:
                ray.get(end)
            except ray.exceptions.RayError:
                return _lost(ends.index(end), len(ends))
    return f"one of the {len(ends)} learners was lost"


def _lost(rank: int, count: int) -> str:
    return f"learner {rank + 1} of {count} was lost"
