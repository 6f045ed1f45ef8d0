"""`accord collect --watch RUN` as it is typed: a process that serves a study and, to whoever runs it, a run's page."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from in_browser import CHROMIUM, tab
from small_studies import PASSWORD, Visitor, lay_out

from accord.cli import run as accord
from accord.run import RunDirectory

pytestmark = pytest.mark.slow


@pytest.fixture
def run(tmp_path: Path) -> Iterator[RunDirectory]:
    """A run whose policy is being trained, in this process."""
    with RunDirectory.create(tmp_path / "run") as opened:
        opened.begin("policy")
        opened.plan("policy", 10)
        opened.log("policy/metrics.jsonl").append({"step": 1, "reward": 0.25}, {"step": 2, "reward": 0.75})
        yield opened


@contextmanager
def collecting(folder: Path, *more: str) -> Iterator[tuple[str, str]]:
    """The command at work: the address that it tells, and the token of an invite that it prints."""
    command = [sys.executable, "-m", "accord", "collect", str(lay_out(folder)), "--ledger", str(folder / "people.db")]
    command += ["--port", "0", "--admin", "kim", "--invite", "1", *more]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "ACCORD_PASSWORD": PASSWORD,
    }
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        told = ""
        for line in process.stdout:
            told += line
            if line.startswith("listening at "):
                break
        try:
            yield told.split()[-1], re.findall(r"/join/(\S+)", told)[-1]
        finally:
            process.send_signal(signal.SIGINT)
            process.stdout.read()
            assert process.wait(60) in {0, 130}


def test_whoever_runs_the_study_sees_the_run_grow_and_nobody_else_sees_it(tmp_path: Path, run: RunDirectory) -> None:
    with (
        collecting(tmp_path, "--watch", str(run.path)) as (url, invite),
        httpx.Client(base_url=url, timeout=120) as at_admin,
        httpx.Client(base_url=url, timeout=120) as at_home,
    ):
        admin, person = Visitor(at_admin), Visitor(at_home)
        assert "step 2 of 10" not in admin.get("/admin/run").text, "nobody is signed in"
        assert 'href="/admin/run"' in admin.sign_in().text
        assert "step 2 of 10" in admin.get("/admin/run").text
        run.log("policy/metrics.jsonl").append({"step": 3, "reward": 0.5})
        assert "step 3 of 10" in admin.get("/admin/run").text
        assert admin.get("/static/watch.js").headers["content-type"].startswith("text/javascript")
        run.wait("policy", "8 completions wait for people")
        run.close()  # as a run does that waits
        assert "8 completions wait for people" in admin.get("/admin/run").text
        person.join(invite)
        for path in ("/admin/run", "/work", "/"):
            assert "8 completions wait" not in person.get(path).text
        assert person.answer(preferred="left").status_code == 200
    assert (run.path / "policy/metrics.jsonl").read_text().count("\n") == 3, "looking writes nothing"


def test_a_run_that_is_not_there_is_refused_before_anything_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = tmp_path / "people.db"
    watched = ["--watch", str(tmp_path / "none")]
    assert accord(["collect", str(lay_out(tmp_path)), "--ledger", str(ledger), "--port", "0", *watched]) == 2
    assert "there is no run here" in capsys.readouterr().err
    assert not ledger.exists()


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
def test_the_page_renews_itself_in_a_browser(tmp_path: Path, run: RunDirectory, browser: Any) -> None:
    with collecting(tmp_path, "--watch", str(run.path)) as (url, _), tab(browser, url) as page:
        page.goto("/admin")
        page.fill("input[name=name]", "kim")
        page.fill("input[name=password]", PASSWORD)
        page.press("input[name=password]", "Enter")
        page.click("a[href='/admin/run']")
        page.wait_for_selector("text=step 2 of 10")
        run.log("policy/metrics.jsonl").append({"step": 3, "reward": 0.5})
        page.wait_for_selector("text=step 3 of 10", timeout=120_000)
