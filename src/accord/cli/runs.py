"""Runs that are there: `evaluate`, `verify`, `report`, `compare`."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from accord.cli.printing import complain, print_json, progress_display, table_console
from accord.errors import RecipeError
from accord.extras import TRAIN, require

if TYPE_CHECKING:
    from accord.run import RunDirectory

__all__ = ["Trust", "compare", "evaluate", "report", "verify"]


Trust = Annotated[
    bool,
    Parameter(
        name="--trust-run",
        negative=(),
        help="Let the run have its own way: execute the code that its recipe names, open the database that it names.",
    ),
]


def evaluate(
    run: Path,
    *,
    against: Path | None = None,
    pairs: Path | None = None,
    scores: Path | None = None,
    json: bool = False,
    trust_run: Trust = False,
) -> None:
    """The numbers of a run with their intervals; against another run, how often its policy wins.

    Example: accord evaluate runs/demo --against runs/other

    Parameters
    ----------
    run
        The run. Where it was not evaluated yet, it is now; else it is only read, also while it goes on.
    against
        Another run on the same prompts; this run's judge reads both.
    pairs
        A file of pairs, such as RewardBench: how often the run's reward scores the better one higher, by subset.
    scores
        Where to write its scores of these pairs, as JSON lines with the columns of RewardBench.
    json
        Print JSON.
    """
    if pairs is not None or scores is not None:
        if pairs is None or against is not None:
            raise RecipeError("--scores says where the scores of --pairs FILE go, and --against is another question")
        require(TRAIN, "accord evaluate --pairs")
        _evaluate_pairs(run, pairs, scores, json=json, trusted=trust_run)
        return
    if against is not None:
        require(TRAIN, "accord evaluate --against")
    from accord.artefacts import EVALUATION, result_of
    from accord.report import render_table, summary, to_json
    from accord.run import RunDirectory

    run = result_of(run)
    with RunDirectory.open(run, write=False) as opened:
        is_evaluated = EVALUATION.has(opened)
    with RunDirectory.open(run, write=not is_evaluated) as opened:
        if not is_evaluated:
            require(TRAIN, f"{run} was not evaluated yet, which")
            from accord.loop.drive import drive, recipe_of

            progress = progress_display(quiet=False, errors=json)
            drive(recipe_of(opened, trusted=trust_run), opened, progress, only=("evaluate",))
        if against is None:
            rows = summary(opened)
            print_json(to_json(rows)) if json else table_console().print(render_table(rows))
            return
        from accord.loop.drive import recipe_of
        from accord.loop.head_to_head import head_to_head

        with RunDirectory.open(result_of(against), write=False) as other:
            estimates = head_to_head(recipe_of(opened, trusted=trust_run), opened, other)
    if json:
        print_json({name: estimate.to_json() for name, estimate in estimates.items()})
        return
    for name, estimate in estimates.items():
        print(f"{name:<20} {estimate}")


def _evaluate_pairs(run: Path, pairs: Path, scores: Path | None, *, json: bool, trusted: bool) -> None:
    from accord.artefacts import result_of
    from accord.loop.drive import recipe_of
    from accord.loop.rewards import judges_of
    from accord.loop.stage import Context, in_run
    from accord.report.words import clean
    from accord.reward.card.pair_file import by_subset, score_pair_file, write_scores
    from accord.run import RunDirectory

    with RunDirectory.open(result_of(run), write=False) as opened:
        judges = judges_of(Context(in_run(recipe_of(opened, trusted=trusted), opened), opened))
        if "reward" not in judges:
            raise RecipeError(f"{run}: no reward has been trained in this run; do its stage 'reward' first")
        scored = score_pair_file(judges["reward"], pairs)
    if scores is not None:
        write_scores(scored, scores)
    estimates = by_subset(scored)
    if json:
        print_json({name: estimate.to_json() for name, estimate in estimates.items()})
        return
    for name, estimate in estimates.items():
        print(f"{clean(name):<32} {estimate}")


def verify(run: Path, *, json: bool = False) -> int:
    """Hold every file of a run, of all of its rounds, against its manifest: weights, logs, scores, findings, page.

    The exit status is 2 where one is altered or missing, leads out of the run, or is not in the manifest.

    Example: accord verify runs/demo

    Parameters
    ----------
    run
        The run. It is only read, also while it goes on.
    json
        Print what is wrong as JSON.
    """
    from accord.run import RunDirectory, runs_within
    from accord.run import verify as damages_of

    damages, files = [], 0
    for folder in (run, *runs_within(run)):
        with RunDirectory.open(folder, write=False) as opened:
            files += len(opened.manifest.files)
            damages += [damage.below(folder.relative_to(run).as_posix()) for damage in damages_of(opened)]
    if json:
        print_json({"files": files, "damages": [vars(damage) for damage in damages]})
    else:
        for damage in damages:
            print(f"{damage.file}: {damage.problem}")
    if not damages:
        if not json:
            print(f"{run}: {files} files, all as they were written")
        return 0
    stages: dict[str, dict[str, None]] = {}
    for damage in damages:
        if damage.stage:
            stages.setdefault(damage.run, {})[f"--again {damage.stage}"] = None
    remedies = ", ".join(f"`accord run RECIPE --out {run / at} {' '.join(again)}`" for at, again in stages.items())
    remedy = f"; {remedies} does again what was damaged" if remedies else ""
    complain(f"{run}: {len(damages)} of its files are not what was written{remedy}")
    return 2


def report(run: Path) -> None:
    """Write a run and its audit as one page; of a run in rounds also the rounds side by side.

    Example: accord report runs/demo

    Parameters
    ----------
    run
        The run.
    """
    from accord.artefacts import ROUNDS, result_of
    from accord.report import write, write_rounds
    from accord.run import RunDirectory

    result = result_of(run)
    with RunDirectory.open(result) as opened:
        print(write(opened))
    if result != run:
        with RunDirectory.open(run) as opened:
            if ROUNDS.has(opened):
                print(write_rounds(opened))


def compare(first: Path, second: Path, *further: Path, html: Path | None = None, json: bool = False) -> None:
    """What differs between runs, in settings, data, machine and results; several side by side, also as a page.

    Example: accord compare runs/demo runs/other runs/third --html side-by-side.html

    Parameters
    ----------
    first
        A run.
    second
        Another run.
    further
        Further runs.
    html
        Write a page that stands alone, with courses over one another.
    json
        Print JSON.
    """
    from accord.artefacts import result_of
    from accord.report import compare as contrast
    from accord.report import render_comparison, render_several_tables, side_by_side
    from accord.run import RunDirectory

    with ExitStack() as opened:
        runs = [
            opened.enter_context(RunDirectory.open(result_of(path), write=False)) for path in (first, second, *further)
        ]
        if html is not None:
            _write_side_by_side(runs, html)
        elif further:
            several = side_by_side(runs, draw=False)
            print_json(several.to_json()) if json else table_console().print(render_several_tables(several))
        else:
            comparison = contrast(*runs)
            print_json(comparison.to_json()) if json else table_console().print(render_comparison(comparison))


def _write_side_by_side(runs: "list[RunDirectory]", file: Path) -> None:
    from accord.errors import storage
    from accord.report import render_several, side_by_side
    from accord.run import write_whole

    page = render_several(side_by_side(runs))
    with storage(file):
        write_whole(file, page.encode("utf-8"))
    print(file)
