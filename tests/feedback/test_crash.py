"""What was acknowledged is there after `kill -9`, and whole; many writers stand in the order of their commits."""

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from raw import rows
from said import completion, person, prompt, rating

from accord.feedback import Ledger
from accord.records import Record

pytestmark = pytest.mark.slow
KILLS = {"sqlite": 20, "postgresql": 5}

WRITER = """
    import sys
    sys.path.insert(0, {tests!r})
    from test_crash import acts
    from accord.feedback import Ledger
    with Ledger({where!r}, pooled={pooled}) as ledger:
        for number in range(10**6):
            ledger.extend(acts("{who}", number))
            print(number, flush=True)
"""


def acts(who: str, number: int) -> list[Record]:
    """One transaction: everything about three ratings of one text, which stand or fall together."""
    asked, by = prompt(f"{who} asks {number}"), person(who)
    about = completion(asked, f"{who} writes {number}")
    return [asked, by, about, *(rating(by, about, float(value), session=f"{who}/{number}") for value in range(3))]


@pytest.mark.timeout(300)
def test_a_killed_writer_loses_nothing_that_was_acknowledged(where: Path | str) -> None:
    kind = "sqlite" if isinstance(where, Path) else "postgresql"
    chance = random.Random(4)
    Ledger(where).close()
    promised: set[str] = set()
    for kill in range(KILLS[kind]):
        promised |= _killed(str(where), f"writer-{kill}", 1 + chance.randrange(60), pooled=kill % 2 == 0)
        with Ledger(where, timeout=20) as ledger:
            said = list(ledger.feedback())
            whole = {each.session for each in said}
            assert promised <= whole
            assert len(said) == 3 * len(whole) == ledger.last_row
            assert len(whole) <= len(promised) + kill + 1  # at most the one that was on its way, each time
            assert ledger.counts()["prompts"] == ledger.counts()["completions"] == len(whole)
    if kind == "sqlite":
        assert rows(where, "PRAGMA integrity_check") == [("ok",)]
        assert rows(where, "PRAGMA foreign_key_check") == []


def _killed(where: str, who: str, after: int, *, pooled: bool) -> set[str]:
    """The transactions that a writer had acknowledged when it was killed, which was after it said so `after` times."""
    here = str(Path(__file__).parent)
    code = textwrap.dedent(WRITER.format(tests=here, where=where, who=who, pooled=pooled))
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout as said:
        numbers = [int(said.readline()) for _ in range(after)]
        os.kill(process.pid, signal.SIGKILL)
        numbers += [int(line) for line in said if line.endswith("\n")]
    assert process.wait(30) == -signal.SIGKILL
    return {f"{who}/{number}" for number in numbers}


def _write(where: str, who: int) -> None:
    with Ledger(where, timeout=120, pooled=True) as ledger:
        for number in range(250):
            ledger.extend(acts(str(who), number))


@pytest.mark.timeout(300)
def test_four_processes_insert_a_thousand_times_in_the_order_of_commits(where: Path | str) -> None:
    """A reader that looks on sees the rows 1..n with no gap, and never another record where it saw one."""
    Ledger(where).close()
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_write, args=(str(where), who)) for who in range(4)]
    for process in processes:
        process.start()
    seen: list[tuple[int, str]] = []
    while any(process.is_alive() for process in processes):
        now = rows(where, 'SELECT "row", id FROM feedback ORDER BY "row"')
        assert now[: len(seen)] == seen
        assert [row for row, _ in now] == list(range(1, len(now) + 1))
        assert len(now) % 3 == 0
        seen = now
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0, 0]
    with Ledger(where, write=False) as ledger:
        said = list(ledger.feedback())
        assert len({each.id for each in said}) == len(said) == ledger.last_row == 3000
        assert ledger.counts()["completions"] == 1000
        for who in range(4):
            mine = [each.session for each in said if str(each.session).startswith(f"{who}/")]
            assert list(dict.fromkeys(mine)) == [f"{who}/{number}" for number in range(250)]
