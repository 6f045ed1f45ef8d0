"""A run that is asked to end by a signal, as a scheduler or a closed terminal does it.

Training ends after the step that is under way, which is kept (`TrainingLoop`); anything else ends where it is, as with
Ctrl-C, and is begun again by whoever goes on with the run. A second signal ends the process at once.
"""

import os
import signal
import sys
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import ClassVar

__all__ = ["Terminated", "ending_by_signal", "step_under_way", "termination"]

SIGNALS = (signal.SIGTERM, signal.SIGHUP)


class Terminated(KeyboardInterrupt):
    """A run was asked to end by a signal, and has; whatever deals with Ctrl-C deals with it.

    number       of the signal
    consequence  what was kept last, as a part of a sentence; empty where nothing was being trained
    """

    def __init__(self, number: int, consequence: str = "") -> None:
        name = signal.Signals(number).name
        super().__init__(f"ended by {name}{'; ' if consequence else ''}{consequence}")
        self.number = number

    @property
    def exit_status(self) -> int:
        """128 and the number of the signal, as shells have it."""
        return 128 + self.number


class _Process:
    """What this process was asked, and the steps under way that are to be finished first."""

    asked: int = 0
    steps: ClassVar[set[object]] = set()
    ends: bool = False  # an error of a step is on its way to whoever says it


def termination() -> int:
    """The signal that asked this process to end; 0 where none did."""
    return _Process.asked


@contextmanager
def step_under_way() -> Iterator[None]:
    """Inside the block a signal is noted (`termination`), and ends nothing by itself.

    Raises `Terminated` behind the block where one came and nobody has acted on it. An error that leaves the block ends
    the process by itself: a signal that comes after it, as from torchrun where another process is gone, does not take
    the place of what the error says.
    """
    step, steps = object(), _Process.steps
    steps.add(step)
    try:
        yield
    except Exception:
        _Process.ends = True
        raise
    finally:
        steps.discard(step)
    if _Process.asked and not _Process.steps:
        raise Terminated(_Process.asked)


@contextmanager
def ending_by_signal() -> Iterator[None]:
    """Inside the block SIGTERM and SIGHUP raise `Terminated`, or are noted while a step is under way.

    A signal that the process was started to ignore, as `nohup` has it, stays ignored. Signals come to the main thread
    alone: in another one nothing changes. Steps that were begun before and left, as by whoever stopped iterating, count
    for nothing here.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    terminals = [stream for stream in (1, 2) if os.isatty(stream)]

    def ask(number: int, _: FrameType | None) -> None:
        for each in caught:
            signal.signal(each, signal.SIG_DFL)
        _leave(terminals)
        if _Process.ends:
            return
        if _Process.steps:
            _Process.asked = number
            # Not by `print`, in the midst of which the signal may have come.
            name = signal.Signals(number).name
            _say(f"accord: {name}: the run ends after this step; a second signal ends it at once\n")
            return
        raise Terminated(number)

    caught = {each: before for each in SIGNALS if (before := signal.getsignal(each)) is not signal.SIG_IGN}
    for each in caught:
        signal.signal(each, ask)
    left, _Process.steps = _Process.steps, set()
    _Process.ends = False
    try:
        yield
    finally:
        _Process.asked, _Process.steps, _Process.ends = 0, left, False
        for each, before in caught.items():
            signal.signal(each, before)


def _leave(terminals: list[int]) -> None:
    """Write no more to terminals that are gone: whoever closed one wants the step kept all the same."""
    for stream in terminals:
        try:
            termios.tcgetattr(stream)
        except termios.error:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream)
            os.close(nowhere)


def _say(line: str) -> None:
    try:
        os.write(sys.__stderr__.fileno() if sys.__stderr__ is not None else 2, line.encode())
    except (OSError, ValueError):
        return  # nobody reads it, and what is kept does not hang on it
