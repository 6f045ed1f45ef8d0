"""Two hundred evaluators at once: how long a page and an answer take over HTTP, and whether anything is lost.

`accord collect` runs as it would for a team, one process on SQLite; the evaluators run in this process. Each comes by
an invite of their own, reads for a while (lognormal, 20 s in the median), sends an answer, is sent on to the next page,
and so on. Afterwards the ledger is compared with what was acknowledged.
"""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np

__all__ = ["Answered", "Crowd", "collect", "running", "write_study"]

BETTER = "Put a spoonful of baking soda on the stain, rub for half a minute, rinse."
WORSE = "Stains come from tannins. Try to wash it in some way, and it will get better."


def write_study(folder: Path, *, items: int, overlap: int) -> Path:
    """A study of comparisons of a few hundred characters."""
    lines = [
        {"prompt": f"How do I clean mug {n}?", "completions": [f"{BETTER * 4} ({n})", f"{WORSE * 4} ({n})"]}
        for n in range(items)
    ]
    (folder / "items.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "study.toml").write_text(
        f'name = "load"\ntitle = "Load"\n'
        f'items_file = "items.jsonl"\noverlap = {overlap}\nsession_items = 10000\n'
        f'[[questions]]\nkind = "comparison"\ntext = "Which helps more?"\n'
    )
    return folder / "study.toml"


def _begun(arguments: Sequence[str]) -> Any:
    """`accord` in a process of its own."""
    command = [sys.executable, "-m", "accord", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)


@contextmanager
def running(
    study: Path, ledger: Path, *, invites: int, port: int = 0, begin: Callable[[Sequence[str]], Any] = _begun
) -> Iterator[tuple[Any, str, list[str]]]:
    """`accord collect` in a process that `begin` begins: the process, its address, and invite links."""
    arguments = ["collect", str(study), "--ledger", str(ledger), "--port", str(port), "--invite", str(invites)]
    with begin(arguments) as server:
        assert server.stdout is not None
        links = []
        try:
            for line in server.stdout:
                if match := re.search(r"/join/(\S+)", line):
                    links.append(match[1])
                if match := re.search(r"listening at (\S+)", line):
                    yield server, match[1], links
                    break
            else:
                raise RuntimeError("accord collect did not start")
        finally:
            if server.poll() is None:
                server.send_signal(signal.SIGINT)


@dataclass
class Answered:
    """What came of a run, from the evaluators' side: times in seconds, and the reservations that were acknowledged."""

    pages: list[float] = field(default_factory=list)
    submits: list[float] = field(default_factory=list)
    acknowledged: Counter[str] = field(default_factory=Counter)
    finished: int = 0


@dataclass(frozen=True)
class Crowd:
    """People who answer `answers_each` items, or until there are no more. `think`: the median think time in seconds."""

    url: str
    links: list[str]
    answers_each: int
    think: float
    seed: int = 0

    async def go(self) -> Answered:
        """All of them at once."""
        out = Answered()
        await asyncio.gather(*(self._person(number, link, out) for number, link in enumerate(self.links)))
        return out

    async def _person(self, number: int, link: str, out: Answered) -> None:
        rng = np.random.default_rng((self.seed, number))
        async with httpx.AsyncClient(base_url=self.url, timeout=120, verify=False) as client:  # no TLS: no CAs to load
            await asyncio.sleep(float(rng.uniform(0, self.think)))  # nobody comes at the same instant
            page = (await client.get(f"/join/{link}")).text
            await client.post(f"/join/{link}", data={"_csrf": _in("_csrf", page), "consent": "1"})
            for _ in range(self.answers_each):
                started = time.perf_counter()
                page = (await client.get("/work")).text
                out.pages.append(time.perf_counter() - started)
                where = re.search(r'action="/work/(r-\w+)"', page)
                if where is None:
                    break
                await asyncio.sleep(float(self.think * rng.lognormal(0, 0.5)))
                form = {"_csrf": _in("_csrf", page), "preferred": str(rng.choice(["left", "right"])), "seconds": "1"}
                started = time.perf_counter()
                answer = await client.post(f"/work/{where[1]}", data=form)
                out.submits.append(time.perf_counter() - started)
                if answer.status_code == 303:
                    out.acknowledged[where[1]] += 1
        out.finished += 1


def _in(name: str, page: str) -> str:
    match = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert match, page[:400]
    return match[1]


def collect(*, people: int = 200, answers_each: int = 10, think: float = 20.0) -> dict[str, Any]:
    """The measurement: figures in milliseconds, and what the ledger holds."""
    from accord.feedback import Ledger

    overlap = 3
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        study = write_study(folder, items=people * answers_each // overlap + people, overlap=overlap)
        with running(study, folder / "people.db", invites=people) as (_, url, links):
            started = time.perf_counter()
            out = asyncio.run(Crowd(url, links, answers_each, think).go())
            seconds = time.perf_counter() - started
        with Ledger(folder / "people.db", write=False) as ledger:
            feedback = list(ledger.feedback())
    most = Counter(record.prompt for record in feedback).most_common(1)[0][1]
    return {
        "people": people,
        "answers_each": answers_each,
        "think_seconds": think,
        "answers": len(feedback),
        "acknowledged": sum(out.acknowledged.values()),
        "most_on_one_item": most,
        "overlap": overlap,
        "answers_a_second": round(len(feedback) / seconds, 1),
        "page_ms": _percentiles(out.pages),
        "submit_ms": _percentiles(out.submits),
        "cores": os.cpu_count(),
        "load_before": round(os.getloadavg()[2], 1),
    }


def _percentiles(seconds: list[float]) -> dict[str, float]:
    low, high, most = np.percentile(seconds, [50, 95, 99]) * 1000
    return {"p50": round(float(low), 1), "p95": round(float(high), 1), "p99": round(float(most), 1)}
