"""`accord serve` from the command line."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

from accord.cli import run


def test_serving_until_ctrl_c() -> None:
    command = [sys.executable, "-m", "accord", "serve", "tiny", "--port", "0", "--dtype", "float32"]
    environment = {**os.environ, "ACCORD_TOKEN": "secret"}
    server = subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell that runs this in the background has Ctrl-C ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        assert server.stdout is not None
        line = server.stdout.readline()
        found = re.fullmatch(r"tiny at (http://127.0.0.1:\d+/v1)  token secret\n", line)
        assert found, line
        body = json.dumps({"model": "tiny", "prompt": "abc", "max_tokens": 3}).encode()
        request = urllib.request.Request(
            f"{found[1]}/completions", data=body, headers={"authorization": "Bearer secret"}
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            assert json.load(response)["object"] == "text_completion"
        server.send_signal(signal.SIGINT)
        _, said = server.communicate(timeout=60)
    finally:
        server.kill()
        server.communicate()
    assert (server.returncode, said) == (0, "")


def test_a_port_that_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert run(["serve", "tiny", "--port", str(port)]) == 2
    assert re.search(rf"127.0.0.1:{port}: cannot listen there \(.+\); choose another --port", capsys.readouterr().err)


def test_no_token_is_for_this_machine_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["serve", "tiny", "--host", "0.0.0.0", "--no-token"]) == 2
    assert "leave --no-token out" in capsys.readouterr().err


def test_a_model_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["serve", "./nowhere", "--port", "0"]) == 2
    assert "no such model folder" in capsys.readouterr().err
