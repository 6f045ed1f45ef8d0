"""Who works on a run: said by the lock, whatever its file says."""

import os
import socket
import threading
from pathlib import Path

import pytest

from accord.errors import ArtefactError
from accord.run import LOCK, Holder, RunDirectory, holder_of
from accord.run.lock import take_lock


def test_whoever_holds_a_run_is_known_while_they_do(tmp_path: Path) -> None:
    assert holder_of(tmp_path) is None
    with RunDirectory.create(tmp_path / "run") as run:
        holder = holder_of(run.path)
        assert holder is not None
        assert (holder.pid, holder.host) == (os.getpid(), socket.gethostname())
        assert holder.since is not None
        assert holder.since.isoformat(timespec="seconds") >= run.manifest.created
        with pytest.raises(ArtefactError, match="another process is working on this run"):
            RunDirectory.open(run.path)
        assert holder_of(run.path) == holder
    assert holder_of(run.path) is None


@pytest.mark.parametrize("content", [b"", b"7", b'{"pid": "x"}', b'{"pid": 7, "host": "h", "since": "never"}', b"\xff"])
def test_a_holder_that_does_not_say_who_it_is_still_holds(tmp_path: Path, content: bytes) -> None:
    handle = take_lock(tmp_path)
    (tmp_path / LOCK).write_bytes(content)
    assert holder_of(tmp_path) == Holder()
    os.close(handle)
    assert holder_of(tmp_path) is None


def test_whoever_only_looks_does_not_keep_a_process_out(tmp_path: Path) -> None:
    RunDirectory.create(tmp_path / "run").close()
    looking, looks = threading.Event(), list[bool]()

    def look() -> None:
        while not looking.is_set():
            looks.append(holder_of(tmp_path / "run") is not None)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        for _ in range(50):
            RunDirectory.open(tmp_path / "run").close()  # raises where a look kept it out
    finally:
        looking.set()
        thread.join()
    assert looks
    assert holder_of(tmp_path / "run") is None


def test_steps_and_reasons_are_of_a_stage_that_is_not_finished(tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path / "run") as run:
        run.begin("policy")
        run.plan("policy", 10)
        run.plan("policy-helpful", 5)
        run.plan("reward", 3)
        run.stop("policy", "stopped by Ctrl-C")
        run.stop("reward", "the loss is nan")
        run.begin("policy")
        assert run.manifest.stopped == {"reward": "the loss is nan"}
        run.finish("policy", "s", 1.0)
        assert run.manifest.steps == {"reward": 3}
        run.forget("reward")
        assert (run.manifest.steps, run.manifest.stopped) == ({}, {})
    with RunDirectory.open(run.path, write=False) as again, pytest.raises(ArtefactError, match="reading only"):
        again.plan("reward", 3)
