"""`Sandbox`: a function of a program's file is called with a value; it answers with a value, or was stopped.

Every call is a fork of its own (`worker`), so an answer does not depend on what was asked before. A worker that had to
be ended is replaced before the next call. Where one that had served before ends by itself, the call is made once more
by a fresh one: it may have ended for another reason than this call (bubblewrap ends with the thread that started it).
"""

import json
import signal
import weakref
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from threading import Lock
from types import TracebackType
from typing import Any, Self

from accord.errors import ModelError
from accord.run.stopping import termination
from accord.sandbox.command import bubblewrap, import_paths, worker_command
from accord.sandbox.process import EndedError, StoppedError, WorkerProcess

__all__ = ["Answered", "Limits", "Sandbox", "Stopped"]

START_SECONDS = 60.0  # to load the packages that a program names
ROOM = 10_000  # bytes of a reply beside the answer
SIGNAL_NAMES = {number.value: number.name for number in signal.Signals}


@dataclass(frozen=True)
class Limits:
    """What one call may use. Processes: its own alone.

    seconds        by the clock
    cpu_seconds    of the processor, whole ones
    memory_bytes   of address space
    output_bytes   of an answer, and of what is printed besides
    """

    seconds: float = 10.0
    cpu_seconds: int = 5
    memory_bytes: int = 2 << 30
    output_bytes: int = 1 << 20


@dataclass(frozen=True)
class Answered:
    """What a function returned, as JSON has it."""

    value: Any


@dataclass(frozen=True)
class Stopped:
    """A call without an answer; `reason` says what became of it."""

    reason: str


@dataclass
class Sandbox:
    """A function of a program (`source`, a Python file's text), called where it can do no harm.

    `name` is how the file is called in error messages. `wrapper` is the bubblewrap to use; None: none, which is no
    boundary (`bubblewrap` looks for one and warns). Several threads may call; they wait for one another. A worker
    starts with the first call and runs until `close`, the end of a `with` block, or that of the sandbox itself.
    """

    source: str
    function: str
    name: str = "program.py"
    limits: Limits = Limits()
    wrapper: str | None = field(default_factory=bubblewrap)
    _worker: WorkerProcess | None = field(default=None, init=False, repr=False)
    _finalizer: "weakref.finalize[[], Sandbox] | None" = field(default=None, init=False, repr=False)
    _lock: Lock = field(default_factory=Lock, init=False, repr=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the worker."""
        with self._lock:
            self._end()

    def call(self, argument: Any) -> Answered | Stopped:
        """The function's answer to a value (JSON), or why there is none.

        Raises `ModelError` where the sandbox itself does not start; nothing that the program does is raised.
        """
        request = json.dumps(argument).encode() + b"\n"
        outcome = self._called(request)
        if isinstance(outcome, Stopped) and termination():
            # Whoever ends a whole group of processes ended this one: what it says of the program is no answer.
            outcome = self._called(request)
        return outcome

    def _called(self, request: bytes) -> Answered | Stopped:
        with self._lock:
            served = self._worker is not None
            try:
                try:
                    line = self._ask(request)
                except EndedError:
                    if not served:
                        raise
                    line = self._ask(request)
            except StoppedError as error:
                return Stopped(str(error))
        return _outcome(json.loads(line), self.limits)

    def _ask(self, request: bytes) -> bytes:
        """The worker's line. Raises `StoppedError` where it had to be ended, or was."""
        worker, limits = self._started(), self.limits
        longest = 6 * limits.output_bytes + ROOM  # a character of an answer takes six at most
        try:
            return worker.ask(request, seconds=limits.seconds, longest=longest, most_noise=limits.output_bytes)
        except StoppedError:
            self._end()
            raise

    def _started(self) -> WorkerProcess:
        """The worker; a fresh one where there is none, or it is no more. Raises `ModelError` where none starts."""
        if self._worker is not None and self._worker.is_running:
            return self._worker
        self._end()
        setup = {
            "source": self.source,
            "name": self.name,
            "function": self.function,
            "path": import_paths(),
            **asdict(self.limits),
        }
        self._worker = WorkerProcess.start(worker_command(self.wrapper))
        self._finalizer = weakref.finalize(self, self._worker.end)
        request = json.dumps(setup).encode() + b"\n"
        try:
            self._worker.ask(request, seconds=START_SECONDS, longest=ROOM, most_noise=self.limits.output_bytes)
        except StoppedError as error:
            self._end()
            raise ModelError(f"the sandbox for {self.name} does not start: {error}") from error
        return self._worker

    def _end(self) -> None:
        if self._finalizer is not None:
            self._finalizer()
        self._worker = self._finalizer = None


def _outcome(reply: Mapping[str, Any], limits: Limits) -> Answered | Stopped:
    """What became of a call, by what the worker tells of its fork."""
    if reply["too_long"]:
        return Stopped(f"stopped: its answer is longer than {limits.output_bytes:,} bytes")
    if reply["signal"]:
        return Stopped(_why_killed(reply["signal"], reply["cpu_seconds"], limits))
    if not reply["answer"]:
        return Stopped(f"it ended without an answer (status {reply['status']})")
    try:
        answer = json.loads(reply["answer"])
        json.dumps(answer, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return Stopped("what it answered holds half a character (a lone surrogate)")
    except (ValueError, RecursionError):
        return Stopped(f"what it answered is no JSON: {reply['answer']!r:.80}")
    match answer:
        case {"nonce": nonce, "value": value} if nonce == reply["nonce"]:
            return Answered(value)
        case {"nonce": nonce, "error": str(problem)} if nonce == reply["nonce"]:
            return Stopped(problem)
        case _:
            return Stopped(f"what it answered is no answer: {reply['answer']!r:.80}")


def _why_killed(number: int, cpu_seconds: float, limits: Limits) -> str:
    if number == signal.SIGSYS:
        return "stopped: it began a process, opened a socket or asked for something else that judging does not need"
    if number == signal.SIGXCPU or (number == signal.SIGKILL and cpu_seconds >= limits.cpu_seconds):
        return f"stopped: more than {limits.cpu_seconds} s of the processor"
    return f"it was killed by {SIGNAL_NAMES.get(number, f'signal {number}')}"
