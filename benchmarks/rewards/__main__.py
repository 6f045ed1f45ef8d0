"""`python -m benchmarks rewards NAME [--seeds A:B]`: measured on real feedback, printed, and kept in NAME.json."""

import argparse
import json
import os
import platform
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from time import perf_counter

HERE = Path(__file__).parent
NAMES = sorted(file.stem for file in HERE.glob("*.py") if not file.stem.startswith("_"))


def main(argv: Sequence[str]) -> int:
    """One benchmark."""
    parser = argparse.ArgumentParser(prog="benchmarks rewards")
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--seeds", default="0:1", help="A:B, from A to before B")
    arguments = parser.parse_args(argv)
    data = os.environ.get("ACCORD_TEST_DATA")
    if data is None:
        print("ACCORD_TEST_DATA names no folder; set it to where the data lies", file=sys.stderr)
        return 2
    first, last = map(int, arguments.seeds.split(":"))
    began = perf_counter()
    found = import_module(f"benchmarks.rewards.{arguments.name}").measure(Path(data), range(first, last))
    machine = f"{platform.machine()}, {os.cpu_count()} CPUs"
    found = {**found, "seeds": [first, last], "machine": machine, "seconds": round(perf_counter() - began)}
    text = json.dumps(found, indent=1)
    (HERE / f"{arguments.name}.json").write_text(text + "\n")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
