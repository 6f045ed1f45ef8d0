"""`accord import` of a long file."""

from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

__all__ = ["import_file"]


def import_file(folder: Path) -> dict[str, Any]:
    """Bring `votes.jsonl` of the folder into a new ledger there, by the verb."""
    from accord.cli.main import run

    with (folder / "import.txt").open("w") as text, redirect_stdout(text):
        status = run(["import", str(folder / "votes.jsonl"), "--ledger", str(folder / "votes.db")])
    if status:
        raise RuntimeError((folder / "import.txt").read_text())
    return {"ledger_mb": round((folder / "votes.db").stat().st_size / 1e6)}
