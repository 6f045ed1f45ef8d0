"""The laboratory: `lab list`, `lab run`."""

import json as json_module
from pathlib import Path

from cyclopts import App

from accord.cli.printing import print_json, progress_display
from accord.errors import RecipeError, nearest

__all__ = ["lab"]

lab = App(
    name="lab",
    help="Worlds whose truth is known, and reproductions of what is claimed of RLHF.\n\n"
    "Example: accord lab run exact-optimum",
)


@lab.command(name="list")
def list_(*, json: bool = False) -> None:
    """The reproductions, and the question each of them answers.

    Example: accord lab list

    Parameters
    ----------
    json
        Print them as JSON.
    """
    from accord.lab.reproductions import REPRODUCTIONS

    if json:
        print_json([{"name": each.name, "question": each.question} for each in REPRODUCTIONS.values()])
        return
    for each in REPRODUCTIONS.values():
        print(f"{each.name}  {each.question}")


@lab.command
def run(
    name: str,
    *,
    out: Path | None = None,
    short: bool = False,
    processes: int | None = None,
    json: bool = False,
    quiet: bool = False,
) -> None:
    """Run a reproduction and hold what comes out against the marks that were set before. Goes on where it was stopped.

    Example: accord lab run exact-optimum

    Parameters
    ----------
    name
        One of `accord lab list`.
    out
        The folder of its results; runs/lab/NAME where unset.
    short
        Fewer seeds and steps: whether it runs, not what is true.
    processes
        How many cells are worked out at a time; one a core where unset.
    json
        Print the marks and what was found as JSON.
    quiet
        Show no progress.
    """
    from accord.lab.reproduce import concluded, met, read_cells, run_cells
    from accord.lab.reproductions import REPRODUCTIONS

    if name not in REPRODUCTIONS:
        raise RecipeError(f"no reproduction '{name}'{nearest(name, list(REPRODUCTIONS))}; see `accord lab list`")
    reproduction = REPRODUCTIONS[name]
    folder = out or Path("runs/lab") / (f"{name}-short" if short else name)
    progress = progress_display(quiet=quiet or json)
    for _ in progress.steps(run_cells(reproduction, folder, short=short, processes=processes), name):
        pass
    rows = read_cells(reproduction, folder, short=short)
    result = concluded(reproduction, rows)
    (folder / "result.json").write_text(json_module.dumps(result.to_json(), indent=1) + "\n")
    (folder / "table.md").write_text(reproduction.table(rows) + "\n")
    reproduction.figure(rows).savefig(folder / "figure.svg", metadata={"Date": None})
    if json:
        print_json(result.to_json())
        return
    print(reproduction.table(rows))
    for mark, found in result.marks:
        bounds = "" if found.low is None else f" [{found.low:.2g}, {found.high:.2g}]"
        said = f"{found.value:.2g}{bounds}, n={found.n} (below {mark.below:g})"
        print(f"{'met   ' if met(mark, found) else 'MISSED'} {mark.claim}: {said}")
