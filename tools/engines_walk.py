"""One recipe of three rounds by one process, by two of torchrun and by a Ray cluster: how far the three runs are apart.

    python -m tools.engines_walk FOLDER [--rounds 3] [--samplers 1] [--judges 1]

Each way has a folder of its own, with the starter's recipe, a crowd that is a program, and a ledger of its own. The
table says of each round and stage the largest difference of a logged number (of what is above 1, in parts of it) and of
a weight, and whether the texts are the same, token by token. Ends with status 1 where texts or verdicts differ, or
numbers by more than 1e-3. What the head's bias is, of which comparisons say nothing, is left out.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

from safetensors.torch import load_file

__all__ = ["Apart", "compare", "main"]

CROWD = """
def shorter(item):
    left, right = (each["text"] for each in item["completions"])
    return {"kind": "comparison", "preferred": "left" if (len(left), left) < (len(right), right) else "right"}
"""
STUDY = """
name = "asked"
title = "Which answer helps more?"
items_file = "asked.jsonl"

[[questions]]
kind = "comparison"
text = "Which answer would help you more?"
"""
LOOP = """
[loop]
rounds = {rounds}
budget = 200
study = "asked.toml"
evaluators = [{{ by = "program:crowd.py:shorter", labels = 12 }}]
sampling = {{ max_tokens = 24 }}
"""
FLOAT32 = ("sft.dtype", "reward.dtype", "policy.dtype", "evaluate.judge.dtype")
STAGES = ("sft", "reward", "policy")
WAY = {"seconds", "samples_lag", "samples_wait", "hand_over_bytes", "hand_over_seconds", "weights_step"}
"""Columns that say how a step came about."""
FREE = {"bias", "normalisation", "penalty"}
"""The head's bias, of which comparisons say nothing: it goes where rounding takes it, and what counts it as well."""
CLOSE = 1e-3  # sums are taken in another order, and each round goes on from what the one before came to


class Apart(NamedTuple):
    """How far a stage of two runs is apart: a logged number and a weight at most; whether all else is the same."""

    number: float
    weight: float
    same: bool


def main(arguments: list[str] | None = None) -> int:
    """Run the recipe in each way, print the table; 1 where they differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--samplers", type=int, default=1)
    parser.add_argument("--judges", type=int, default=1)
    given = parser.parse_args(arguments)
    python = [sys.executable, "-m"]
    torchrun = [*python, "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]
    roles = {"learners": 2, "samplers": given.samplers, "judges": given.judges}
    ray = ["--engine.kind", "ray", *(word for role, n in roles.items() for word in (f"--engine.{role}", str(n)))]
    ways = {"one process": (python, []), "torchrun": (torchrun, []), "ray": (python, ray)}
    homes = {}
    for way, (launcher, options) in ways.items():
        homes[way] = home = given.folder / way.replace(" ", "-")
        _prepare(home, given.rounds)
        began = monotonic()
        form = [word for key in FLOAT32 for word in (f"--{key}", "float32")]
        subprocess.run(
            [*launcher, "accord", "run", "recipe.toml", "--out", "run", "--quiet", *form, *options],
            cwd=home,
            check=True,
        )
        print(f"{way}: {monotonic() - began:.0f} s", flush=True)
    return _report({way: home / "run" for way, home in homes.items()})


def _prepare(home: Path, rounds: int) -> None:
    subprocess.run([sys.executable, "-m", "accord", "init", str(home)], check=True, stdout=subprocess.DEVNULL)
    (home / "crowd.py").write_text(CROWD)
    (home / "asked.toml").write_text(STUDY)
    with (home / "recipe.toml").open("a") as file:
        file.write(LOOP.format(rounds=rounds))


def _report(runs: dict[str, Path]) -> int:
    (_, first), *others = runs.items()
    print("\n| way | round | stage | numbers apart | weights apart | all else |\n|---|---|---|---|---|---|")
    far = False
    for way, run in others:
        for where, stage, apart in compare(first, run):
            far |= not apart.same or max(apart.number, apart.weight) > CLOSE
            same = "the same" if apart.same else "differs"
            print(f"| {way} | {where} | {stage} | {apart.number:.1e} | {apart.weight:.1e} | {same} |")
    return int(far)


def compare(one: Path, other: Path) -> Iterator[tuple[str, str, Apart]]:
    """Round and stage of two runs, and how far they are apart there; last of each round, what its audit found."""
    rounds = sorted(path.name for path in (one / "rounds").iterdir())
    if rounds != sorted(path.name for path in (other / "rounds").iterdir()):
        yield "all", "rounds", Apart(0.0, 0.0, same=False)
    for name in rounds:
        a, b = one / "rounds" / name, other / "rounds" / name
        for stage in STAGES:
            if (a / stage).is_dir():
                yield name, stage, _of_stage(a / stage, b / stage)
        verdicts = [_verdicts(run) for run in (a, b)]
        yield name, "audit", Apart(0.0, 0.0, verdicts[0] == verdicts[1])


def _of_stage(one: Path, other: Path) -> Apart:
    numbers, same = 0.0, True
    for file in ("metrics.jsonl", "samples.jsonl"):
        rows = [_rows(stage / file) for stage in (one, other)]
        apart, alike = _apart(*rows)
        numbers, same = max(numbers, apart), same and alike
    weights = 0.0
    for tensors in sorted((one / "model").glob("*.safetensors")):
        a, b = load_file(tensors), load_file(other / "model" / tensors.name)
        same = same and a.keys() == b.keys()
        weights = max(
            [weights, *(float((a[key].float() - b[key].float()).abs().max()) for key in (a.keys() & b.keys()) - FREE)]
        )
    return Apart(numbers, weights, same)


def _rows(file: Path) -> list[dict[str, Any]]:
    if not file.is_file():
        return []
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    return [{key: value for key, value in row.items() if key not in WAY | FREE} for row in rows]


def _apart(one: Any, other: Any) -> tuple[float, bool]:
    """The largest difference of two numbers at one place, and whether all else is the same."""
    if isinstance(one, dict) and isinstance(other, dict):
        parts = [_apart(one[key], other[key]) for key in one.keys() & other.keys()]
        same = one.keys() == other.keys()
    elif isinstance(one, list) and isinstance(other, list):
        parts = [_apart(a, b) for a, b in zip(one, other, strict=False)]
        same = len(one) == len(other)
    elif isinstance(one, float) and isinstance(other, float | int):
        return abs(one - other) / max(1.0, abs(one)), True
    else:
        return 0.0, one == other
    return max((number for number, _ in parts), default=0.0), same and all(alike for _, alike in parts)


def _verdicts(run: Path) -> dict[str, str]:
    findings = json.loads((run / "audit.json").read_text())["findings"]
    return {f"{row['challenge']} {row['check']}": row["verdict"] for row in findings}


if __name__ == "__main__":
    sys.exit(main())
