"""`python -m benchmarks run | check | growth | table | parity | collect | rewards | trials`."""

import argparse
import json
import signal
import sys
from pathlib import Path
from typing import Any

from benchmarks.driver import Course, plan
from benchmarks.machine import BUSY, PLAYED, busy_share
from benchmarks.rows import with_goals
from benchmarks.stages import SMALL
from benchmarks.table import (
    BEGIN,
    END,
    PARITY_MARKS,
    TRIAL_MARKS,
    parity_table,
    table,
    tables,
    trial_table,
    verdict,
)

HERE = Path(__file__).parent
RESULTS, PARITY, COLLECT, TRIALS = HERE / "results", HERE / "parity.json", HERE / "collect.json", HERE / "trials.json"
PAGE = HERE.parent / "docs" / "benchmarks.md"
UNFINISHED = HERE.parent / "build" / "bench"
MINUTES, CHECK_MINUTES = 40.0, 20.0
MEASURED_ELSEWHERE = 2  # status: nothing here can be held against results of this kind of machine, or it is busy


def main() -> int:
    """One command."""
    arguments = _arguments()
    match arguments.command:
        case "side":
            _side(arguments.stage, arguments.setting, arguments.steps)
        case "facts":
            from benchmarks.facts import gather

            gather(arguments.file, limits=not arguments.no_limits)
        case "run" | "check":
            return _run(arguments)
        case "growth":
            return _growth(arguments)
        case "trials":
            from benchmarks.trials.measured import trials

            found = trials(arguments.only, arguments.dtypes, arguments.turns)
            TRIALS.write_text(json.dumps(with_earlier(found), indent=1) + "\n")
            write_tables()
        case "collect":
            from benchmarks.collect import collect

            results = collect(people=arguments.people, answers_each=arguments.each, think=arguments.think)
            COLLECT.write_text(json.dumps(results, indent=1) + "\n")
            print(json.dumps(results, indent=1))
        case "parity":
            from benchmarks.parity import parity

            PARITY.write_text(json.dumps(parity(), indent=1) + "\n")
            write_tables()
        case "table":
            write_tables()
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks")
    commands = parser.add_subparsers(dest="command", required=True)
    bench = commands.add_parser("run", help="measure all, write results/KIND.json and the tables in the docs")
    check = commands.add_parser("check", help="measure again, shortly: fail where a ratio fell by more than 15 %%")
    growth = commands.add_parser("growth", help="how accord's own step grows; into results/KIND.json")
    bench.epilog = "BENCH_SMALL=1 in the environment: little work, to see that all of it runs; nothing of it is kept."
    for command, minutes in ((bench, MINUTES), (check, CHECK_MINUTES), (growth, MINUTES)):
        command.add_argument("--only", nargs="*", default=[], metavar="STAGE", help="some stages; kept apart")
        command.add_argument("--minutes", type=float, default=minutes, help="what all may take (%(default)g)")
        command.add_argument("--busy", action="store_true", help="measure on a busy machine too; it is recorded")
        command.add_argument("--play", choices=PLAYED, help="let the libraries take this processor for a lesser one")
        command.add_argument("--fresh", action="store_true", help="measure anew what a broken-off run has measured")
    commands.add_parser("table", help="write the tables in the docs again")
    commands.add_parser("parity", help="accord's losses beside TRL's on the same log-probabilities; writes parity.json")
    trial = commands.add_parser("trials", help="libraries that could write in place of accord; writes trials.json")
    trial.add_argument("--only", nargs="*", default=[], metavar="WRITER")
    trial.add_argument("--dtypes", nargs="*", default=["float32", "bfloat16"], metavar="DTYPE")
    trial.add_argument("--turns", type=int, default=5)
    people = commands.add_parser("collect", help="200 simulated evaluators over HTTP; writes collect.json")
    people.add_argument("--people", type=int, default=200)
    people.add_argument("--each", type=int, default=10)
    people.add_argument("--think", type=float, default=20.0, help="median think time in seconds")
    side = commands.add_parser("side")
    for name in ("stage", "setting"):
        side.add_argument(name)
    side.add_argument("steps", type=int)
    facts = commands.add_parser("facts")
    facts.add_argument("file", type=Path)
    facts.add_argument("--no-limits", action="store_true")
    return parser.parse_args()


def _side(stage: str, setting: str, steps: int) -> None:
    from benchmarks.turns import Turns

    turns = Turns()
    if setting == "accord":
        from benchmarks import ours

        ours.serve(stage, steps, turns)
    else:
        from benchmarks import peers

        peers.serve(stage, setting, steps, turns)


def _run(arguments: argparse.Namespace) -> int:
    """Measure, or measure shortly and judge."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the sides are ended with it
    checks, part = arguments.command == "check", bool(arguments.only) or SMALL
    busy = _busy(arguments)
    if busy is None:
        return MEASURED_ELSEWHERE
    name = "check" if checks else "only" if part else "run"
    course = Course(
        UNFINISHED / name, play=arguments.play, minutes=arguments.minutes, fresh=arguments.fresh or checks or part
    )
    expected = RESULTS / f"{course.kind}.json"
    if checks and not expected.is_file():
        print(f"no results of {course.kind} are checked in: `make bench` measures them", file=sys.stderr)
        return MEASURED_ELSEWHERE
    course.report["busy"] = busy if busy > BUSY else course.report["busy"]
    course.gather_facts()
    comparisons = plan(
        computes_bfloat16=course.facts["path"]["computes_bfloat16"], only=arguments.only, default_only=checks
    )
    if checks:
        comparisons = best_known(json.loads(expected.read_text()), comparisons)
    course.run(comparisons)
    return _told(course, expected, checks=checks, part=part)


def _told(course: Course, expected: Path, *, checks: bool, part: bool) -> int:
    report = course.report
    report["results"] = with_goals(report["results"], native=course.facts["path"]["native"])
    if checks:
        slower = verdict(json.loads(expected.read_text()), report)
        print("\n".join(slower) or "no ratio fell by more than 15 %")
        return 1 if slower else 0
    print(table(report))
    if not part:
        if expected.is_file():
            report["growth"] = json.loads(expected.read_text())["growth"]
        RESULTS.mkdir(exist_ok=True)
        expected.write_text(json.dumps(report, indent=1) + "\n")
        if course.is_whole:
            course.file.unlink()
        write_tables()
    return 1 if report["failed"] else 0


def _busy(arguments: argparse.Namespace) -> float | None:
    """The share of the machine that others take; None where that forbids to measure."""
    share = busy_share()
    if share <= BUSY:
        return share
    print(f"others take {share:.0%} of this machine: ratios would be off", file=sys.stderr)
    if arguments.busy:
        return share
    print("wait until it is quiet, or measure all the same with --busy, which is recorded", file=sys.stderr)
    return None


def best_known(checked_in: dict[str, Any], comparisons: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Of each stage the setting that was the peer's best, which is the one that accord loses its lead to first."""
    best = {row["stage"]: row["peer_setting"] for row in checked_in["results"] if row["best_setting"]}
    return [(stage, best.get(stage, setting)) for stage, setting in comparisons]


def _growth(arguments: argparse.Namespace) -> int:
    """How accord's step grows, into the results of this kind of machine where there are some."""
    from benchmarks.growth import AXES, grown

    busy = _busy(arguments)
    if busy is None:
        return MEASURED_ELSEWHERE
    course = Course(UNFINISHED / "growth", play=arguments.play, minutes=arguments.minutes, fresh=True)
    rows = [grown(axis, value, course.environment) for axis, values in AXES.items() for value in values]
    file = RESULTS / f"{course.kind}.json"
    if not file.is_file():
        print(json.dumps(rows, indent=1))
        return MEASURED_ELSEWHERE
    file.write_text(json.dumps({**json.loads(file.read_text()), "growth": rows}, indent=1) + "\n")
    write_tables()
    return 0


def with_earlier(found: dict[str, Any]) -> dict[str, Any]:
    """These rows, and those measured before that are none of them."""
    fresh = {(row["writer"], row["dtype"]) for row in found["rows"]}
    before = json.loads(TRIALS.read_text())["rows"] if TRIALS.is_file() else []
    kept = [row for row in before if (row["writer"], row["dtype"]) not in fresh]
    return {**found, "rows": sorted([*kept, *found["rows"]], key=lambda row: (row["dtype"], row["writer"].lower()))}


def contents() -> list[dict[str, Any]]:
    """The results of every kind of machine."""
    return [json.loads(file.read_text()) for file in sorted(RESULTS.glob("*.json"))]


def write_tables() -> None:
    """Put the tables between their marks."""
    page = between(PAGE.read_text(), BEGIN, END, tables(contents()))
    for file, marks, made in ((PARITY, PARITY_MARKS, parity_table), (TRIALS, TRIAL_MARKS, trial_table)):
        if file.is_file():
            page = between(page, *marks, made(json.loads(file.read_text())))
    PAGE.write_text(page)


def between(page: str, begin: str, end: str, text: str) -> str:
    """The page with `text` between its two marks."""
    head, rest = page.split(begin)
    return f"{head}{begin}\n{text}\n{end}{rest.split(end)[1]}"


if __name__ == "__main__":
    if sys.argv[1:2] == ["rewards"]:
        from benchmarks.rewards.__main__ import main as rewards

        sys.exit(rewards(sys.argv[2:]))
    sys.exit(main())
