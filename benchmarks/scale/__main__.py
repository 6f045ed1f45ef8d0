"""`python -m benchmarks.scale [--records N ...] [--steps N ...] [--gigabytes N ...] [--database sqlite postgres]`."""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from benchmarks.scale.ledger_steps import LEDGER_STEPS
from benchmarks.scale.process import measured, measured_apart
from benchmarks.scale.table import BEGIN, END, table

HERE = Path(__file__).parent
RESULTS = HERE.with_name("scale.json")
PAGE = HERE.parents[1] / "docs" / "benchmarks.md"
RUN_STEPS = ("make", "watch", "report", "audit")


def main() -> int:
    """Measure what is asked for, print the table, keep what was measured."""
    if sys.argv[1:2] == ["one"]:
        print(json.dumps(_one(json.loads(sys.argv[2]))))
        return 0
    parser = argparse.ArgumentParser(prog="benchmarks.scale", description=__doc__)
    parser.add_argument("command", nargs="?", choices=["run", "table"], default="run", help="table: of what is kept")
    parser.add_argument("--records", type=float, nargs="*", default=[3e5, 1e6, 3e6], help="of a ledger")
    parser.add_argument("--steps", type=float, nargs="*", default=[1e4, 3e4, 1e5], help="steps of a run")
    parser.add_argument("--gigabytes", type=float, nargs="*", default=[1, 5], help="size of an imported file")
    parser.add_argument("--database", nargs="*", choices=["sqlite", "postgres"], default=["sqlite", "postgres"])
    parser.add_argument("--only", nargs="*", default=[], help="steps, such as data or quality (and what they need)")
    parser.add_argument("--machine", default="", help="what it was measured on, for the page")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--limit", type=float, default=7200.0, help="seconds that one measurement may take")
    asked = parser.parse_args()
    content = json.loads(asked.out.read_text()) if asked.out.is_file() else {"machine": "", "measured": []}
    content["machine"] = asked.machine or content["machine"]
    if asked.command == "run":
        for arguments in _measurements(asked):
            row = measured_apart(arguments, seconds=asked.limit)
            kept = {key: arguments[key] for key in ("what", "on", "step", "size")}
            others = [one for one in content["measured"] if {key: one[key] for key in kept} != kept]
            content["measured"] = [*others, kept | row]
            print(json.dumps(kept | row), flush=True)
            asked.out.write_text(json.dumps(content, indent=1) + "\n")
    print(table(content))
    if asked.out == RESULTS:
        write_table(content)
    return 0


def write_table(content: dict[str, Any]) -> None:
    """Put the table between its marks in the documents."""
    head, rest = PAGE.read_text().split(BEGIN)
    PAGE.write_text(f"{head}{BEGIN}\n{table(content)}\n{END}{rest.split(END)[1]}")


def _measurements(asked: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """What each process is to do, in order; ledgers, runs and files stand only while they are asked about."""
    for database in asked.database if asked.records else ():
        with _postgres() if database == "postgres" else nullcontext() as cluster:
            for size in map(int, asked.records):
                with tempfile.TemporaryDirectory(prefix="accord-scale-") as folder:
                    location = f"{folder}/ledger.db" if cluster is None else cluster.database()
                    for step in LEDGER_STEPS:
                        if step == "append" or not asked.only or step in asked.only:
                            yield {
                                "what": "ledger",
                                "on": database,
                                "step": step,
                                "size": size,
                                "location": location,
                                "folder": folder,
                            }
    for size in map(int, asked.steps):
        with tempfile.TemporaryDirectory(prefix="accord-scale-") as folder:
            for step in RUN_STEPS:
                if step == "make" or not asked.only or step in asked.only:
                    yield {"what": "run", "on": "files", "step": step, "size": size, "folder": f"{folder}/run"}
    for gigabytes in asked.gigabytes:
        if not asked.only or "import" in asked.only:
            with tempfile.TemporaryDirectory(prefix="accord-scale-") as folder:
                size = int(gigabytes * 1000)
                yield {"what": "import", "on": "sqlite", "step": "import", "size": size, "folder": folder}


@contextmanager
def _postgres() -> Iterator[Any]:
    """A cluster of its own, as the tests start one."""
    from tools.postgres_cluster import cluster

    with cluster() as started:
        yield started


def _one(arguments: dict[str, Any]) -> dict[str, Any]:
    """One measurement, in this process."""
    folder, step, size = Path(arguments["folder"]), arguments["step"], arguments["size"]
    match arguments["what"]:
        case "ledger":
            from benchmarks.scale.ledger_steps import ledger_step

            return measured(lambda: ledger_step(step, arguments["location"], size, folder))
        case "run":
            from benchmarks.scale.run_steps import make_run, run_step

            return measured(lambda: make_run(folder, size) if step == "make" else run_step(step, folder))
        case _:
            from benchmarks.import_memory import write_rows
            from benchmarks.scale.import_step import import_file

            write_rows(folder / "votes.jsonl", size / 1000)
            return measured(lambda: import_file(folder))


if __name__ == "__main__":
    sys.exit(main())
