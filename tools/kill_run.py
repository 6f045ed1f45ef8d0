"""Is a run that is killed again and again, and gone on with, the run that was never killed, bit for bit?

    python -m tools.kill_run my-run/recipe.toml --kills 30 --seed 7
    python -m tools.kill_run my-run/recipe.toml --kills 30 --seed 7 --signal mixed --set policy.max_steps=8
    python -m tools.kill_run my-run/recipe.toml --kills 30 --seed 7 --per-run 5

runs the recipe once without a kill; then again, killing it where the seed says, going on with `--resume`, until there
were so many kills: all of them in one run, or so many in each as `--per-run` says. Each run has a copy of the recipe's
folder, with its ledger, of its own. Moments are counted by what a run does to its files and its ledger
(`tools/kill_life.py`), not by the clock. Every stage of every round is killed once, where there are kills enough; the
others fall anywhere. A log that a kill meets while it grows is left with half a line. `--signal term` asks the run to
end instead (SIGTERM), `mixed` draws which.

Prints each kill with its stage and what the run was about to do, then every difference between the two runs, but for
what `tools/kill_diff.py` says must differ, and what is unsound in either (`tools/kill_sound.py`): half written files,
digests that are not those of what they name, an answer that was asked for twice, labels that the ledger does not hold.
The exit status is 0 where there is nothing of either, 1 where there is, 2 where a run failed.
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
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE
from typing import Any, Self

from accord.errors import AccordError
from accord.recipe import read_toml
from tools.kill_diff import differences
from tools.kill_life import AFTER, START
from tools.kill_sound import unsound

__all__ = ["Kill", "RunFailedError", "draw_places", "kill_again_and_again", "main", "table"]

ROOT = Path(__file__).resolve().parents[1]
LOCK = ".lock"  # how the names end of what runs that go on hold
ENDED_BY_ITSELF = (0, 128 + signal.SIGTERM)
Place = tuple[str, int]  # a stage, and the number of a change in it


class RunFailedError(Exception):
    """A run ended in another way than by its end or its kill."""


@dataclass(frozen=True)
class Kill:
    """One kill: in which life of which run, in which stage, before which change that it made."""

    run: int
    life: int
    signal: str
    stage: str
    change: int
    before: str


@dataclass
class _Run:
    """A run in a folder of its own, and the process that its lives come from."""

    place: Path
    settings: Sequence[str]
    lives: subprocess.Popen[str]

    @classmethod
    @contextmanager
    def begun(cls, recipe: Path, place: Path, settings: Sequence[str]) -> Iterator[Self]:
        """One that has not lived yet, in a new folder `place`."""
        _copy(recipe, place)
        places = [str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH", "")]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, places)), "HF_HUB_OFFLINE": "1"}
        command = [sys.executable, "-m", "tools.kill_life"]
        with subprocess.Popen(command, env=environment, stdin=PIPE, stdout=PIPE, text=True) as lives:
            yield cls(place.resolve(), settings, lives)

    @property
    def path(self) -> Path:
        return self.place / "run"

    def live(self, *, stage: str = "", number: int = 0, sent: int = 0, later: Sequence[str] = ()) -> dict[str, Any]:
        """Run until the end or the kill, and what the run then told (`tools.kill_life`); nothing where it ended before.

        Raises `RunFailedError` where the run ends in another way.
        """
        report, errors = self.place / "told", self.place / "errors"
        report.write_text("{}")
        assigned = [word for each in self.settings for word in ("--set", each)]
        recipe = str(self.place / "recipe/recipe.toml")
        life = {
            "report": str(report),
            "run": str(self.path),
            "verb": ["run", recipe, "--out", str(self.path), "--resume", "--quiet", *assigned],
            "target": {"stage": stage, "number": number, "signal": sent, "later": list(later)},
            "errors": str(errors),
        }
        status = self._status_of(life)
        told: dict[str, Any] = json.loads(report.read_bytes())
        if status not in (*ENDED_BY_ITSELF, -signal.SIGKILL, -signal.SIGTERM) or (status and "before" not in told):
            raise RunFailedError(f"{self.place.name} ended with {status}: {errors.read_text().strip()[-2_000:]}")
        return told if status or not number else {}

    def _status_of(self, life: dict[str, Any]) -> int:
        assert self.lives.stdin is not None
        assert self.lives.stdout is not None
        self.lives.stdin.write(json.dumps(life) + "\n")
        self.lives.stdin.flush()
        if not (line := self.lives.stdout.readline()):
            raise RunFailedError(f"{self.place.name}: no life could begin, as is told above")
        return int(line)


def kill_again_and_again(
    recipe: Path,
    out: Path,
    *,
    kills: int,
    seed: int,
    settings: Sequence[str] = (),
    signals: Sequence[int] = (signal.SIGKILL,),
    per_run: int | None = None,
    say: Callable[[Kill], None] = lambda kill: None,
) -> tuple[list[Kill], list[str]]:
    """What was killed, and what of the runs in the empty folder `out` then differs or is unsound.

    `say` is told of each kill at once. Raises `RunFailedError` where a run fails, or the recipe's ledger is one that
    all runs would share.
    """
    _check_ledger(recipe, settings)
    draws = random.Random(seed)
    with _Run.begun(recipe, out / "whole", settings) as whole:
        changes: list[str] = whole.live()["changes"]
    found = [f"{whole.place.name}: {problem}" for problem in unsound(whole.path)]
    left, done, number = draw_places(draws, changes, kills), list[Kill](), 0
    while left:
        number += 1
        runs = -(
            -len(left) // (per_run or len(left))
        )  # that are still to be made, each killed from its begin to its end
        here, others = left[::runs], [place for index, place in enumerate(left) if index % runs]
        with _Run.begun(recipe, out / f"killed-{number}", settings) as run:
            kept, made = _killed(run, changes, here, draws, signals, number, say)
        if not made:
            raise RunFailedError(f"{run.place.name}: {_named(here[0])} was not met in a run of its own")
        done += made
        left = sorted([*kept, *others], key=lambda place: _position(changes, place))
        found += (f"{run.place.name}: {each}" for each in differences(whole.path, run.path))
        found += (f"{run.place.name}: {each}" for each in unsound(run.path))
    return done, found


def draw_places(draws: random.Random, changes: Sequence[str], kills: int) -> list[Place]:
    """Where to kill, in the order of a run that makes these changes (the stage of each): in every stage once, as far
    as there are kills enough, and otherwise anywhere."""
    stages = [name for name in dict.fromkeys(changes) if name != START and not name.startswith(AFTER)]
    indices = [
        draws.choice([index for index, name in enumerate(changes) if name == stage])
        for stage in draws.sample(stages, min(kills, len(stages)))
    ]
    indices += draws.choices(range(len(changes)), k=kills - len(indices))
    return [(changes[index], changes[: index + 1].count(changes[index])) for index in sorted(indices)]


def _killed(
    run: _Run,
    changes: Sequence[str],
    places: Sequence[Place],
    draws: random.Random,
    signals: Sequence[int],
    of: int,
    say: Callable[[Kill], None],
) -> tuple[list[Place], list[Kill]]:
    """A run that is killed at these places and then lives; the places that it did not come to, and the kills."""
    left, made = list(places), list[Kill]()
    while left:
        stage, number = left[0]
        sent = draws.choice(list(signals))
        told = run.live(stage=stage, number=number, sent=int(sent), later=_later(changes, stage))
        if "before" not in told:
            return left, made
        left.pop(0)
        name = signal.Signals(sent).name
        made.append(Kill(of, len(made) + 1, name, told["stage"], told["number"], told["before"]))
        say(made[-1])
    run.live()
    return left, made


def _later(changes: Sequence[str], stage: str) -> list[str]:
    """The stages that begin after the last change of this one."""
    last = max((index for index, name in enumerate(changes) if name == stage), default=-1)
    return list(dict.fromkeys(changes[last + 1 :]))


def _position(changes: Sequence[str], place: Place) -> int:
    stage, number = place
    return [index for index, name in enumerate(changes) if name == stage][number - 1]


def _named(place: Place) -> str:
    return f"change {place[1]} of {place[0]}"


def _copy(recipe: Path, place: Path) -> None:
    """Copy what lies beside a recipe, but for runs."""

    def ignored(folder: str, names: list[str]) -> set[str]:
        here = {name for name in names if (Path(folder) / name).resolve() == place.parent.resolve()}
        return here | {name for name in names if name == "runs" or name.endswith(LOCK)}

    shutil.copytree(recipe.resolve().parent, place / "recipe", ignore=ignored)
    (place / "recipe" / recipe.name).rename(place / "recipe/recipe.toml")


def _check_ledger(recipe: Path, settings: Sequence[str]) -> None:
    """Raises `RunFailedError` where a recipe's ledger does not lie in its folder, of which each run has a copy."""
    place = read_toml(recipe.read_text(), str(recipe)).get("data", {}).get("ledger", "feedback.db")
    for key, _, value in (each.partition("=") for each in settings):
        place = value.strip("\"'") if key == "data.ledger" else place
    folder = recipe.resolve().parent
    if "://" in str(place) or not (folder / str(place)).resolve().is_relative_to(folder):
        raise RunFailedError("recipe.data.ledger: all runs would share it; name a file in the folder of the recipe")


def table(kills: Sequence[Kill]) -> str:
    """The kills, a line each."""
    rows = [
        ("kill", "run", "life", "signal", "stage", "change", "before"),
        *(
            (str(n), str(k.run), str(k.life), k.signal, k.stage, str(k.change), k.before)
            for n, k in enumerate(kills, 1)
        ),
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _to_errors(kill: Kill) -> None:
    print(f"killed in {kill.stage}, before: {kill.before}", file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the arguments, kill and compare, print."""
    parser = argparse.ArgumentParser(prog="python -m tools.kill_run", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--per-run", type=int, metavar="N", help="kills of one run; else all of them are of one")
    parser.add_argument("--signal", choices=("kill", "term", "mixed"), default="kill")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a value of the recipe")
    parser.add_argument("--out", type=Path, help="an empty folder to keep the runs in; else they are deleted")
    given = parser.parse_args(arguments)
    if not given.recipe.is_file():
        parser.error(f"{given.recipe}: no such file")
    signals = {"kill": [signal.SIGKILL], "term": [signal.SIGTERM], "mixed": [signal.SIGKILL, signal.SIGTERM]}
    if given.kills < 1 or (given.per_run is not None and given.per_run < 1):
        parser.error("--kills and --per-run: one at least")
    if given.out is not None:
        given.out.mkdir(parents=True, exist_ok=True)
        if any(given.out.iterdir()):
            parser.error(f"{given.out}: not empty")
    with tempfile.TemporaryDirectory() as scratch:
        out = given.out or Path(scratch)
        options: dict[str, Any] = {
            "kills": given.kills,
            "seed": given.seed,
            "settings": given.set,
            "per_run": given.per_run,
        }
        try:
            kills, found = kill_again_and_again(
                given.recipe, out, signals=signals[given.signal], say=_to_errors, **options
            )
        except (RunFailedError, AccordError) as error:
            print(error, file=sys.stderr)
            return 2
    print(table(kills))
    for difference in found:
        print(f"DIFFERS  {difference}")
    runs = len({kill.run for kill in kills})
    stages = len({kill.stage for kill in kills if not kill.stage.startswith((START, AFTER))})
    print(f"{len(kills)} kills in {runs} runs and {stages} stages; {len(found)} differences")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
