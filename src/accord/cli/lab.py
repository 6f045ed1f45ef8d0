"""The laboratory: `lab list`, `lab run`, `lab faults`, `lab plant`."""

import json as json_module
from pathlib import Path

from cyclopts import App

from accord.cli.printing import complain, print_json, progress_display
from accord.errors import RecipeError

__all__ = ["lab"]

lab = App(
    name="lab",
    help="Worlds whose truth is known, reproductions of what is claimed of RLHF, and faults for the audit to find.\n\n"
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
        print_json([{"name": reproduction.name, "question": reproduction.question} for reproduction in REPRODUCTIONS])
        return
    for reproduction in REPRODUCTIONS:
        print(f"{reproduction.name}  {reproduction.question}")


@lab.command
def run(
    name: str,
    *,
    out: Path | None = None,
    short: bool = False,
    seeds: str | None = None,
    fault: list[str] | None = None,
    strength: float | None = None,
    world: list[str] | None = None,
    power: bool = False,
    blind: int | None = None,
    extension: list[Path] | None = None,
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
    seeds
        Other seeds: A:B for A to B - 1.
    fault
        `faults` alone: one of `accord lab faults`; may be given more than once. All where unset.
    strength
        `faults` alone: how strong the fault is; the last of its strengths where unset.
    world
        `faults` alone: a world to plant in; may be given more than once. All where unset.
    power
        `faults` alone: every strength as well, in runs of half, the same and twice the size, on a quarter of the seeds.
    blind
        `faults` alone: instead, 60 runs with nothing, one fault or two that this seed draws: does the audit name them?
    extension
        `faults` alone: a Python file that registers faults or checks of your own; may be given more than once.
    processes
        How many cells are worked out at a time; one a core where unset.
    json
        Print the marks and what was found as JSON.
    quiet
        Show no progress.
    """
    from accord.extensions import load_extensions
    from accord.lab.cell_runner import read_cells, run_cells
    from accord.lab.fault_matrix import Selection, narrowed
    from accord.lab.reproduce import read_seeds, result_of
    from accord.lab.reproductions import REPRODUCTIONS

    load_extensions(extension or (), Path.cwd())
    selection = Selection(tuple(fault or ()), strength, tuple(world or ()), power=power, blind=blind)
    own = tuple(path.resolve() for path in extension or ())
    reproduction = narrowed(REPRODUCTIONS.get(name), selection, own)
    if seeds is not None:
        if blind is not None:
            raise RecipeError("--blind has a seed of its own: leave --seeds away")
        reproduction = reproduction.on_seeds(read_seeds(seeds))
    folder = out or Path("runs/lab") / (f"{name}-short" if short else name)
    progress = progress_display(quiet=quiet or json)
    for done in progress.steps(run_cells(reproduction, folder, short=short, processes=processes), name):
        if done.outdated:
            complain(f"{done.outdated} cells were worked out by other code; they are worked out again")
    rows = read_cells(reproduction, folder, short=short)
    result = result_of(reproduction, rows)
    (folder / "result.json").write_text(json_module.dumps(result.to_json(), indent=1) + "\n")
    (folder / "table.md").write_text(reproduction.table(rows) + "\n")
    reproduction.figure(rows).savefig(folder / "figure.svg", metadata={"Date": None})
    if json:
        print_json(result.to_json())
        return
    print(reproduction.table(rows))
    for line in result.lines():
        print(line)


@lab.command
def faults(*, extension: list[Path] | None = None, json: bool = False) -> None:
    """The faults that can be planted into a run, and the checks that each of them must set off.

    Example: accord lab faults

    Parameters
    ----------
    extension
        A Python file that registers faults or checks of your own; may be given more than once.
    json
        Print them as JSON.
    """
    from accord.extensions import load_extensions
    from accord.lab.faults import FAULTS, description_of, planted_in

    load_extensions(extension or (), Path.cwd())
    if json:
        print_json(
            [
                {
                    "name": fault.name,
                    "description": description_of(fault),
                    "planted_in": planted_in(fault),
                    "strengths": fault.strengths,
                    "sets_off": fault.sets_off,
                }
                for fault in FAULTS
            ]
        )
        return
    for fault in FAULTS:
        checks = ", ".join(fault.sets_off) or "nothing: a control"
        print(f"{fault.name}  {description_of(fault)} Sets off {checks}")


@lab.command
def plant(
    fault: str,
    *,
    out: Path,
    seed: int = 0,
    strength: float | None = None,
    extension: list[Path] | None = None,
    json: bool = False,
) -> int:
    """Make a run with a fault in it, audit the run, and say whether the checks fire that must.

    The exit status is 1 where one of them does not, though the fault has its full strength.

    Example: accord lab plant careless --out runs/careless

    Parameters
    ----------
    fault
        One of `accord lab faults`, or `none` for the clean control.
    out
        The new folder of the run; its ledger lies beside it.
    seed
        What everything is drawn from.
    strength
        How strong the fault is; the last of its strengths where unset.
    extension
        A Python file that registers faults or checks of your own; may be given more than once.
    json
        Print the findings as JSON.
    """
    from accord.audit import CHECKS, examine
    from accord.extensions import load_extensions
    from accord.lab.faults import FAULTS, Fault
    from accord.lab.planted import audit_ledger_of, planting_of

    load_extensions(extension or (), Path.cwd())
    planted = Fault() if fault == Fault.name else FAULTS.get(fault)(strength)
    for check in planted.sets_off:
        CHECKS.get(check)
    planting = planting_of(out, planted, seed=seed)
    with planting.run as run:
        asked = audit_ledger_of(out)
        report = examine(run, judges=planting.judges, audit_ledger=asked, since=asked, beside=planting.beside)
        report.write(run)
    fired = {finding.id for finding in report.fired}
    if json:
        print_json({"fault": planted.name, "strength": planted.strength, **report.to_json()})
    else:
        for finding in report.findings:
            if finding.id in fired.union(planted.sets_off):
                print(f"{finding.words:<26} {finding.challenge:<8} {finding.check:<14} {finding.result}")
    return 1 if set(planted.sets_off) - fired and planted.strength == planted.strengths[-1] else 0
