"""Runs that are there: `evaluate`, `audit`, `report`, `compare`."""

from pathlib import Path

from accord.cli.printing import print_json, progress_display, table_console

__all__ = ["audit", "compare", "evaluate", "report"]


def evaluate(run: Path, *, against: Path | None = None, json: bool = False) -> None:
    """The numbers of a run with their intervals; against another run, how often its policy wins.

    Example: accord evaluate runs/demo --against runs/other

    Parameters
    ----------
    run
        The run. Where it was not evaluated yet, it is now.
    against
        Another run on the same prompts; this run's judge reads both.
    json
        Print JSON.
    """
    from accord.artefacts import EVALUATION
    from accord.loop.drive import drive, recipe_of
    from accord.loop.head_to_head import head_to_head
    from accord.report import render_table, summary, to_json
    from accord.run import RunDirectory

    with RunDirectory.open(run) as opened:
        recipe = recipe_of(opened)
        progress = progress_display(quiet=False, errors=json)
        if not EVALUATION.has(opened):
            drive(recipe, opened, progress, only=("evaluate",))
        rows = summary(opened)
        if against is None:
            print_json(to_json(rows)) if json else table_console().print(render_table(rows))
            return
        with RunDirectory.open(against, write=False) as other:
            estimates = head_to_head(recipe, opened, other)
    if json:
        print_json({name: estimate.to_json() for name, estimate in estimates.items()})
        return
    for name, estimate in estimates.items():
        print(f"{name:<20} {estimate}")


def audit(run: Path, *, only: list[str] | None = None, extension: list[Path] | None = None, json: bool = False) -> int:
    """Put the claims of a run to the test again. The exit status is 1 where a check fires.

    Example: accord audit runs/demo --only RG2 --json

    Parameters
    ----------
    run
        The run.
    only
        A challenge (RG2, P-EOS); may be given more than once. Without it the findings replace the run's audit.json.
    extension
        A Python file that registers checks of your own, besides those of the recipe; may be given more than once.
    json
        Print the findings as JSON.
    """
    from accord.artefacts import RECIPE
    from accord.audit.examine import examine
    from accord.extensions import load_extensions
    from accord.loop.drive import recipe_of
    from accord.loop.rewards import judges_of
    from accord.loop.stage import Context
    from accord.recipe import Recipe
    from accord.run import RunDirectory

    load_extensions(extension or (), Path.cwd())
    with RunDirectory.open(run) as opened:
        recipe = recipe_of(opened) if RECIPE.has(opened) else Recipe()
        report = examine(
            opened, judges=judges_of(Context(recipe, opened)), settings=recipe.audit, only=tuple(only or ())
        )
        if not only:
            report.write(opened)
    if json:
        print_json(report.to_json())
        return 1 if report.fired else 0
    for finding in report.findings:
        print(f"{finding.words:<26} {finding.challenge:<8} {finding.check:<14} {finding.result}")
    return 1 if report.fired else 0


def report(run: Path) -> None:
    """Write a run and its audit as one page.

    Example: accord report runs/demo

    Parameters
    ----------
    run
        The run.
    """
    from accord.report import write
    from accord.run import RunDirectory

    with RunDirectory.open(run) as opened:
        print(write(opened))


def compare(first: Path, second: Path, *, json: bool = False) -> None:
    """What differs between two runs, in settings, data, machine and results.

    Example: accord compare runs/demo runs/other

    Parameters
    ----------
    first
        A run.
    second
        Another run.
    json
        Print JSON.
    """
    from accord.report import compare as contrast
    from accord.report import render_comparison
    from accord.run import RunDirectory

    with RunDirectory.open(first, write=False) as left, RunDirectory.open(second, write=False) as right:
        comparison = contrast(left, right)
    if json:
        print_json(comparison.to_json())
    else:
        table_console().print(render_comparison(comparison))
