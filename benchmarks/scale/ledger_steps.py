"""What is done with a ledger of so many acts of judgement, each step as users take it."""

import shutil
from itertools import islice
from pathlib import Path
from typing import Any

from accord.feedback import Ledger
from benchmarks.scale.world import ACTS, acts_of, records

__all__ = ["LEDGER_STEPS", "ledger_step"]

LOT = 10_000  # records of one transaction
LEDGER_STEPS = ("append", "resume", "data", "learn", "quality")


def ledger_step(step: str, location: str, size: int, folder: Path) -> dict[str, Any]:
    """One of the steps with a ledger of `size` records; the others before it have been taken."""
    acts = acts_of(size)
    match step:
        case "append":
            return _append(location, acts)
        case "resume":
            return _resume(location, acts)
        case "data":
            return _data(location, folder)
        case "learn":
            return _learn(folder)
        case "quality":
            return _quality(location, folder)
        case _:
            raise ValueError(step)


def _append(location: str, acts: int) -> dict[str, Any]:
    """Nine tenths of all records, in transactions of 10,000."""
    source = records(acts * 9 // 10 // ACTS * ACTS)
    with Ledger(location) as ledger:
        while lot := list(islice(source, LOT)):
            ledger.extend(lot)
        return {"rows": sum(ledger.counts().values())}


def _resume(location: str, acts: int) -> dict[str, Any]:
    """An import that was broken off after nine tenths is made again: what is there stays, the rest enters."""
    from accord.feedback.store.lots import import_records

    with Ledger(location) as ledger:
        counts = import_records(ledger, records(acts))
        return {"rows": sum(ledger.counts().values()), "new": sum(counts.new.values())}


def _data(location: str, folder: Path) -> dict[str, Any]:
    """The stage `data` of a run: pairs, splits, examples, and the files of a run."""
    from accord.loop.data import data
    from accord.loop.stage import Context
    from accord.recipe import Data, Recipe
    from accord.run import RunDirectory

    shutil.rmtree(folder / "run", ignore_errors=True)
    recipe = Recipe(data=Data(ledger=location, supervised="all"))
    with RunDirectory.create(folder / "run", seed=0) as run:
        data(Context(recipe, run, stage="data"))
        return {"file_mb": round(sum(path.stat().st_size for path in run.path.rglob("*.jsonl")) / 1e6)}


def _learn(folder: Path) -> dict[str, Any]:
    """What a supervised start and a policy begin with: the examples of the run as tokens (of `tiny`), its prompts."""
    from accord.feedback import read_data
    from accord.lm import load
    from accord.policy.materials import Materials
    from accord.policy.supervised import tokenize
    from accord.run import RunDirectory

    causal = load("tiny")
    causal.cuts = True  # its tokens are characters
    with RunDirectory.open(folder / "run", write=False) as run:
        materials = Materials(data=read_data(run))
        answers = tokenize(causal, materials.examples)
        return {"examples": len(answers), "prompts": len(materials.prompts)}


def _quality(location: str, folder: Path) -> dict[str, Any]:
    """`accord quality LEDGER --html PAGE`."""
    from contextlib import redirect_stdout

    from accord.cli.quality import quality

    with (folder / "quality.txt").open("w") as text, redirect_stdout(text):
        quality(location, html=folder / "quality.html")
    return {"page_mb": round((folder / "quality.html").stat().st_size / 1e6, 1)}
