"""kill -9 while a machine is asked, and a server hostile in every way: nothing is asked twice, no pair is made."""

import json
import os
import signal
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from small_studies import lay_out

from accord.cli import run
from accord.feedback import Ledger, draw_pairs
from forked import COLLECTING, DEVNULL, finished, forked
from talking_server import SILENCE, answer_key, talking


def arguments(study: Path, ledger: Path, url: str, *more: str) -> list[str]:
    where = ["ask", str(study), "--ledger", str(ledger), "--by", f"model:{url}"]
    return [*where, "--resume", "--retries", "0", *more]


def said_first(body: dict[str, Any]) -> str:
    return f"ANSWER {answer_key(body)}: A"


@pytest.mark.slow
def test_what_is_killed_asks_again_what_was_under_way_and_nothing_else(tmp_path: Path) -> None:
    study, ledger = lay_out(tmp_path), tmp_path / "l.db"
    enough, kills, parallel = threading.Semaphore(0), (3, 8), 3

    def reply(body: dict[str, Any]) -> str:
        enough.release()
        return said_first(body)

    with talking(reply) as (url, bodies):
        command = arguments(study, ledger, url, "--parallel", str(parallel))
        for requests in kills:
            process = forked(command, imports=COLLECTING, stdout=DEVNULL, stderr=DEVNULL)
            for _ in range(requests):
                assert enough.acquire(timeout=60)
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            while enough.acquire(blocking=False):
                pass
        assert finished(command, imports=COLLECTING).returncode == 0
        before = len(bodies)
        assert run(arguments(study, ledger, url)) == 0  # nothing is left
    assert len(bodies) == before
    asked = Counter(json.dumps(body) for body in bodies)
    assert len(asked) == 16
    under_way = 2 * parallel * len(kills)  # both orders of as many items as are under way, at each kill
    assert sum(asked.values()) - 16 <= under_way
    with Ledger(ledger, write=False) as opened:
        feedback = list(opened.feedback())
        assert draw_pairs(opened).pairs == ()
    assert len(feedback) == len({(record.prompt, record.completions) for record in feedback}) == 16


def test_a_hostile_server_makes_no_pair(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study, ledger = lay_out(tmp_path), tmp_path / "l.db"
    answers: list[Any] = [*[said_first] * 4, (500, "no"), (200, "{]"), SILENCE]

    def reply(body: dict[str, Any]) -> Any:
        answer = answers.pop(0) if answers else said_first
        return answer(body) if callable(answer) else answer

    with talking(reply) as (url, bodies):
        command = arguments(study, ledger, url, "--parallel", "1", "--timeout", "0.3", "--json")
        assert run(command) == 2
        printed = capsys.readouterr()
        counts = json.loads(printed.out)
        assert (counts["answered"], counts["failed"], counts["left"]) == (2, 3, 3)
        assert all(url in failure for failure in counts["failures"])
        assert url in printed.err
        assert run(command) == 0
    asked = Counter(json.dumps(body) for body in bodies)
    assert Counter(asked.values()) == {1: 13, 2: 3}  # twice: what failed
    with Ledger(ledger, write=False) as opened:
        drawn = draw_pairs(opened)
    assert (drawn.pairs, drawn.unused) == ((), {"asked again": 8, "differs by order": 8})
