"""What runs inside the sandbox: reads requests, one JSON line each, and answers each from a fork of its own.

The process itself runs nothing of the program's file. It loads the installed packages that the program names, once and
before any limit, as far as a fork that tried it first came through, and forks for every request; the fork takes its
limits upon itself, runs the program's file and calls its function. So a request costs a fork, and whatever a program
leaves behind (a global, a patched module, a thread) ends with its request.

    in    {"source", "name", "function", "path", "cpu_seconds", "memory_bytes", "output_bytes"}, then a value a line
    out   {"ready": true}, then {"nonce", "answer", "too_long", "signal", "status", "cpu_seconds"} a line

`answer` is what the fork wrote: {"nonce", "value"} or {"nonce", "error"} as JSON, where it is honest. The worker draws
the nonce for each request, so that nothing that is written blindly into every open file is an answer. Only the standard
library is used, and no broad handler: what a program raises reaches `sys.excepthook`.
"""

import ast
import importlib
import json
import os
import resource
import signal
import sys
import types
from collections.abc import Iterator
from typing import Any, NoReturn

FILE_BYTES = 1 << 24  # of a file, a memfd among them: none else can be written
OPEN_FILES = 64
MAX_THREADS = 512
MAX_ERROR = 500
LOAD_SECONDS = 20  # to load a package
LOADED = 77  # the status of a fork that loaded one


def main() -> None:
    """Answer requests until the pipe ends."""
    setup = json.loads(sys.stdin.buffer.readline())
    requests, replies = os.fdopen(os.dup(0), "rb"), os.dup(1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)  # what a program prints is counted with its errors, and never an answer
    sys.path[:] = [*setup["path"], *sys.path]
    from accord.sandbox.system_calls import hide_process

    hide_process()
    for name in _named_packages(setup["source"]):
        _load(name)
    _write(replies, {"ready": True})
    for request in requests:
        _write(replies, _answer_of_fork(setup, request))


def _named_packages(source: str) -> Iterator[str]:
    """The absolute imports of a program, wherever in it they stand; none where it is no Python."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def _load(name: str) -> None:
    """Load a package, where that does no harm: a fork of its own tries it first.

    One that is not there, raises, ends the process or comes to no end is left to the program, which imports it itself.
    """
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        os.dup2(2, 1)
        sys.excepthook = lambda *_: os._exit(1)
        signal.alarm(LOAD_SECONDS)
        importlib.import_module(name)
        os._exit(LOADED)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == LOADED:
        importlib.import_module(name)


def _answer_of_fork(setup: dict[str, Any], request: bytes) -> dict[str, Any]:
    """What a fork answers, and how it ended. One that writes too much is ended."""
    nonce = os.urandom(16).hex()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.closerange(3, writing)
        os.closerange(writing + 1, OPEN_FILES * 16)
        _judge(setup, request, writing, nonce)
    os.close(writing)
    answer = b""
    while len(answer) <= setup["output_bytes"] and (part := os.read(reading, 1 << 16)):
        answer += part
    os.close(reading)
    too_long = len(answer) > setup["output_bytes"]
    if too_long:
        os.kill(child, signal.SIGKILL)
    _, status, usage = os.wait4(child, 0)
    return {
        "nonce": nonce,
        "answer": "" if too_long else answer.decode("utf-8", "replace"),
        "too_long": too_long,
        "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0,
        "status": os.WEXITSTATUS(status) if os.WIFEXITED(status) else 0,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
    }


def _judge(setup: dict[str, Any], request: bytes, writing: int, nonce: str) -> NoReturn:
    """In the fork: limits, then the program, then its answer; never returns."""

    def refuse(kind: type[BaseException], error: BaseException, _: Any) -> None:
        _end(writing, {"nonce": nonce, "error": f"{kind.__name__}: {error}"[:MAX_ERROR]}, 1)

    sys.excepthook = refuse
    argument = json.loads(request)
    _limit(setup)
    module = types.ModuleType("program")
    sys.modules["program"] = module
    exec(compile(setup["source"], setup["name"], "exec"), module.__dict__)  # noqa: S102 - what a sandbox is for
    function = getattr(module, setup["function"])
    answer = function(argument)
    value = answer.model_dump(mode="json") if hasattr(answer, "model_dump") else answer
    _end(writing, {"nonce": nonce, "value": value}, 0)


def _limit(setup: dict[str, Any]) -> None:
    from accord.sandbox.system_calls import end_with_parent, refuse_calls

    end_with_parent()
    cpu, memory = setup["cpu_seconds"], setup["memory_bytes"]
    resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + 1))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    threads = MAX_THREADS if refuse_calls() else 0
    resource.setrlimit(resource.RLIMIT_NPROC, (threads, threads))  # of the user, threads among them; binds no root


def _end(writing: int, reply: dict[str, Any], status: int) -> NoReturn:
    """Hand the answer over and end at once: no thread, no exit handler of the program runs on."""
    text = json.dumps(reply).encode()
    while text:
        text = text[os.write(writing, text) :]
    os._exit(status)


def _write(replies: int, reply: dict[str, Any]) -> None:
    text = json.dumps(reply).encode() + b"\n"
    while text:
        text = text[os.write(replies, text) :]


if __name__ == "__main__":
    main()
