"""The command line as it is where the extra `train` is not installed: `python without_models.py COMMANDS.json`.

The commands are lists of arguments. Each is run in turn; status, output and errors of all are printed as JSON, or of a
single one as they come. What the extra brings is refused wherever it is asked for, as if it were not there.
"""

import json
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from importlib.machinery import ModuleSpec
from io import StringIO
from pathlib import Path
from types import ModuleType

from accord.extras import EXTRAS, TRAIN


class Refusing:
    """A finder that comes first and has none of these modules."""

    def __init__(self, modules: Sequence[str]) -> None:
        self.modules = set(modules)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name.partition(".")[0] in self.modules:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None


def main(commands: list[list[str]]) -> None:
    from accord.cli import run

    if len(commands) == 1:
        sys.exit(run(commands[0]))
    results = []
    for command in commands:
        out, errors = StringIO(), StringIO()
        with redirect_stdout(out), redirect_stderr(errors):
            status = run(command)
        results.append({"status": status, "out": out.getvalue(), "errors": errors.getvalue()})
    print(json.dumps(results))


if __name__ == "__main__":
    loaded = [name for name in EXTRAS[TRAIN] if name in sys.modules]
    assert not loaded, loaded
    sys.meta_path.insert(0, Refusing(EXTRAS[TRAIN]))
    main(json.loads(Path(sys.argv[1]).read_text()))
