"""`accord serve` from the command line."""

import json
import os
import re
import signal
import socket
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from accord.cli import run
from accord.feedback import Ledger
from forked import SERVING, forked

STUDY = """
name = "chat"
title = "Chat"
consent = "What you say is kept."
chat = { agreed = "by the terms" }
[[questions]]
kind = "comparison"
text = "Which is better?"
"""


def test_serving_until_ctrl_c(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text(STUDY)
    command = ["serve", "tiny", "--port", "0", "--dtype", "float32"]
    command += ["--collect", str(tmp_path / "study.toml"), "--ledger", str(tmp_path / "l.db")]
    environment = {**os.environ, "ACCORD_TOKEN": "secret"}
    server = forked(command, env=environment, imports=SERVING)
    try:
        assert server.stdout is not None
        line = server.stdout.readline()
        found = re.fullmatch(r"tiny at (http://127.0.0.1:\d+/v1)  token secret\n", line)
        assert found, line
        assert _post(f"{found[1]}/completions", model="tiny", prompt="abc", max_tokens=3)["object"] == "text_completion"
        chat = [{"role": "user", "content": "abc"}]
        answer = _post(f"{found[1]}/chat/completions", model="tiny", messages=chat, max_tokens=3, user="anna")
        _post(f"{found[1]}/feedback", id=answer["id"], user="anna", thumb="up")
        server.send_signal(signal.SIGINT)
        _, said = server.communicate(timeout=60)
    finally:
        server.kill()
        server.communicate()
    assert (server.returncode, said) == (0, "")
    with Ledger(tmp_path / "l.db", write=False) as ledger:
        assert ledger.rows() == 1


def _post(url: str, **body: Any) -> Any:
    headers = {"authorization": "Bearer secret", "content-type": "application/json"}
    request = urllib.request.Request(url, data=json.dumps(body).encode(), headers=headers)
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)


def test_feedback_needs_a_study_and_a_ledger(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["serve", "tiny", "--port", "0", "--ledger", "l.db"]) == 2
    assert "--collect STUDY: missing" in capsys.readouterr().err
    assert run(["serve", "tiny", "--port", "0", "--collect", "study.toml"]) == 2
    assert "--ledger FILE: missing" in capsys.readouterr().err


def test_what_cannot_be_served_leaves_no_ledger_behind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study, torn, chatless = (tmp_path / f"{name}.toml" for name in ("study", "torn", "chatless"))
    study.write_text(STUDY)
    torn.write_text("name = ")
    chatless.write_text(STUDY.replace("chat = {", "#"))
    for model, path, message in (
        ("tiny", torn, "torn.toml"),
        ("tiny", chatless, "study.chat: missing"),
        ("./nowhere", study, "there is no run and no model here"),
    ):
        command = ["serve", model, "--port", "0", "--collect", str(path), "--ledger", str(tmp_path / "l.db")]
        assert run(command) == 2
        assert message in capsys.readouterr().err
        assert not list(tmp_path.glob("l.db*"))


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
    assert "./nowhere: there is no run and no model here" in capsys.readouterr().err
