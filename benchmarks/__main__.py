"""`python -m benchmarks run | check | table | parity | collect | rewards`."""

import argparse
import json
import os
import sys
from pathlib import Path

from benchmarks import driver
from benchmarks.table import BEGIN, END, PARITY_MARKS, parity_table, table, verdict

RESULTS = Path(__file__).parent / "results.json"
PARITY = Path(__file__).parent / "parity.json"
COLLECT = Path(__file__).parent / "collect.json"
PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"


def main() -> int:
    """One command."""
    parser = argparse.ArgumentParser(prog="benchmarks")
    commands = parser.add_subparsers(dest="command", required=True)
    bench = commands.add_parser("run", help="measure all, write results.json and the table in the docs")
    check = commands.add_parser("check", help="measure again and fail where a ratio fell by more than 15 %%")
    for command, steps, repetitions in ((bench, 1, 2), (check, 2, 1)):
        command.add_argument("--only", nargs="*", default=[])
        command.add_argument("--steps", type=int, default=steps)
        command.add_argument("--repetitions", type=int, default=repetitions)
    bench.add_argument("--dry", action="store_true", help="print alone, as with --only")
    commands.add_parser("table", help="write the table in the docs again")
    commands.add_parser("parity", help="accord's losses beside TRL's on the same log-probabilities; writes parity.json")
    people = commands.add_parser("collect", help="200 simulated evaluators over HTTP; writes collect.json")
    people.add_argument("--people", type=int, default=200)
    people.add_argument("--each", type=int, default=10)
    people.add_argument("--think", type=float, default=20.0, help="median think time in seconds")
    single = commands.add_parser("one")
    for name in ("stage", "setting", "steps", "out"):
        single.add_argument(name)
    arguments = parser.parse_args()
    arguments.dry = getattr(arguments, "dry", False) or bool(getattr(arguments, "only", False))
    if arguments.command == "one":
        driver.one(arguments.stage, arguments.setting, int(arguments.steps), Path(arguments.out))
        return 0
    if arguments.command == "collect":
        from benchmarks.collect import collect

        results = collect(people=arguments.people, answers_each=arguments.each, think=arguments.think)
        COLLECT.write_text(json.dumps(results, indent=1) + "\n")
        print(json.dumps(results, indent=1))
        return 0
    if arguments.command == "table":
        write_table()
        return 0
    if arguments.command == "parity":
        from benchmarks.parity import parity

        PARITY.write_text(json.dumps(parity(), indent=1) + "\n")
        write_table()
        return 0
    if os.getloadavg()[0] > 0.5:
        print(f"the machine is busy (load {os.getloadavg()[0]:.1f}): ratios will be off", file=sys.stderr)
    results = {}
    for results in driver.run(arguments.only, steps=arguments.steps, repetitions=arguments.repetitions):
        if arguments.command == "run" and not arguments.dry:
            RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    if arguments.command == "check":
        slower = verdict(json.loads(RESULTS.read_text()), results)
        print("\n".join(slower) or "no ratio fell by more than 15 %")
        return 1 if slower else 0
    print(table(results))
    if not arguments.dry:
        write_table()
    return 0


def write_table() -> None:
    """Put the tables between their marks."""
    page = between(PAGE.read_text(), BEGIN, END, table(json.loads(RESULTS.read_text())))
    if PARITY.is_file():
        page = between(page, *PARITY_MARKS, parity_table(json.loads(PARITY.read_text())))
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
