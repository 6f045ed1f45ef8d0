"""Between the command that a person started and the first learner: lines that it prints, and signals to it.

The learner works on any machine of the cluster, so that neither its output nor its process is at hand.
"""

import io
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

__all__ = ["Channel", "Line", "open_channel", "relay", "speaking_through"]

Line = tuple[int, str]
"""1 or 2, for standard output and standard error, and what was written there."""
LOOK = 0.5  # seconds between two looks for a signal


class Channel:
    """What stands between them; an actor that needs no CPU."""

    def __init__(self) -> None:
        self._lines: list[Line] = []
        self._signal = 0

    def write(self, stream: int, text: str) -> None:
        """The learner printed something."""
        self._lines.append((stream, text))

    def take(self) -> list[Line]:
        """What was printed since the last time."""
        lines, self._lines = self._lines, []
        return lines

    def send(self, number: int) -> None:
        """The learner is to have a signal."""
        self._signal = number

    def signal(self) -> int:
        """The signal that it is to have, once; 0 for none."""
        number, self._signal = self._signal, 0
        return number


def open_channel() -> Any:
    """A channel on this machine."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)
    actor: Any = ray.remote(Channel)
    return actor.options(num_cpus=0, scheduling_strategy=here).remote()


def relay(channel: Any) -> None:
    """Print here what the learner printed since the last time."""
    import ray

    for stream, text in ray.get(channel.take.remote()):
        out = sys.stdout if stream == 1 else sys.stderr
        out.write(text)
        out.flush()


@contextmanager
def speaking_through(channel: Any) -> Iterator[None]:
    """Inside the block what this process prints goes to a channel, and signals come from it."""
    before, over = (sys.stdout, sys.stderr), threading.Event()
    streams = (_Stream(channel, 1, sys.stdout), _Stream(channel, 2, sys.stderr))
    sys.stdout, sys.stderr = streams
    listener = threading.Thread(target=_listen, args=(channel, over), daemon=True)
    listener.start()
    try:
        yield
    finally:
        for stream in streams:
            stream.flush()
        sys.stdout, sys.stderr = before
        over.set()
        listener.join()


def _listen(channel: Any, over: threading.Event) -> None:
    import ray

    while not over.wait(LOOK):
        with suppress(ray.exceptions.RayError):  # whoever began the run is gone, and this process goes with it
            if number := ray.get(channel.signal.remote()):
                os.kill(os.getpid(), number)


class _Stream(io.TextIOBase):
    """A text stream that goes to a channel, line by line or when it has waited long enough."""

    def __init__(self, channel: Any, number: int, beneath: TextIO) -> None:
        self._channel, self._number, self._beneath = channel, number, beneath
        self._text, self._sent = "", time.monotonic()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """As of any stream."""
        return "utf-8"

    def fileno(self) -> int:
        """That of the stream beneath, for what writes past Python."""
        return self._beneath.fileno()

    def writable(self) -> bool:
        """Yes."""
        return True

    def write(self, text: str) -> int:
        """Keep it until the line is whole."""
        self._text += text
        if "\n" in text:
            self.flush()
        return len(text)

    def flush(self) -> None:
        """Hand on what was written."""
        if self._text:
            self._channel.write.remote(self._number, self._text)
            self._text, self._sent = "", time.monotonic()
