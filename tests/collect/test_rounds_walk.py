"""A loop as somebody has it: three rounds with a program, killed twice, and a fourth that a person answers by hand."""

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from in_browser import CHROMIUM, enter, tab
from small_studies import served

from accord.artefacts import ASKING, ROUNDS, RunReader
from accord.collect import Desk, Study
from accord.feedback import Ledger
from accord.run import RunDirectory
from forked import DEVNULL, TRAINING, Forked, forked
from rounds_run import write_recipe

WEIGHTS = ("sft/model", "reward/model", "policy/model")


def begun(home: Path, *more: str) -> Forked:
    """The run in a process of its own, begun or gone on with."""
    arguments = ["run", str(home / "recipe.toml"), "--out", str(home / "run"), "--resume", "--quiet", *more]
    return forked(arguments, imports=TRAINING, stdout=DEVNULL)


def status(home: Path, *more: str) -> int:
    """How it ends."""
    with begun(home, *more) as process:
        process.communicate()
    return process.wait()


def killed(home: Path, file: str) -> None:
    """Begin or go on, and be killed as soon as the run has written a file."""
    with begun(home) as process:
        while not (home / "run/rounds" / file).exists():
            assert process.poll() is None, process.communicate()
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)


def labels_in(home: Path) -> int:
    with Ledger(home / "feedback.db", write=False) as ledger:
        return sum(record.study == "shorter" and record.repeat_of is None for record in ledger.feedback())


def contents(home: Path) -> dict[str, bytes]:
    """Of every round, the weights, what was asked and the samples."""
    return {
        str(file.relative_to(home)): file.read_bytes()
        for round_ in sorted((home / "run/rounds").iterdir())
        for folder in (*WEIGHTS, "ask", "policy")
        for file in sorted((round_ / folder).rglob("*"))
        if file.is_file() and file.name != "metrics.jsonl"
    }


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_killed_twice_and_then_answered_by_hand(tmp_path: Path) -> None:
    whole, home = tmp_path / "whole", tmp_path / "home"
    for folder in (whole, home):
        write_recipe(folder)
    assert status(whole) == 0
    killed(home, "02/ask/pairs.jsonl")
    killed(home, "03/policy/samples.jsonl")
    assert status(home) == 0
    same, resumed = contents(whole), contents(home)
    assert resumed.keys() == same.keys()
    assert [name for name in same if resumed[name] != same[name]] == []
    assert len([name for name in same if name.endswith("policy/model/model.safetensors")]) == 3
    assert labels_in(home) == labels_in(whole) == 20

    people = ["--loop.rounds", "4", "--loop.budget", "24", "--loop.evaluators", '[{by="people", labels=4}]']
    assert status(home, *people) == 4
    manifest = json.loads((home / "run/manifest.json").read_text())
    assert "4 pairs wait for people" in manifest["waiting"]["rounds"]
    assert answered_by_hand(home) == 4
    assert status(home, *people) == 0
    assert contents(home) | same == contents(home)  # the first three rounds stayed as they were
    with RunDirectory.open(home / "run", write=False) as run:
        summary = ROUNDS.read(run)
    assert [row.labels for row in summary.rounds] == [0, 12, 8, 4]
    assert summary.spent == labels_in(home) == 24
    with RunDirectory.open(home / "run/rounds/04", write=False) as run:
        assert ASKING.read(run).learns_anew
        kinds = {each.kind for each in RunReader(run).evaluators.values()}
    assert "person" in kinds


def answered_by_hand(home: Path) -> int:
    """Somebody opens the study in a browser and chooses by keyboard until there is nothing left; how often."""
    from playwright.sync_api import sync_playwright

    done = 0
    with Ledger(home / "feedback.db", pooled=True) as ledger, sync_playwright() as playwright:
        desk = Desk(Study.load(home / "study.toml"), ledger)
        desk.load_items()
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        with served(desk) as url, tab(browser, url) as page:
            enter(page, desk)
            while page.locator("form.judge").count():
                page.keyboard.press("1")
                answer(page)
                done += 1
        browser.close()
    return done


def answer(page: Any) -> None:
    """Send what is chosen, and wait for the next, or for the end."""
    before = page.locator("form.judge").get_attribute("action")
    page.keyboard.press("Enter")
    page.wait_for_function(
        "before => document.querySelector('form.judge')?.getAttribute('action') !== before", arg=before
    )
    page.wait_for_load_state()
