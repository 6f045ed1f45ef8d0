"""A worker's process: started, asked line by line under a deadline, ended with all that it started."""

import os
import selectors
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import IO, Self

from accord.sandbox.command import ENVIRONMENT

__all__ = ["EndedError", "StoppedError", "WorkerProcess"]

PART = 1 << 16


class StoppedError(Exception):
    """The worker had to be stopped, or ended by itself; the message says why."""


class EndedError(StoppedError):
    """The worker ended by itself."""


@dataclass
class WorkerProcess:
    """A process that answers lines with lines; `noise` is what it wrote to its error stream since the last request."""

    process: "subprocess.Popen[bytes]"
    noise: int = 0
    last_words: bytes = b""
    _unread: bytes = field(default=b"", repr=False)

    @classmethod
    def start(cls, command: Sequence[str]) -> Self:
        """Start it, in a session of its own and with an environment that holds nothing of ours."""
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=pipe, env=ENVIRONMENT, cwd="/", start_new_session=True, bufsize=0
        )
        for stream in (process.stdin, process.stdout, process.stderr):
            os.set_blocking(_open(stream).fileno(), False)
        return cls(process)

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    def ask(self, request: bytes, *, seconds: float, longest: int, most_noise: int) -> bytes:
        """The line that answers a line.

        Raises `StoppedError` where it does not come within `seconds`, is `longest` bytes or longer, or where more than
        `most_noise` bytes were printed meanwhile. The worker is of no use then.
        """
        self.noise, pending, deadline = 0, memoryview(request), monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(_open(self.process.stdout), selectors.EVENT_READ, "answer")
            selector.register(_open(self.process.stderr), selectors.EVENT_READ, "noise")
            selector.register(_open(self.process.stdin), selectors.EVENT_WRITE, "request")
            while b"\n" not in self._unread:
                if monotonic() >= deadline:
                    raise StoppedError(f"stopped: no answer within {seconds:g} s")
                for key, _ in selector.select(max(deadline - monotonic(), 0)):
                    if key.data == "answer":
                        self._unread += self._read()
                    elif key.data == "request":
                        pending = pending[self._write(pending) :]
                    over = not pending if key.data == "request" else key.data == "noise" and not self._hear()
                    if over:
                        selector.unregister(key.fileobj)
                self._check(longest, most_noise)
        while self._hears_more():
            self._check(longest, most_noise)
        line, _, self._unread = self._unread.partition(b"\n")
        return line

    def _check(self, longest: int, most_noise: int) -> None:
        if self.noise > most_noise:
            raise StoppedError(f"stopped: it printed more than {most_noise:,} bytes")
        if len(self._unread) >= longest:
            raise StoppedError(f"stopped: its answer is longer than {longest:,} bytes")

    def end(self) -> None:
        """End it, with all that it started as far as these are in its session or its namespace. Again without harm."""
        if self.is_running:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            _open(stream).close()

    def _write(self, pending: memoryview) -> int:
        try:
            return os.write(_open(self.process.stdin).fileno(), pending[:PART])
        except BrokenPipeError as error:
            raise EndedError(self._ending()) from error

    def _read(self) -> bytes:
        part = os.read(_open(self.process.stdout).fileno(), PART)
        if not part:
            raise EndedError(self._ending())
        return part

    def _hear(self) -> bool:
        """Read what was printed; whether more can come."""
        part = os.read(_open(self.process.stderr).fileno(), PART)
        self.noise += len(part)
        self.last_words = (self.last_words + part)[-2_000:]
        return bool(part)

    def _hears_more(self) -> bool:
        """Whether something was printed that was not read; it is read. Whoever answered has ended, so all is there."""
        try:
            return self._hear()
        except BlockingIOError:
            return False

    def _ending(self) -> str:
        """Why the process is no more, as far as it can be told."""
        while self._hears_more():
            pass
        lines = self.last_words.decode("utf-8", "replace").strip().splitlines()
        return "the process of the sandbox ended" + (f" ({lines[-1]:.200})" if lines else "")


def _open(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None, "the process was started with pipes"
    return stream
