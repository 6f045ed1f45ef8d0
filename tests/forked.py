"""Processes that begin where the imports are done.

Tests that kill processes, or begin one after the other, would spend most of their time on imports. Here one process has
imported what is needed and forks another for each command, as it is after the imports. Each is as much a process as any
other: with a number, a session, streams and an environment of its own, and it may be killed.
"""

import atexit
import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from subprocess import DEVNULL, PIPE
from types import TracebackType
from typing import IO, Any, Self

__all__ = ["COLLECTING", "DEVNULL", "PIPE", "SERVING", "TRAINING", "Forked", "finished", "forked"]

COLLECTING = ("accord.cli.main", "accord.collect.web.app", "accord.feedback.store.migrations", "uvicorn")
TRAINING = (
    "accord.cli.main",
    "accord.loop.rounds",
    "accord.report.page",
    "accord.lm.loading",
    "transformers.models.llama.modeling_llama",
)
SERVING = (*COLLECTING, *TRAINING, "accord.serve.app")
"""What is imported before commands of these kinds."""
LONGEST = 1 << 18  # bytes of a request


class Forked:
    """A process that was forked, with as much of `subprocess.Popen` as tests need."""

    def __init__(self, request: Mapping[str, Any], stdout: int, stderr: int) -> None:
        told, tell = os.pipe()
        streams, ends = zip(*(_stream(which) for which in (stdout, stderr)), strict=True)
        socket.send_fds(_nursery(), [json.dumps(request).encode()], [*ends, tell])
        for end in (*ends, tell):
            os.close(end)
        self.stdout: IO[str] | None
        self.stderr: IO[str] | None
        self.stdout, self.stderr = streams
        self.arguments = request["arguments"]
        self.returncode: int | None = None
        self._told = os.fdopen(told)
        self.pid = int(self._told.readline())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for stream in filter(None, (self.stdout, self.stderr)):
            stream.close()
        self.wait()

    def poll(self) -> int | None:
        """The exit status, minus a signal's number where one ended it; None while it runs."""
        return self.wait(0) if self.returncode is not None or self._is_told(0) else None

    def wait(self, timeout: float | None = None) -> int:
        """The same when it has ended. Raises `subprocess.TimeoutExpired`."""
        if self.returncode is None:
            if not self._is_told(timeout):
                raise subprocess.TimeoutExpired(self.arguments, timeout or 0)
            self.returncode = int(self._told.readline())
            self._told.close()
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """What is still printed, and printed as errors, to the end. Raises `subprocess.TimeoutExpired`."""
        with ThreadPoolExecutor(2) as threads:
            read = [
                threads.submit(stream.read) if stream and not stream.closed else None
                for stream in (self.stdout, self.stderr)
            ]
            try:
                self.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill()
                raise
            out, errors = (each.result() if each else "" for each in read)
        for stream in filter(None, (self.stdout, self.stderr)):
            stream.close()
        return out, errors

    def send_signal(self, number: int) -> None:
        """To it, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """`kill -9`, unless it has ended."""
        self.send_signal(signal.SIGKILL)

    def _is_told(self, timeout: float | None) -> bool:
        return bool(select.select([self._told], [], [], timeout)[0])


def forked(
    arguments: Sequence[str],
    *,
    imports: Sequence[str],
    code: str = "",
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdout: int = PIPE,
    stderr: int = PIPE,
) -> Forked:
    """`accord ARGUMENTS`, or `code` with these, in a process that begins after `imports` and has no standard input."""
    request = {
        "arguments": list(map(str, arguments)),
        "imports": list(imports),
        "code": code,
        "cwd": os.fspath(cwd or Path.cwd()),
        "env": dict(os.environ if env is None else env),
    }
    return Forked(request, stdout, stderr)


def finished(arguments: Sequence[str], **options: Any) -> "subprocess.CompletedProcess[str]":
    """The same, when it has ended."""
    process = forked(arguments, **options)
    out, errors = process.communicate()
    return subprocess.CompletedProcess(list(arguments), process.wait(), out, errors)


def _stream(which: int) -> tuple[IO[str] | None, int]:
    """Where a stream is read, and the end that is written to."""
    if which == DEVNULL:
        return None, os.open(os.devnull, os.O_WRONLY)
    read, write = os.pipe()
    return os.fdopen(read), write


@cache
def _nursery() -> socket.socket:
    """The other end of the process that forks, which ends with this one."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    process = subprocess.Popen(
        [sys.executable, __file__, str(there.fileno())],
        pass_fds=[there.fileno()],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdin=DEVNULL,
        stdout=DEVNULL,
    )
    there.close()

    def end() -> None:
        here.close()
        process.wait()

    atexit.register(end)
    return here


# -- in the process that forks, and in those that it forked -------------------------------------------------------


def _serve(asked: socket.socket) -> None:
    """Fork for each request; what returns is a process of its own that has nothing left to do."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        message, ends, *_ = socket.recv_fds(asked, LONGEST, 3)
        if not message:
            return None
        request = json.loads(message)
        for module in request["imports"]:
            importlib.import_module(module)
        gc.collect()
        gc.freeze()
        if not os.fork():
            asked.close()
            return _watch(request, *ends)
        for end in ends:
            os.close(end)


def _watch(request: dict[str, Any], out: int, errors: int, tell: int) -> None:
    """Fork once more, and tell the number of that process, and how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if not (pid := os.fork()):
        os.close(tell)
        return _become(request, out, errors)
    os.close(out)
    os.close(errors)
    os.write(tell, f"{pid}\n".encode())
    _, ended = os.waitpid(pid, 0)
    os.write(tell, f"{os.waitstatus_to_exitcode(ended)}\n".encode())
    os._exit(0)


def _become(request: dict[str, Any], out: int, errors: int) -> None:
    os.setsid()
    for end, number in ((out, 1), (errors, 2)):
        os.dup2(end, number)
        os.close(end)
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", 1, errors="backslashreplace", closefd=False)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests in the background ignores it
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    sys.path[0], sys.argv = request["cwd"], ["accord", *request["arguments"]]
    if request["code"]:
        exec(compile(request["code"], "<forked>", "exec"), {"__name__": "__main__"})
    else:
        importlib.import_module("accord.cli").main()


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
