"""How much memory `accord import` takes for files of growing size: `python -m benchmarks.import_memory 0.05 0.5 5`.

Makes a file of preferences of so many gigabytes, imports it in a process of its own, and prints that process's greatest
resident memory, its time and the counts. Every row has a prompt and two answers of its own, so nothing is left out as
known already. The file and the ledger are taken away again.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ANSWER = "It depends on what is asked of it, and by whom; there is more than one way to say so. " * 110


def write_rows(path: Path, gigabytes: float) -> int:
    """A file of so many gigabytes (10^9 bytes); how many rows."""
    number, size = 0, 0
    with path.open("w") as file:
        while size < gigabytes * 1e9:
            row = {"prompt": f"Question {number}?", "chosen": f"{number}a {ANSWER}", "rejected": f"{number}b {ANSWER}"}
            size += file.write(json.dumps(row) + "\n")
            number += 1
    return number


def measure(gigabytes: float, folder: Path) -> dict[str, float]:
    """Peak resident memory (MB) and seconds of an import of so many gigabytes."""
    path, ledger = folder / "votes.jsonl", folder / "votes.db"
    rows = write_rows(path, gigabytes)
    environment = {**os.environ, "TMPDIR": str(folder)}
    command = [sys.executable, "-m", "accord", "import", str(path), "--ledger", str(ledger), "--json"]
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)
    assert process.stdout is not None
    printed = json.loads(process.stdout.read())
    _, _, usage = os.wait4(process.pid, 0)
    assert printed["judgements"]["new"] == {"comparison": rows}
    for each in (path, ledger):
        each.unlink()
    return {"GB": gigabytes, "rows": rows, "peak_MB": usage.ru_maxrss / 1024, "seconds": time.monotonic() - started}


def main() -> None:
    """Measure each size of the command line."""
    with tempfile.TemporaryDirectory(prefix="accord-memory-") as folder:
        for size in sys.argv[1:]:
            print(json.dumps(measure(float(size), Path(folder))), flush=True)


if __name__ == "__main__":
    main()
