"""Programs that misbehave are stopped, with the reason, and the next call goes on; what is not there cannot be read."""

import contextlib
import logging
import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from accord.errors import ModelError
from accord.sandbox import command
from accord.sandbox.command import bubblewrap
from accord.sandbox.sandbox import Answered, Limits, Sandbox, Stopped

NEEDS_BUBBLEWRAP = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap (bwrap) is not installed")
LIMITS = Limits(seconds=1.5, cpu_seconds=1, memory_bytes=512 << 20, output_bytes=20_000)
REFUSED = "stopped: it began a process, opened a socket"

HOSTILE = {
    "forks": ("import os\ndef f(x): os.fork()", REFUSED),
    "forks when it is imported": ("import os\nos.fork()\ndef f(x): return 1", REFUSED),
    "starts a program": ("import subprocess\ndef f(x): subprocess.run(['true'])", REFUSED),
    "leaves a daemon behind": (
        "import os\ndef f(x):\n    os.fork() or (os.setsid(), os.fork(), os.execv('/bin/sleep', ['sleep', '60']))",
        REFUSED,
    ),
    "sleeps": ("import time\ndef f(x): time.sleep(60)", "stopped: no answer within 1.5 s"),
    "imports slowly": ("import time\ntime.sleep(60)\ndef f(x): return 1", "stopped: no answer within 1.5 s"),
    "never ends": ("def f(x):\n    while True: pass", "stopped: more than 1 s of the processor"),
    "ignores the signal of the limit": (
        "import signal\ndef f(x):\n    signal.signal(signal.SIGXCPU, signal.SIG_IGN)\n    while True: pass",
        "stopped: ",
    ),
    "floods its output": ("def f(x):\n    while True: print('x' * 1000)", "stopped: it printed more than 20,000 bytes"),
    "floods its errors": (
        "import sys\ndef f(x):\n    sys.stderr.write('x' * 30_000)\n    return 1",
        "stopped: it printed more than 20,000 bytes",
    ),
    "answers without end": ("def f(x): return 'x' * 30_000", "stopped: its answer is longer than 20,000 bytes"),
    "allocates": ("def f(x): return len(bytearray(1 << 30))", "MemoryError"),
    "fills the memory by files": (
        "import os\ndef f(x):\n    file = os.memfd_create('x')\n    while True: os.write(file, bytes(1 << 20))",
        "OSError: [Errno 27] File too large",
    ),
    "opens sockets": ("import socket\ndef f(x): socket.socket()", REFUSED),
    "kills its parent": ("import os\ndef f(x): os.kill(os.getppid(), 9)", REFUSED),
    "kills everybody": ("import os\ndef f(x): os.kill(-1, 9)", REFUSED),
    "shares memory": ("import ctypes\ndef f(x): return ctypes.CDLL(None).shmget(0, 1 << 30, 0o1600)", REFUSED),
    "attaches memory": ("import ctypes\ndef f(x): return ctypes.CDLL(None).shmat(0, None, 0)", REFUSED),
    "leaves a message": ("import ctypes\ndef f(x): return ctypes.CDLL(None).msgget(5, 0o1600)", REFUSED),
    "leaves a semaphore": ("import ctypes\ndef f(x): return ctypes.CDLL(None).semget(5, 1, 0o1600)", REFUSED),
    "leaves a key": (
        "import ctypes, platform\nnumber = {'x86_64': 248, 'aarch64': 217}[platform.machine()]\n"
        "def f(x): return ctypes.CDLL(None).syscall(number, b'user', b'k', b'v', 1, -4)",
        REFUSED,
    ),
    "leaves a queue": ("import ctypes\ndef f(x): return ctypes.CDLL(None).mq_open(b'/q', 0o102, 0o600, None)", REFUSED),
    "signals by a file": (
        "import fcntl, os\ndef f(x): fcntl.fcntl(os.pipe()[0], fcntl.F_SETOWN, os.getppid())",
        REFUSED,
    ),
    "chooses a file's signal": ("import fcntl, os\ndef f(x): fcntl.fcntl(os.pipe()[0], 10, 9)", REFUSED),
    "signals by a socket": (
        "import fcntl, os, socket, struct\n"
        "def f(x): fcntl.ioctl(socket.socketpair()[0], 0x8901, struct.pack('i', os.getppid()))",
        REFUSED,
    ),
    "limits its parent": ("import os, resource\ndef f(x): resource.prlimit(os.getppid(), 7, (5, 5))", REFUSED),
    "moves its parent": ("import os\ndef f(x): os.sched_setaffinity(os.getppid(), {0})", REFUSED),
    "slows its parent": ("import os\ndef f(x): os.setpriority(os.PRIO_PROCESS, os.getppid(), 19)", REFUSED),
    "aborts": ("import os\ndef f(x): os.abort()", "it was killed by SIGABRT"),
    "kills itself": ("import os\ndef f(x): os.kill(os.getpid(), 15)", "it was killed by SIGTERM"),
    "kills itself by a signal without a name": (
        "import os\ndef f(x): os.kill(os.getpid(), 40)",
        "it was killed by signal 40",
    ),
    "kills its group": ("import os\ndef f(x): os.kill(0, 9)", REFUSED),
    "raises its limits": (
        "import resource\ndef f(x): resource.setrlimit(resource.RLIMIT_CPU, (-1, -1))",
        "ValueError: not allowed to raise maximum limit",
    ),
    "closes its pipe": ("import os\ndef f(x):\n    os.closerange(0, 200)\n    return 1", "it ended without an answer"),
    "writes garbage to its pipe": (
        "import os\ndef f(x):\n    for n in range(3, 30):\n        try: os.write(n, b'\\xff{')\n"
        "        except OSError: pass\n    os._exit(0)",
        "what it answered is no JSON",
    ),
    "answers twice": (
        "import os\ndef f(x):\n    for n in range(3, 30):\n        try: os.write(n, b'{\"value\": 1}')\n"
        "        except OSError: pass\n    return 2",
        "what it answered is no JSON",
    ),
    "forges an answer": (
        "import os\ndef f(x):\n    for n in range(3, 30):\n        try: os.write(n, b'{\"value\": 1}')\n"
        "        except OSError: pass\n    os._exit(0)",
        "what it answered is no answer",
    ),
    "nests without end": (
        "import os\ndef f(x):\n    for n in range(3, 30):\n        try: os.write(n, b'[' * 15_000)\n"
        "        except OSError: pass\n    os._exit(0)",
        "what it answered is no JSON",
    ),
    "ends early": ("import sys\ndef f(x): sys.exit(0)", "it ended without an answer (status 0)"),
    "ends at once": ("import os\nos._exit(3)", "it ended without an answer (status 3)"),
    "breaks the interpreter": ("import ctypes\ndef f(x): ctypes.string_at(0)", "it was killed by SIGSEGV"),
    "returns no JSON": ("def f(x): return object()", "TypeError: Object of type object is not JSON serializable"),
    "is no Python": ("def f(x) return", "SyntaxError: expected ':'"),
    "lacks the function": ("def g(x): return 1", "AttributeError: module 'program' has no attribute 'f'"),
    "lacks a package": ("import not_installed_here\ndef f(x): return 1", "ModuleNotFoundError"),
    "calls itself": ("def f(x): return f(x)", "RecursionError"),
    "raises what is no error": ("def f(x): raise KeyboardInterrupt", "KeyboardInterrupt"),
}


@pytest.fixture(params=[pytest.param(True, marks=NEEDS_BUBBLEWRAP, id="bubblewrap"), pytest.param(False, id="limits")])
def wrapper(request: pytest.FixtureRequest) -> str | None:
    """The bubblewrap of this machine, and none."""
    return bubblewrap() if request.param else None


def children() -> set[str]:
    """The worker processes that there are."""
    workers = set()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if b"sandbox/worker.py" in (process / "cmdline").read_bytes():
                workers.add(process.name)
    return workers


@pytest.mark.parametrize("deed", HOSTILE)
def test_whoever_misbehaves_is_stopped(deed: str) -> None:
    source, reason = HOSTILE[deed]
    patient = replace(LIMITS, seconds=30)  # where the processor's time is what counts
    with Sandbox(source, "f", limits=patient if "processor" in reason else LIMITS) as sandbox:
        outcome = sandbox.call("anything")
    assert isinstance(outcome, Stopped), outcome
    assert outcome.reason.startswith(reason)


@pytest.mark.parametrize("package", ["idlelib.__main__", "this_is_not_there"])
def test_a_package_that_cannot_be_loaded_is_the_programs_own_affair(package: str) -> None:
    with Sandbox(f"def f(x):\n    if x: import {package}\n    return 1", "f", limits=LIMITS) as sandbox:
        assert sandbox.call(0) == Answered(1)
        assert isinstance(sandbox.call(1), Stopped)
        assert sandbox.call(0) == Answered(1)


def test_a_worker_that_was_replaced_leaves_nothing_to_end() -> None:
    sandbox = Sandbox("import time\ndef f(x): time.sleep(x)", "f", limits=replace(LIMITS, seconds=0.1))
    assert isinstance(sandbox.call(60), Stopped)
    assert sandbox._finalizer is None
    sandbox.close()


def test_the_next_item_is_answered_by_the_same_program(wrapper: str | None) -> None:
    source = (
        "import os, time\n"
        "def f(deed):\n"
        "    if deed == 'sleep': time.sleep(60)\n"
        "    if deed == 'fork': os.fork()\n"
        "    if deed == 'flood': print('x' * 100_000)\n"
        "    if deed == 'exit': os._exit(0)\n"
        "    return deed\n"
    )
    deeds = ["a", "sleep", "b", "fork", "c", "flood", "d", "exit", "e"]
    before = children()
    with Sandbox(source, "f", limits=LIMITS, wrapper=wrapper) as sandbox:
        outcomes = [sandbox.call(deed) for deed in deeds]
        assert len(children() - before) >= 1
    assert [each.value for each in outcomes if isinstance(each, Answered)] == ["a", "b", "c", "d", "e"]
    stopped = [deed for deed, each in zip(deeds, outcomes, strict=True) if isinstance(each, Stopped)]
    assert stopped == ["sleep", "fork", "flood", "exit"]
    deadline = time.monotonic() + 5
    while children() - before and time.monotonic() < deadline:
        pass
    assert not children() - before, "nothing is left behind"


def test_an_answer_does_not_depend_on_what_was_asked_before(wrapper: str | None) -> None:
    source = (
        "import json, math\ncount = 0\n"
        "def f(x):\n    global count\n    count += 1\n    json.x = math.pi = math.pi + count\n"
        "    return [math.pi, list({'a', 'b', x})]\n"
    )
    with Sandbox(source, "f", limits=LIMITS, wrapper=wrapper) as one:
        together = [one.call(word) for word in ("c", "d", "c")]
    apart = []
    for word in ("c", "d", "c"):
        with Sandbox(source, "f", limits=LIMITS, wrapper=wrapper) as fresh:
            apart.append(fresh.call(word))
    assert together == apart
    assert all(isinstance(each, Answered) and each.value[0] < 5 for each in together)


@NEEDS_BUBBLEWRAP
def test_nothing_of_this_machine_is_seen_or_written(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("a secret")
    os.environ["A_SECRET"] = "of the environment"
    source = (
        "import os\n"
        "def see(path):\n"
        "    try: return open(path).read() if os.path.isfile(path) else os.listdir(path)\n"
        "    except OSError as error: return type(error).__name__\n"
        "def write(path):\n"
        "    try: open(path, 'w').write('x'); return 'written'\n"
        "    except OSError as error: return type(error).__name__\n"
        "def f(paths):\n"
        "    folders = ('/', '/tmp', '/dev', '/dev/shm', os.path.dirname(os.__file__), '/usr/lib')\n"
        "    places = [write(f'{folder}/x') for folder in folders]\n"
        "    return [[see(path) for path in paths], places, dict(os.environ), os.getpid() < 10]\n"
    )
    secrets = [str(tmp_path / "secret"), str(Path.home()), "/etc/passwd", "/proc", "/tmp", "/home", __file__]
    try:
        with Sandbox(source, "f", limits=LIMITS) as sandbox:
            outcome = sandbox.call(secrets)
    finally:
        del os.environ["A_SECRET"]
    assert isinstance(outcome, Answered), outcome
    seen, written, environment, few_processes = outcome.value
    at_home = [] if isinstance(seen[1], str) else [Path.home() / part for part in seen[1]]
    bound = [Path(place) for place in command.worker_command("bwrap") if place.startswith("/")]
    assert all(any(place.is_relative_to(part) for place in bound) for part in at_home), "but for the interpreter"
    assert set(map(str, (seen[0], *seen[2:4], *seen[5:]))) == {"FileNotFoundError"}
    under_tmp = [] if isinstance(seen[4], str) else [Path("/tmp") / part for part in seen[4]]
    assert all(any(place.is_relative_to(part) for place in bound) for part in under_tmp), "but for the interpreter"
    assert "written" not in written
    assert "A_SECRET" not in environment
    assert few_processes


def test_without_bubblewrap_a_warning_says_that_this_is_no_boundary(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bubblewrap.cache_clear()
    monkeypatch.setenv("PATH", "/nowhere")
    with caplog.at_level(logging.WARNING, "accord.collect"):
        assert bubblewrap() is None
        assert bubblewrap() is None
    assert len(caplog.records) == 1
    assert "this is no boundary" in caplog.text
    with Sandbox("def f(x): return open('/etc/hostname').read()", "f") as sandbox:
        assert isinstance(sandbox.call(0), Answered)
    bubblewrap.cache_clear()


def test_a_bubblewrap_that_does_not_work_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho no namespaces here >&2\nexit 1\n")
    fake.chmod(0o755)
    bubblewrap.cache_clear()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert bubblewrap() is None
    assert "it does not work here (no namespaces here)" in caplog.text
    bubblewrap.cache_clear()


def test_a_sandbox_that_does_not_start_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "WORKER", Path("/nowhere/worker.py"))
    sandbox = Sandbox("def f(x): return x", "f", "judge.py", wrapper=None)
    with pytest.raises(ModelError, match=r"the sandbox for judge\.py does not start: .*can't open file"):
        sandbox.call(1)


def test_a_worker_that_somebody_else_ended_is_replaced(wrapper: str | None) -> None:
    with Sandbox("def f(x): return x", "f", limits=LIMITS, wrapper=wrapper) as sandbox:
        with ThreadPoolExecutor(1) as thread:  # bubblewrap ends with the thread that started it
            assert thread.submit(sandbox.call, 1).result() == Answered(1)
        assert [sandbox.call(n) for n in (2, 3)] == [Answered(2), Answered(3)]


def test_what_a_program_may_do(wrapper: str | None) -> None:
    """Print, use threads, catch its own errors, use the packages that are installed, and hand back a record."""
    source = (
        "import threading, time\nimport numpy as np\nfrom accord.records import Comparison\n"
        "def f(x):\n"
        "    print('{\"value\": 3}')\n"
        "    threading.Thread(target=time.sleep, args=(60,)).start()\n"
        "    try: 1 / 0\n"
        "    except ZeroDivisionError: pass\n"
        "    return Comparison(preferred='left' if np.mean(x) > 1 else 'right')\n"
    )
    with Sandbox(source, "f", limits=Limits(seconds=20), wrapper=wrapper) as sandbox:
        outcome = sandbox.call([1, 2, 3])
        assert isinstance(outcome, Answered), outcome
        assert outcome.value["preferred"] == "left"
        assert isinstance(sandbox.call("x" * 300_000), Stopped), "a long request goes in whole"
