"""Is a run that is killed again and again, and gone on with, the run that was never killed, bit for bit?

    python -m tools.kill_run my-run/recipe.toml --kills 30 --seed 7
    python -m tools.kill_run my-run/recipe.toml --kills 30 --seed 7 --signal mixed --set policy.max_steps=8

runs the recipe once without a kill; then again, killing it where the seed says, going on with `--resume`, until there
were so many kills. Each run has a copy of the recipe's folder, with its ledger, of its own. Moments are counted by what
a run does to its files (opened to be written, renamed, removed, made), not by the clock: the same seed kills before the
same rename. A log that a kill meets while it grows is left with half a line. `--signal term` asks the run to end
instead (SIGTERM), `mixed` draws which.

Prints each kill with its stage and what the run was about to do, then every difference between the two runs. The exit
status is 0 where there is none but those that `MAY_DIFFER` states, 1 where there is one, 2 where a run failed.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

__all__ = ["MAY_DIFFER", "Kill", "RunFailedError", "differences", "kill_again_and_again", "main", "table"]

ROOT = Path(__file__).resolve().parents[1]
MAY_DIFFER = {
    "*metrics.jsonl": ("seconds",),
    "report.html": None,
    "*/report.html": None,
}
"""By file, the fields that are not compared; None: the page, which tells times, goes and the run's name."""
KEPT = ("settings", "basis")  # of a stage in the manifest; the others are times and goes
LOCK = ".lock"  # how the names end of what runs that go on hold
ENDED_BY_ITSELF = (0, 128 + signal.SIGTERM)

LIFE = """
import os, sys
root, told, at, number = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
sys.argv = ["accord", *sys.argv[5:]]
CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.truncate"}
WRITING = os.O_WRONLY | os.O_RDWR
count, busy = 0, False

def tell(line):
    handle = os.open(told, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.write(handle, line.encode())
    os.close(handle)

def watch(event, arguments):
    global count, busy
    if busy or (event != "open" and event not in CHANGES):
        return
    path = arguments[0]
    if not isinstance(path, (str, bytes, os.PathLike)):
        return
    mode, flags = (arguments[1], arguments[2]) if event == "open" else ("", 0)
    if event == "open" and not (set(mode or "") & set("wax+") or (isinstance(flags, int) and flags & WRITING)):
        return
    place = os.path.abspath(os.fsdecode(path))
    if not place.startswith(root):
        return
    count += 1
    if count != at:
        return
    busy = True
    tell(f"{event.removeprefix('os.')} {os.path.relpath(place, root)}")
    if str(mode or "").startswith("a") and number == 9:
        handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.write(handle, b'{"step": 1, "lo')
    os.kill(os.getpid(), number)
    busy = False

sys.addaudithook(watch)
from accord.cli.main import run
status = run(sys.argv[1:])
busy = True
if not at:
    tell(str(count))
sys.exit(status)
"""


class RunFailedError(Exception):
    """A run ended in another way than by its end or its kill."""


@dataclass(frozen=True)
class Kill:
    """One kill: in which life of which run, before which change of its files, in which stage."""

    run: int
    life: int
    signal: str
    change: int
    stage: str
    before: str


def kill_again_and_again(
    recipe: Path,
    out: Path,
    *,
    kills: int,
    seed: int,
    settings: Sequence[str] = (),
    signals: Sequence[int] = (signal.SIGKILL,),
) -> tuple[list[Kill], list[str]]:
    """What was killed, and what of the runs in the empty folder `out` then differs.

    A run that ends before it was killed so often is compared, and a new one begun. Raises `RunFailedError` where one
    fails.
    """
    draws = random.Random(seed)
    whole = _place_for(recipe, out / "whole")
    changes = int(_live(whole, settings, at=0, number=0))
    mean = changes / (kills + 1)
    done: list[Kill] = []
    found: list[str] = []
    number = 0
    while len(done) < kills:
        number += 1
        path, life = _place_for(recipe, out / f"killed-{number}"), 0
        while True:
            life += 1
            more = len(done) < kills
            at = 1 + int(draws.expovariate(1 / mean)) if more else 0
            sent = draws.choice(list(signals))
            before = _live(path, settings, at=at, number=sent)
            if before.isdigit() or not before:
                break
            done.append(Kill(number, life, signal.Signals(sent).name, at, _stage(path / "run"), before))
        found += (f"{path.name}: {difference}" for difference in differences(whole / "run", path / "run"))
    return done, found


def _place_for(recipe: Path, place: Path) -> Path:
    """A folder for a run and for a copy of what lies beside its recipe, but for runs."""

    def ignored(folder: str, names: list[str]) -> set[str]:
        here = {name for name in names if (Path(folder) / name).resolve() == place.parent.resolve()}
        return here | {name for name in names if name == "runs" or name.endswith(LOCK)}

    shutil.copytree(recipe.resolve().parent, place / "recipe", ignore=ignored)
    (place / "recipe" / recipe.name).rename(place / "recipe/recipe.toml")
    return place


def _live(place: Path, settings: Sequence[str], *, at: int, number: int) -> str:
    """Run until the end or the kill: what was about to be changed then, or how many changes there were; or "".

    Raises `RunFailedError` where the run ends in another way.
    """
    told, path = place / "told", place / "run"
    told.write_text("")
    assigned = [word for each in settings for word in ("--set", each)]
    arguments = ["run", str(place / "recipe/recipe.toml"), "--out", str(path), "--resume", "--quiet", *assigned]
    command = [sys.executable, "-c", LIFE, str(path.resolve()), str(told), str(at), str(number), *arguments]
    places = [str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, places)), "HF_HUB_OFFLINE": "1"}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    before = told.read_text()
    if ended.returncode not in (*ENDED_BY_ITSELF, -signal.SIGKILL, -signal.SIGTERM) or (
        ended.returncode and not before
    ):
        raise RunFailedError(f"{place.name} ended with {ended.returncode}: {ended.stderr.strip()[-2_000:]}")
    return before if ended.returncode or not at else ""


def _stage(path: Path) -> str:
    """The stage that was under way, as the manifests have it: that of the run, and that of its round."""
    files = [path / "manifest.json", *sorted(path.glob("rounds/*/manifest.json"))]
    if not files[0].is_file():
        return "(no manifest yet)"
    begun = [f"{_place(file, path)}{stage}" for file in files for stage in json.loads(file.read_bytes())["begun"]]
    return ", ".join(begun) or "(between stages)"


def _place(file: Path, path: Path) -> str:
    folder = file.parent.relative_to(path).as_posix()
    return "" if folder == "." else f"{folder}/"


def differences(one: Path, other: Path) -> Iterator[str]:
    """Everything in which two finished runs differ, with those within them, but for what `MAY_DIFFER` states."""
    rounds = {file.parent.relative_to(path) for path in (one, other) for file in path.glob("rounds/*/manifest.json")}
    for folder in sorted(rounds):
        if missing := [path for path in (one, other) if not (path / folder / "manifest.json").is_file()]:
            yield f"{folder}: not in {missing[0].name}"
        else:
            yield from (f"{folder}: {difference}" for difference in _of_one(one / folder, other / folder))
    yield from _of_one(one, other)


def _of_one(one: Path, other: Path) -> Iterator[str]:
    manifests = [json.loads((path / "manifest.json").read_bytes()) for path in (one, other)]
    for key, reduced in (("inputs", _as_is), ("stages", _without_times), ("begun", _as_is), ("waiting", _as_is)):
        before, now = (reduced(manifest[key]) for manifest in manifests)
        if before != now:
            yield f"manifest.json {key}: {_first(before, now)}"
    before, now = (set(manifest["files"]) for manifest in manifests)
    yield from (f"{name}: missing" for name in sorted(before - now))
    yield from (f"{name}: only here" for name in sorted(now - before))
    for name in sorted(before & now):
        yield from _compared(name, one / name, other / name)
    for left in sorted(other.rglob("*")):
        if left.relative_to(other).parts[0] == "rounds":
            continue  # they are compared by themselves
        if left.name.endswith(".part") or left.parent.name == ".checkpoints":
            yield f"{left.relative_to(other)}: left behind"


def _compared(name: str, one: Path, other: Path) -> Iterator[str]:
    fields: tuple[str, ...] | None = ()
    for pattern, stated in MAY_DIFFER.items():
        if fnmatchcase(name, pattern):
            fields = stated
    contents = [_without_place(path, name) for path in (one, other)]
    if fields is None or contents[0] == contents[1]:
        return
    if not fields:
        yield f"{name}: other bytes"
        return
    rows = [[_less(line, fields) for line in content.splitlines()] for content in contents]
    if rows[0] != rows[1]:
        numbers = [number for number, pair in enumerate(zip(*rows, strict=False), 1) if pair[0] != pair[1]]
        yield f"{name}: {len(rows[0])} and {len(rows[1])} lines, of which {len(numbers)} differ: {numbers[:5]}"


def _without_place(file: Path, name: str) -> bytes:
    """The bytes of a file of a run; of a recipe without the folder that its paths lie in, which each run has anew."""
    content = file.read_bytes()
    if Path(name).name != "recipe.toml":
        return content
    run = file.parents[len(Path(name).parts) - 1]
    for within in (run, *run.parents):
        if (within / "recipe/recipe.toml").is_file():
            return content.replace(os.fsencode(within), b"")
    return content


def _less(line: bytes, fields: Sequence[str]) -> str:
    """A line without the values of some fields, and otherwise as it stands, keys in their order."""
    row = json.loads(line)
    return json.dumps({key: None if key in fields else value for key, value in row.items()})


def _as_is(entries: Any) -> Any:
    return entries


def _without_times(stages: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    return {name: {key: stage[key] for key in KEPT} for name, stage in stages.items()}


def _first(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    name = next(key for key in (*before, *now) if before.get(key) != now.get(key))
    return f"{name} was {before.get(name)}, is {now.get(name)}"


def table(kills: Sequence[Kill]) -> str:
    """The kills, a line each."""
    rows = [
        ("kill", "run", "life", "signal", "change", "stage", "before"),
        *(
            (str(n), str(k.run), str(k.life), k.signal, str(k.change), k.stage, k.before)
            for n, k in enumerate(kills, 1)
        ),
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the arguments, kill and compare, print."""
    parser = argparse.ArgumentParser(prog="python -m tools.kill_run", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--signal", choices=("kill", "term", "mixed"), default="kill")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a value of the recipe")
    parser.add_argument("--out", type=Path, help="an empty folder to keep the runs in; else they are deleted")
    given = parser.parse_args(arguments)
    if not given.recipe.is_file():
        parser.error(f"{given.recipe}: no such file")
    signals = {"kill": [signal.SIGKILL], "term": [signal.SIGTERM], "mixed": [signal.SIGKILL, signal.SIGTERM]}
    if given.out is not None:
        given.out.mkdir(parents=True, exist_ok=True)
        if any(given.out.iterdir()):
            parser.error(f"{given.out}: not empty")
    with tempfile.TemporaryDirectory() as scratch:
        out = given.out or Path(scratch)
        options: dict[str, Any] = {"kills": given.kills, "seed": given.seed, "settings": given.set}
        try:
            kills, found = kill_again_and_again(given.recipe, out, signals=signals[given.signal], **options)
        except RunFailedError as error:
            print(error, file=sys.stderr)
            return 2
    print(table(kills))
    for difference in found:
        print(f"DIFFERS  {difference}")
    runs = len({kill.run for kill in kills})
    stages = len({kill.stage for kill in kills})
    print(f"{len(kills)} kills in {runs} runs and {stages} stages; {len(found)} differences")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
