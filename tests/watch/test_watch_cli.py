"""`accord watch` on the command line: on one screen, as JSON, and as a server that ends by Ctrl-C."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from accord.cli import run as accord


def test_once_prints_one_screen_and_ends(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert accord(["watch", str(trained), "--once"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("letters  stopped")
    assert "policy" in printed
    assert "memory" in printed
    assert " MB" in printed or " GB" in printed
    assert max(map(len, printed.splitlines())) <= 110


def test_json_is_json_alone(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert accord(["watch", str(trained), "--json"]) == 0
    numbers = json.loads(capsys.readouterr().out)
    assert numbers["state"] == "stopped"
    assert [stage["name"] for stage in numbers["stages"]][:2] == ["data", "sft"]
    assert numbers["measures"]["KL to the start, nats a text"]["n"] > 0
    (policy,) = [stage for stage in numbers["stages"] if stage["name"] == "policy"]
    assert policy["peak_memory_bytes"] > 1_000_000
    assert "peak_gpu_memory_bytes" in policy


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["none", "--once"], "there is no run here"),
        (["--once", "--json"], "give one of them"),
        (["--round", "rounds/01"], "is for --once and --json"),
        (["--round", "rounds/01", "--once"], "no round 'rounds/01'"),
        (["--prefix", "rounds/09", "--once"], "with stages below rounds/09/"),
        (["--host", "0.0.0.0", "--no-token"], "--no-token with --host 0.0.0.0"),
    ],
)
def test_what_cannot_be_shown_is_refused(
    trained: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    run = [] if arguments[0] == "none" else [str(trained)]
    assert accord(["watch", *run, *arguments]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.slow
def test_it_serves_until_ctrl_c(trained: Path) -> None:
    command = [sys.executable, "-m", "accord", "watch", str(trained), "--port", "0", "--no-token"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        address = process.stdout.readline().rpartition(" at ")[2].strip()
        with urllib.request.urlopen(address, timeout=60) as response:
            assert "KL to the start" in response.read().decode()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0
