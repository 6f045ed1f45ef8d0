"""Runs that are there: `evaluate`, `audit`, `verify`, `report`, `compare`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from accord.cli.printing import complain, print_json, progress_display, table_console
from accord.errors import RecipeError

__all__ = ["audit", "compare", "evaluate", "report", "verify"]


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
        _evaluate_pairs(run, pairs, scores, json=json, trusted=trust_run)
        return
    from accord.artefacts import EVALUATION
    from accord.loop.drive import drive, recipe_of
    from accord.loop.head_to_head import head_to_head
    from accord.report import render_table, summary, to_json
    from accord.run import RunDirectory

    with RunDirectory.open(run, write=False) as opened:
        is_evaluated = EVALUATION.has(opened)
    with RunDirectory.open(run, write=not is_evaluated) as opened:
        if not is_evaluated:
            progress = progress_display(quiet=False, errors=json)
            drive(recipe_of(opened, trusted=trust_run), opened, progress, only=("evaluate",))
        if against is None:
            rows = summary(opened)
            print_json(to_json(rows)) if json else table_console().print(render_table(rows))
            return
        with RunDirectory.open(against, write=False) as other:
            estimates = head_to_head(recipe_of(opened, trusted=trust_run), opened, other)
    if json:
        print_json({name: estimate.to_json() for name, estimate in estimates.items()})
        return
    for name, estimate in estimates.items():
        print(f"{name:<20} {estimate}")


def _evaluate_pairs(run: Path, pairs: Path, scores: Path | None, *, json: bool, trusted: bool) -> None:
    from accord.loop.drive import recipe_of
    from accord.loop.rewards import judges_of
    from accord.loop.stage import Context, in_run
    from accord.report.words import clean
    from accord.reward.card.pair_file import by_subset, score_pair_file, write_scores
    from accord.run import RunDirectory

    with RunDirectory.open(run, write=False) as opened:
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


def audit(
    run: Path,
    *,
    only: list[str] | None = None,
    extension: list[Path] | None = None,
    audit_ledger: str | None = None,
    deployment_prompts: Path | None = None,
    plan: Path | None = None,
    questions: list[Path] | None = None,
    population: Path | None = None,
    json: bool = False,
    trust_run: Trust = False,
) -> int:
    """Put the claims of a run to the test again. The exit status is 1 where a check fires.

    Example: accord audit runs/demo --only RG2 --json

    Parameters
    ----------
    run
        The run.
    only
        A challenge (RG2, P-EOS); may be given more than once. Without it the findings replace the run's audit.json;
        with it the run is only read, also while it goes on.
    extension
        A Python file that registers checks of your own, besides those of the recipe; may be given more than once.
    audit_ledger
        What people were asked after the run, about its samples or anew: a ledger, a file or
        postgresql://user@host/database.
    deployment_prompts
        Prompts as they come where the policy is to work, in place of the run's own: JSON lines, or any file that
        `accord import` reads.
    plan
        A new folder: what the checks lack that could not be assessed or did not decide, how much of it, and the study
        files that would collect it.
    questions
        A file of multiple-choice questions that both models are asked, instead of those of the recipe; may be given
        more than once. Not with --only, which writes nothing.
    population
        A TOML file with the population that the answers are to stand for: a table for each attribute, a share for each
        group. It stands in the place of the recipe's.
    json
        Print the findings as JSON.
    """
    from accord.artefacts import RECIPE
    from accord.audit.evidence import Evidence
    from accord.audit.examine import examine
    from accord.audit.plan import write_plan
    from accord.extensions import load_extensions
    from accord.feedback.formats.prompt_files import read_prompts
    from accord.feedback.quality.composition import read_target
    from accord.loop.drive import recipe_of
    from accord.loop.questions import ask_questions, with_questions
    from accord.loop.rewards import judges_of
    from accord.loop.stage import Context, in_run
    from accord.recipe import Recipe
    from accord.run import RunDirectory

    if only and questions:
        raise RecipeError("--only reads a run and writes nothing, and --questions has both models asked; leave one out")
    load_extensions(extension or (), Path.cwd())
    deployed = None if deployment_prompts is None else read_prompts(deployment_prompts)
    with RunDirectory.open(run, write=not only) as opened:
        recipe = recipe_of(opened, trusted=trust_run) if RECIPE.has(opened) else Recipe()
        context = Context(in_run(with_questions(recipe, questions or ()), opened), opened)
        if not only:
            ask_questions(context)
        report = examine(
            opened,
            judges=judges_of(context),
            settings=recipe.audit,
            only=tuple(only or ()),
            trusted=trust_run,
            audit_ledger=audit_ledger,
            deployment_prompts=deployed,
            population=None if population is None else read_target(population),
        )
        if plan is not None:
            write_plan(report.findings, Evidence(opened, deployment_prompts=deployed), plan)
        if not only:
            report.write(opened)
    if json:
        print_json(report.to_json())
        return 1 if report.fired else 0
    for finding in report.findings:
        because = f" (Explained by {', '.join(finding.explained_by)}.)" if finding.explained_by else ""
        print(f"{finding.words:<26} {finding.challenge:<8} {finding.check:<14} {finding.result}{because}")
    return 1 if report.fired else 0


def verify(run: Path, *, json: bool = False) -> int:
    """Hold every file of a run against its manifest: weights, logs, scores, findings, page, checkpoints.

    The exit status is 2 where one is altered or missing, leads out of the run, or is not in the manifest.

    Example: accord verify runs/demo

    Parameters
    ----------
    run
        The run. It is only read, also while it goes on.
    json
        Print what is wrong as JSON.
    """
    from accord.run import RunDirectory
    from accord.run import verify as damages_of

    with RunDirectory.open(run, write=False) as opened:
        damages, files = damages_of(opened), len(opened.manifest.files)
    if json:
        print_json({"files": files, "damages": [vars(damage) for damage in damages]})
    else:
        for damage in damages:
            print(f"{damage.file}: {damage.problem}")
    if not damages:
        if not json:
            print(f"{run}: {files} files, all as they were written")
        return 0
    stages = " ".join(f"--again {stage}" for stage in dict.fromkeys(damage.stage for damage in damages) if stage)
    remedy = f"; `accord run RECIPE --out {run} {stages}` does again what was damaged" if stages else ""
    complain(f"{run}: {len(damages)} of its files are not what was written{remedy}")
    return 2


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
