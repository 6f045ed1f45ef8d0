"""The lives of a run that `tools.kill_run` kills: each counts what is done to files, and ends itself where it is told.

    python -m tools.kill_life

reads a line of JSON for each life, `{"report": ..., "run": ..., "verb": [...], "target": {...}, "errors": ...}`, and
answers it with the exit status of a process of its own, which begins as a copy of this one after the imports: they
take longer than a small run.

A change is whatever is opened to be written, renamed, removed or made in the folder that the run is in, where its
recipe and its ledger are too, and every insertion and every commit of the ledger. Changes are counted within the stage
that is under way (`rounds/02/policy`), and between one and the next (`after rounds/02/policy`). At the change `number`
of the target's `stage` the process sends itself `signal`; where the stage takes fewer changes now, at the first one
after it, or of a stage that is `later`. A `number` of 0 lets it live. The report then holds what it was about to do, or
the stage of each change in order.
"""

import json
import os
import signal
import sys
import traceback
from collections import Counter
from importlib import import_module
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.engine import Engine

from accord.cli.main import run as accord
from accord.run import RunDirectory

__all__ = ["AFTER", "START", "main"]

START, AFTER = "start", "after "
CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.truncate"}
WRITING = os.O_WRONLY | os.O_RDWR
HALF_A_LINE = b'{"step": 1, "lo'
IMPORTED = ("accord.loop.rounds", "accord.report.page", "transformers.models.llama.modeling_llama")
"""What most lives need, loaded once."""
HOLDS_OTHERS = "rounds"  # the stage that holds those of all rounds


class _Life:
    """The changes so far, and the place where this life ends."""

    def __init__(self, report: Path, run: Path, target: dict[str, Any]) -> None:
        self.report, self.run = report, run
        self.stage, self.number, self.sent = target["stage"], target["number"], target["signal"]
        self.later = frozenset(target["later"])
        self.now = START
        self.changes: list[str] = []
        self.counts: Counter[str] = Counter()
        self.is_due = self.is_over = False

    def begin(self, stage: str) -> None:
        if stage != HOLDS_OTHERS:
            self.now = stage
            self.is_due = self.is_due or stage in self.later

    def end(self, stage: str) -> None:
        self.is_due = self.is_due or stage == self.stage
        self.now = f"{AFTER}{stage}"

    def change(self, what: str, half_line: Path | None = None) -> None:
        """Count a change that is about to be made; or end here."""
        if self.is_over:
            return
        self.changes.append(self.now)
        self.counts[self.now] += 1
        self.is_due = self.is_due or (self.now == self.stage and self.counts[self.now] == self.number)
        if not self.is_due:
            return
        self.is_over = True
        self.tell({"stage": self.now, "number": self.counts[self.now], "before": what})
        if half_line is not None and self.sent == signal.SIGKILL:
            with half_line.open("ab") as log:
                log.write(HALF_A_LINE)
        os.kill(os.getpid(), self.sent)

    def tell(self, content: dict[str, Any]) -> None:
        self.report.write_text(json.dumps(content))

    def watch(self, event: str, arguments: tuple[Any, ...]) -> None:
        """What Python tells of each thing that is done to a file."""
        if self.is_over or (event != "open" and event not in CHANGES):
            return
        path, mode = arguments[0], ""
        if not isinstance(path, str | bytes | os.PathLike):
            return
        if event == "open":
            mode, flags = str(arguments[1] or ""), arguments[2]
            if not set(mode) & set("wax+") and not (isinstance(flags, int) and flags & WRITING):
                return
        place = Path(os.path.abspath(os.fsdecode(path)))
        if place.is_relative_to(self.run.parent) and place != self.report:
            what = f"{event.removeprefix('os.')} {place.relative_to(self.run.parent).as_posix()}"
            self.change(what, place if mode.startswith("a") else None)


def _watch_ledger(life: _Life) -> None:
    """Count what enters the ledger, and the commits of it; SQLite opens its files unseen."""

    @event.listens_for(Engine, "before_cursor_execute")
    def insert(connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.lstrip().upper().startswith("INSERT"):
            connection.info["is_written"] = True
            life.change(f"insert {statement.split()[2]}")

    @event.listens_for(Engine, "commit")
    def commit(connection: Connection) -> None:
        if connection.info.pop("is_written", False):
            life.change("commit")


def _watch_stages(life: _Life) -> None:
    """Know which stage is under way, from what a run notes of it."""
    begin, finish = RunDirectory.begin, RunDirectory.finish

    def named(run: RunDirectory, stage: str) -> str:
        folder = run.path.resolve().relative_to(life.run).as_posix()
        return stage if folder == "." else f"{folder}/{stage}"

    def begun(run: RunDirectory, stage: str, *rest: Any, **more: Any) -> None:
        life.begin(named(run, stage))
        begin(run, stage, *rest, **more)

    def finished(run: RunDirectory, stage: str, *rest: Any, **more: Any) -> None:
        finish(run, stage, *rest, **more)
        life.end(named(run, stage))

    RunDirectory.begin, RunDirectory.finish = begun, finished  # type: ignore[method-assign, assignment]


def main() -> int:
    """A life for each line that is read."""
    for module in IMPORTED:
        import_module(module)
    for line in sys.stdin:
        life = json.loads(line)
        child = os.fork()
        if not child:
            os._exit(_live(**life))
        _, ended = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(ended), flush=True)
    return 0


def _live(*, report: str, run: str, verb: list[str], target: dict[str, Any], errors: str) -> int:
    """Live in this process, which has no other task; the exit status of the verb."""
    log = os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    sys.argv = ["accord", *verb]
    status = 1
    try:
        life = _Life(Path(report), Path(run), target)
        sys.addaudithook(life.watch)
        _watch_stages(life)
        _watch_ledger(life)
        status = accord(verb)
        if not life.is_over:
            life.is_over = True
            life.tell({"changes": life.changes})
    except BaseException:  # noqa: BLE001 - this is where the process ends
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return status


if __name__ == "__main__":
    sys.exit(main())
