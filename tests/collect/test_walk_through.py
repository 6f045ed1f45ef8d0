"""The walk-through of docs/collect.md, command by command: from `accord init` to a reward model."""

import asyncio
import json
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest
from benchmarks.collect import Crowd

from accord.cli import run
from accord.feedback import Ledger

PAGE = Path(__file__).parents[2] / "docs" / "collect.md"


def commands() -> list[list[str]]:
    """The commands of the walk-through, in order."""
    section = PAGE.read_text().split("## From nothing to a reward model")[1].split("\n## ")[0]
    blocks = re.findall(r"```sh\n(.*?)```", section, re.S)
    return [shlex.split(line)[1:] for block in blocks for line in block.splitlines() if line.startswith("accord ")]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_from_init_to_a_reward_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    init, supervise, collect, learn = commands()
    assert run(init) == 0
    assert run(supervise) == 0
    collected(collect)
    assert run(learn) == 0
    with Ledger("first/people.db", write=False) as ledger:
        feedback, completions = list(ledger.feedback()), ledger.completions()
    compared = [record for record in feedback if record.judgement.kind == "comparison"]
    assert len(compared) == 50
    written = [completions[name] for record in compared for name in record.completions]
    assert all(text.writer and text.sampling and text.sampling.max_tokens == 24 and text.token_ids for text in written)
    assert Path("runs/people/reward/model").is_dir()
    pairs = [json.loads(line) for line in Path("runs/people/data/pairs-train.jsonl").read_text().splitlines()]
    assert {name for pair in pairs for name in pair["feedback_ids"]} <= {record.id for record in compared}
    assert all(pair["evaluator"] for pair in pairs)


def collected(arguments: list[str]) -> None:
    """`accord collect`, and the people of its links, until all is answered."""
    command = [sys.executable, "-m", "accord", *arguments, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        try:
            output = read_until(server.stdout, "listening at ")
            assert re.search(r"/admin  name kim  password \S{16}", output)
            links, url = re.findall(r"/join/(\S+)", output), output.rsplit("listening at ", 1)[1].strip()
            assert len(links) == 4
            out = asyncio.run(Crowd(url, links, answers_each=60, think=0.01).go())
            assert sum(out.acknowledged.values()) == 50
        finally:
            server.send_signal(signal.SIGINT)


def read_until(stream: IO[str], word: str) -> str:
    """What a process prints, up to the line with that word."""
    output = ""
    for line in stream:
        output += line
        if word in line:
            return output
    raise AssertionError(output)
