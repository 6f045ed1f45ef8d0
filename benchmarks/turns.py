"""Two processes that work in turn, a step each, as the one who measures them says; nothing but the standard library.

A side says that it is ready, waits for the word, makes one step, and tells what it took. While one works the other
sleeps. So what else happens on the machine meets both, and each is loaded once for all its steps.
"""

import json
import os
import resource
import select
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

__all__ = ["Side", "SideFailedError", "TooSlowError", "Turns"]

REPLY = "BENCH_REPLY"
Reply = dict[str, Any]


class SideFailedError(RuntimeError):
    """A side ended before it was told to. The message is the end of what it wrote on its standard error."""


class TooSlowError(RuntimeError):
    """A side had not answered after `seconds`; it was ended."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"no answer after {seconds:.0f} s")
        self.seconds = seconds


class Turns:
    """What a side does: `while turns.wait(): ...; turns.done()`, then `turns.finish(...)`."""

    def __init__(self) -> None:
        self._reply = os.fdopen(int(os.environ[REPLY]), "w")

    def wait(self) -> bool:
        """Sleep until the next step is asked for and start the clocks; False where none is to come."""
        self._tell({"ready": True})
        wanted = sys.stdin.readline().strip() == "step"
        self._began, self._processor = time.perf_counter(), time.process_time()
        return wanted

    def done(self, **found: Any) -> None:
        """The step is made: what it took, unless the side says that itself, and what else it says of it."""
        seconds, processor = time.perf_counter() - self._began, time.process_time() - self._processor
        self._tell({"seconds": seconds, "processor": processor} | found)

    @staticmethod
    def peak_gb() -> float:
        """The most memory so far, which is to be read before anything that is no part of the work."""
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9

    def finish(self, **found: Any) -> None:
        """All steps are made."""
        self._tell({"finished": True, **found})

    def _tell(self, reply: Reply) -> None:
        self._reply.write(json.dumps(reply) + "\n")
        self._reply.flush()


class Side:
    """A process that makes steps when it is told to. Ended when the `with` ends, however that comes."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], folder: Path) -> None:
        reply, write = os.pipe()
        self._errors = folder / "errors"
        with self._errors.open("wb") as errors, (folder / "output").open("wb") as output:
            self._process = subprocess.Popen(
                command,
                env={**environment, REPLY: str(write), "BENCH_FOLDER": str(folder)},
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=errors,
                pass_fds=(write,),
                cwd=Path(__file__).parents[1],
            )
        os.close(write)
        self._reply, self._read = reply, b""

    def __enter__(self) -> Self:
        return self

    def end(self) -> None:
        """End it, whatever it is doing."""
        self._process.kill()
        self._process.wait()

    def __exit__(self, *_: object) -> None:
        self.end()
        os.close(self._reply)
        if self._process.stdin is not None:
            self._process.stdin.close()

    def ready(self, within: float) -> None:
        """Wait until it could make a step. Raises `SideFailedError`, `TooSlowError` after so many seconds."""
        if not self._answer(within).get("ready"):
            raise SideFailedError("it answered out of turn")

    def step(self, within: float) -> Reply:
        """One step, and what it took. Raises as `ready` does."""
        self._say("step")
        reply = self._answer(within)
        if "seconds" not in reply:
            raise SideFailedError("it ended before its step was made")
        self.ready(within)  # what it does between two steps is done before the other's turn
        return reply

    def finish(self, within: float) -> Reply:
        """Let it end and say what came of it. Raises as `ready` does."""
        self._say("end")
        reply = self._answer(within)
        if "finished" not in reply:
            raise SideFailedError("it went on after its last step")
        return reply

    def _say(self, word: str) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(word.encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise SideFailedError(self._last_words()) from None

    def _answer(self, within: float) -> Reply:
        until = time.monotonic() + within
        while b"\n" not in self._read:
            left = until - time.monotonic()
            if left <= 0 or not select.select([self._reply], [], [], left)[0]:
                raise TooSlowError(within)
            piece = os.read(self._reply, 65536)
            if not piece:
                raise SideFailedError(self._last_words())
            self._read += piece
        line, self._read = self._read.split(b"\n", 1)
        answer: Reply = json.loads(line)
        return answer

    def _last_words(self) -> str:
        self._process.wait()
        words = self._errors.read_text(errors="replace").strip()[-1500:]
        return words or f"ended with status {self._process.returncode} and said nothing"
