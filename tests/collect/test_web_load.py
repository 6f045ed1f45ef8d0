"""Many people at once, and a server that is killed, over real HTTP against `accord collect`.

Only what is right is asserted here; how long it takes is measured by `python -m benchmarks collect`.
"""

import asyncio
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest
from benchmarks.collect import Crowd, running, write_study

from accord.feedback import Ledger
from accord.records import Feedback
from forked import COLLECTING, DEVNULL, Forked, forked

pytestmark = pytest.mark.slow


def feedback_in(ledger: Path) -> list[Feedback]:
    """What is in the ledger."""
    with Ledger(ledger, write=False) as opened:
        return list(opened.feedback())


def test_a_crowd_loses_nothing_and_asks_nothing_too_often(tmp_path: Path) -> None:
    study = write_study(tmp_path, items=20, overlap=3)
    with running(study, tmp_path / "people.db", invites=25) as (_, url, links):
        out = asyncio.run(Crowd(url, links, answers_each=6, think=0.02).go())
    answers = feedback_in(tmp_path / "people.db")
    assert out.finished == 25
    assert len(answers) == sum(out.acknowledged.values()) == 60  # 20 items by three people: all that there was
    assert set(out.acknowledged.values()) == {1}
    assert set(Counter(answer.prompt for answer in answers).values()) == {3}
    assert max(Counter((answer.evaluator, answer.prompt) for answer in answers).values()) == 1


KILLS = 20


def begin(arguments: Sequence[str]) -> Forked:
    return forked(arguments, imports=COLLECTING, stderr=DEVNULL)


class Stubborn(threading.Thread):
    """Somebody who goes on answering whatever happens to the server, and remembers what was acknowledged."""

    def __init__(self, url: str, link: str, number: int, over: threading.Event) -> None:
        super().__init__()
        self.client = httpx.Client(base_url=url, timeout=30)
        page = self.client.get(f"/join/{link}").text
        self.client.post(f"/join/{link}", data={"_csrf": _token(page), "consent": "1"})
        self.number, self.over = number, over
        self.acknowledged: list[str] = []
        self.unanswered: str | None = None
        self.wrong: list[str] = []

    def run(self) -> None:
        while not self.over.is_set():
            try:
                self._once()
            except httpx.TransportError:
                time.sleep(0.02)  # the server is down; the next one comes on the same port
        self.client.close()

    def _once(self) -> None:
        page = self.client.get("/work").text
        where = re.search(r'action="/work/(r-\w+)"', page)
        if where is None:
            self.wrong.append(page)
            return
        if self.unanswered not in {None, where[1]} and self.unanswered not in self.acknowledged:
            self.acknowledged.append(str(self.unanswered))  # it was taken in, only the answer did not arrive
        self.unanswered = where[1]
        form = {"_csrf": _token(page), "preferred": "left" if self.number % 2 else "right"}
        answer = self.client.post(f"/work/{where[1]}", data=form)
        if answer.status_code == 303:
            self.acknowledged.append(where[1])
            self.unanswered = None
        else:
            self.wrong.append(answer.text)


def _token(page: str) -> str:
    match = re.search(r'name="_csrf" value="(\w+)"', page)
    if match is None:
        raise httpx.TransportError("half a page")
    return match[1]


@pytest.mark.timeout(900)
def test_kill_9_twenty_times_loses_no_acknowledged_answer(tmp_path: Path) -> None:
    study, ledger = write_study(tmp_path, items=800, overlap=1), tmp_path / "people.db"
    over = threading.Event()
    people: list[Stubborn] = []
    port = 0
    for kill in range(KILLS + 1):
        invites = 4 if kill == 0 else 0
        with running(study, ledger, invites=invites, port=port, begin=begin) as (server, url, links):
            port = int(url.rsplit(":", 1)[1])
            if kill == 0:
                people = [Stubborn(url, link, number, over) for number, link in enumerate(links)]
                for person in people:
                    person.start()
            before = sum(len(person.acknowledged) for person in people)
            while sum(len(person.acknowledged) for person in people) < before + 3 + kill % 4:
                time.sleep(0.005)  # some answers into this server's life, in the middle of others
            if kill < KILLS:
                server.send_signal(signal.SIGKILL)
            else:
                over.set()
                for person in people:
                    person.join()
    feedback = feedback_in(ledger)
    assert [person.wrong for person in people] == [[], [], [], []]
    with Ledger(ledger, write=False) as opened, opened.begin() as connection:
        rows = connection.exec_driver_sql("SELECT id, feedback FROM collect_reservations WHERE feedback IS NOT NULL")
        becomes = {row[0]: row[1] for row in rows}
    acknowledged = [name for person in people for name in person.acknowledged]
    assert len(acknowledged) >= 3 * KILLS
    assert set(acknowledged) <= set(becomes)
    assert {becomes[name] for name in acknowledged} <= {record.id for record in feedback}
    assert len(feedback) == len(becomes) == len({(record.evaluator, record.prompt) for record in feedback})
    assert len(feedback) <= len(acknowledged) + len(people)  # at most one more each, whose acknowledgement was killed
