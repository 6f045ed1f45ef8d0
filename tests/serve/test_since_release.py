"""From a run to its deployment and back: served and recorded over HTTP, held against the release; and killed."""

import json
import os
import re
import signal
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from running_server import Served, serving

from accord.artefacts import SINCE_RELEASE, Verdict
from accord.audit import Evidence, examine
from accord.audit.deployment.since_release import write_since_release
from accord.cli import run as run_command
from accord.cli.recording import recording_to, serving_session
from accord.cli.serving import open_model
from accord.feedback import Ledger
from accord.feedback.deployment.recording_policy import RecordingPolicy
from accord.feedback.deployment.recordings import read_recordings
from accord.lm.settings import ModelSettings
from accord.loop.progress import ProgressDisplay
from accord.loop.rewards import judges_of
from accord.loop.stage import Context
from accord.run import RunDirectory
from accord.serve import Worker
from forked import SERVING, Forked, forked
from small_run import RECIPE, make_run


def ask(served: Served, number: int, **more: Any) -> None:
    messages = [{"role": "user", "content": f"Write something about {number % 7} and {number}."}]
    body = {"model": "run", "messages": messages, "max_tokens": 10, "seed": number, "user": f"u{number % 20}", **more}
    status, answer = served.post("/v1/chat/completions", body)
    assert status == 200, answer


@pytest.mark.slow
def test_a_run_is_served_recorded_and_held_against_its_release(tmp_path: Path) -> None:
    run, ledger = tmp_path / "run", str(tmp_path / "since.db")
    make_run(run)
    for stage, count, settings in (("policy", 70, {}), ("policy", 70, {"temperature": 0.0}), ("sft", 5, {})):
        session = serving_session(str(run), stage, RecordingPolicy(share=1.0), label="run", dtype="float32")
        causal = open_model(str(run), stage, ModelSettings(dtype="float32", device="cpu"))
        with recording_to(ledger, session) as recorder, serving(Worker(causal), "run", recorder=recorder) as served:
            for number in range(count):
                ask(served, number, **settings)
    with RunDirectory.open(run) as opened:
        judges = judges_of(Context(RECIPE, opened, ProgressDisplay(quiet=True)))
        report = examine(opened, judges=judges, only=("X8",), since=ledger)
        write_since_release(opened, ledger, report.findings)
        since = SINCE_RELEASE.read(opened)
        evidence = Evidence(opened, judges, since=ledger)
        assert evidence.recordings.sessions[0][0].model == since.sessions[0].model
    by_name = {finding.check: finding for finding in report.findings}
    for name in ("rewards", "refusals", "period"):
        finding = by_name[name]
        assert finding.verdict is not Verdict.NOT_ASSESSABLE, finding.needs
        assert finding.facts["recorded answers"].value == 140
        assert finding.facts["left out: answers of another model"].value == 5
    assert "prompts of different texts" in by_name["prompts"].needs  # the little run knows a dozen prompts
    assert [(each.of_release, each.records) for each in since.sessions] == [(True, 70), (True, 70), (False, 5)]
    assert by_name["rewards"].facts["sampled as at the release"].value == pytest.approx(0.5)


def started(ledger: Path, *more: str) -> tuple[Forked, str, list[str]]:
    """A server in a process of its own; its address, and what it printed before."""
    command = ["serve", "tiny", "--port", "0", "--dtype", "float32"]
    command += ["--record", str(ledger), "--record-share", "1", *more]
    server = forked(command, env={**os.environ, "ACCORD_TOKEN": "secret"}, imports=SERVING)
    assert server.stdout is not None
    lines = []
    while not (address := re.fullmatch(r"tiny at (http://127.0.0.1:\d+/v1)  token secret\n", line := _line(server))):
        lines.append(line)
    return server, address[1], lines


def _line(server: Forked) -> str:
    assert server.stdout is not None
    line = server.stdout.readline()
    assert line, server.communicate()[1]
    return line


def _post(url: str, **body: Any) -> Any:
    headers = {"authorization": "Bearer secret", "content-type": "application/json"}
    request = urllib.request.Request(url, data=json.dumps(body).encode(), headers=headers)
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)


def _forget(url: str) -> None:
    request = urllib.request.Request(url, headers={"authorization": "Bearer secret"}, method="DELETE")
    urllib.request.urlopen(request, timeout=60).close()


def test_what_is_recorded_survives_a_kill_and_is_told_at_the_end(tmp_path: Path) -> None:
    ledger = tmp_path / "since.db"
    server, url, lines = started(ledger)
    try:
        assert lines[-1].startswith(f"recording to {ledger}: 1 of requests, drawn by their ids")
        names = [_post(f"{url}/completions", model="tiny", prompt="abc", max_tokens=2)["id"] for _ in range(12)]
        with pytest.raises(urllib.error.HTTPError, match="404"):
            _forget(f"{url}/completions/nobody")  # answered once what waited before it is written down
        names += [_post(f"{url}/completions", model="tiny", prompt="abc", max_tokens=2)["id"] for _ in range(8)]
    finally:
        server.kill()
        _, said = server.communicate()
    assert "the policy names no `notice`" in said
    kept = [one.name for one in read_recordings(ledger).answers]
    assert len(kept) >= 12, "those that were written down before the last few"
    assert kept == names[: len(kept)]
    server, url, _ = started(ledger)
    try:
        _post(f"{url}/completions", model="tiny", prompt="abc", max_tokens=2)
        server.send_signal(signal.SIGINT)
        told, _ = server.communicate(timeout=60)
    finally:
        server.kill()
        server.communicate()
    assert told == "recorded 1 of 1 requests (0 may not be recorded, 0 were lost)\n"
    with Ledger(ledger, write=False) as opened:
        assert opened.rows() == 0
    assert len(read_recordings(ledger).answers) == len(kept) + 1


def test_options_of_recording_belong_to_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for option in (["--record-share", "0.5"], ["--record-policy", "p.toml"]):
        assert run_command(["serve", "tiny", "--port", "0", *option]) == 2
        assert "add --record LEDGER" in capsys.readouterr().err
    assert run_command(["serve", "tiny", "--port", "0", "--record", "l.db", "--record-share", "2"]) == 2
    assert "--record-share share: " in capsys.readouterr().err
    (tmp_path / "p.toml").write_text("shares = 1")
    record = ["--record", str(tmp_path / "l.db"), "--record-policy", str(tmp_path / "p.toml")]
    assert run_command(["serve", "tiny", "--port", "0", *record]) == 2
    assert "p.toml shares: no such key; did you mean 'share'" in capsys.readouterr().err
    assert not (tmp_path / "l.db").exists()
