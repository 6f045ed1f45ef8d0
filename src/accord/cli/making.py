"""Runs that are made: `demo`, `init`, `check`, `run`."""

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from accord.cli.printing import complain, overrides, print_json, progress_display, table_console
from accord.cli.seeds import run_seeds
from accord.errors import AccordError, RecipeError
from accord.extras import TRAIN, require
from accord.run.stopping import ending_by_signal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from accord.loop.estimates import StageEstimate
    from accord.loop.preflight import Preflight
    from accord.loop.progress import ProgressDisplay
    from accord.recipe import Recipe

__all__ = ["check", "demo", "help_first", "init", "run"]

Set = Annotated[
    list[str] | None,
    Parameter(name="--set", negative=(), help="A recipe value, key=value; `--policy.kl_coef 0.1` is the same."),
]


def demo(*, out: Path = Path("runs/demo"), tiny: bool = False, quiet: bool = False) -> int:
    """RLHF on real human ratings with a packaged model, from feedback to report. Goes on where it was stopped.

    Example: accord demo --tiny --out runs/tiny

    Parameters
    ----------
    out
        The folder of the run. The ratings' ledger lies beside it.
    tiny
        The same stages on a model of some 40,000 weights: under two minutes, and no good at writing.
    quiet
        Print nothing but the result.
    """
    require(TRAIN, "accord demo")
    from accord.loop.demo import demo_recipe, dtype_note

    progress = progress_display(quiet=quiet)
    recipe = demo_recipe(out, tiny=tiny)
    if recipe.data.about:
        progress.say(recipe.data.about)
    if not tiny:
        progress.say(dtype_note())

    def work() -> int:
        _drive(recipe, out, progress, resume=True)
        return 0

    return _to_its_end(work)


def init(folder: Path) -> None:
    """Write a small recipe and some feedback to edit: `accord run FOLDER/recipe.toml` runs as it stands.

    Example: accord init my-run

    Parameters
    ----------
    folder
        Where to write; nothing that is there is overwritten.
    """
    from accord.loop.starting import write_starter

    for path in write_starter(folder):
        print(path)
    recipe = folder / "recipe.toml"
    print(f"next: accord check {recipe} && accord run {recipe}")


def check(recipe: Path, *, set_: Set = None, measure: bool = False, full: bool = False, json: bool = False) -> int:
    """What a recipe would do, stage by stage, and everything that would stop it. Nothing is started.

    Example: accord check my-run/recipe.toml --policy.kl_coef 0.1 --measure

    Parameters
    ----------
    recipe
        The recipe, a TOML file.
    measure
        Try three steps of each stage in a folder that goes away, and say about how long the run will take on this
        machine and how much memory, and by which paths its models are computed here, and why. Models and judges of the
        recipe are opened and asked; nothing is fetched for it.
    full
        Print the recipe with all its values before, as TOML that can be run.
    json
        Print the same as JSON, the recipe with all its values too.
    """
    require(TRAIN, "accord check")
    from accord import recipe as recipes
    from accord.lm.paths import told_paths
    from accord.loop.devices import paths_before
    from accord.loop.preflight import preflight

    resolved = recipes.load(recipe, overrides(set_ or []), say=complain)
    findings = preflight(resolved)
    estimates = _measured(resolved) if measure and not findings.problems else []
    paths = told_paths() or [("", path) for path in paths_before(resolved)]
    if json:
        print_json(
            {
                "recipe": resolved.model_dump(mode="json", exclude_none=True),
                "stages": [stage.stage for stage in findings.plan],
                "plan": [asdict(stage) for stage in findings.plan],
                "estimates": [asdict(estimate) for estimate in estimates],
                "paths": [{"model": name, **asdict(path)} for name, path in paths],
                "problems": findings.problems,
                "notes": findings.notes,
            }
        )
        return 2 if findings.problems else 0
    if full:
        print(recipes.dump(resolved))
    for line in _lines_of(findings, estimates, [f"{name or 'here'}: {path}" for name, path in paths]):
        print(f"# {line}" if full else line)
    return 2 if findings.problems else 0


def _measured(recipe: "Recipe") -> "list[StageEstimate]":
    from accord.loop.estimates import estimate_run

    complain("trying three steps of each stage")
    return estimate_run(recipe)


def _lines_of(findings: "Preflight", estimates: "Sequence[StageEstimate]", paths: "Sequence[str]") -> "Iterator[str]":
    width = max((len(stage.stage) for stage in findings.plan), default=0)
    by_stage = {estimate.stage: estimate for estimate in estimates}
    for stage in findings.plan:
        steps = "" if stage.steps is None else f"; {stage.steps:,} {'step' if stage.steps == 1 else 'steps'}"
        estimate = f"; {by_stage[stage.stage].words}" if stage.stage in by_stage else ""
        yield f"{stage.stage:<{width}}  {stage.does}{steps}{estimate}"
    yield from (f"problem: {problem}" for problem in findings.problems)
    yield from (f"note: {note}" for note in findings.notes)
    if not findings.problems:
        yield from paths
        yield from _whole(estimates)
        yield "nothing is missing"


def _whole(estimates: "Sequence[StageEstimate]") -> "Iterator[str]":
    """All stages together, or why that is not known."""
    if not estimates:
        yield "time and memory: not measured (--measure)"
        return
    from accord.loop.estimates import in_all

    if estimates[0].seconds is not None:
        yield f"in all {in_all(estimates).words}, foretold from a few steps of each stage on this machine"
    if estimates[-1].problem:
        yield f"time and memory {'behind it ' if estimates[-1].stage else ''}not foretold: {estimates[-1].problem}"


def run(
    recipe: Path,
    *,
    out: Path | None = None,
    resume: bool = False,
    only: list[str] | None = None,
    again: list[str] | None = None,
    from_: Annotated[Path | None, Parameter(name="--from")] = None,
    set_: Set = None,
    seeds: str | None = None,
    quiet: bool = False,
) -> int:
    """Run a recipe: all its stages, or some; once, or with several seeds.

    Example: accord run my-run/recipe.toml --resume --policy.kl_coef 0.1

    Parameters
    ----------
    recipe
        The recipe, a TOML file.
    out
        The folder of the run; runs/NAME where NAME is the recipe's, or its folder's for a recipe.toml.
    resume
        Go on with the run that is there.
    only
        A stage (data sft reward rewards/NAME eval_reward policy evaluate judges/NAME metrics/NAME audit report); may
        be given more than once.
    again
        A stage to do again in the run that is there, with all that builds on it: what they left is deleted. May be
        given more than once.
    from_
        A run whose finished stages are taken where they would be the same here, by hard links; the others, and what
        builds on them, are done anew, and it is said why.
    seeds
        A:B, for one run with each of the seeds A to B - 1, in folders seed-A ... of `out`; then each number's spread
        over them, and what the audit says of it (RL1, X7). Runs that are there go on.
    quiet
        Print nothing but the result.
    """
    require(TRAIN, "accord run")
    from accord.artefacts import RECIPE

    changes = overrides(set_ or [])
    name = recipe.resolve().parent.name if recipe.name == RECIPE.file else recipe.stem
    out = out or Path("runs") / name
    chosen: dict[str, Any] = {"only": tuple(only or ()), "again": tuple(again or ())}
    if from_ is not None and (again or seeds is not None):
        raise RecipeError(
            "--from takes stages of one run that are done, and --again and --seeds do some: leave one out"
        )
    whole: dict[str, Any] = {
        "recipe": recipe,
        "changes": changes,
        "out": out,
        "source": from_,
        "seeds": seeds,
        "quiet": quiet,
    }
    return _to_its_end(lambda: _run(whole | chosen, resume=resume))


def _to_its_end(work: "Callable[[], int]") -> int:
    """The exit status of `work`, which a signal may end. What ended it is said before signals are what they were."""
    with ending_by_signal():
        try:
            return work()
        except AccordError as error:
            complain(str(error))
            return error.exit_status


def _run(arguments: dict[str, Any], *, resume: bool) -> int:
    """What `run` does, where the recipe has it done."""
    from accord import recipe as recipes
    from accord.train.ranks import process_group

    with process_group():
        settings = recipes.load(arguments["recipe"], arguments["changes"], say=complain)
        if settings.engine.kind == "ray":
            return _run_on_cluster(settings, arguments, resume=resume)
        _run_here(**arguments, resume=resume)
    return 0


def _run_on_cluster(settings: "Recipe", arguments: dict[str, Any], *, resume: bool) -> int:
    """The same by the learners of a cluster; the exit status of the first of them."""
    from accord.cluster.learners import Work, run_by_learners
    from accord.loop.following import follow

    paths = {name: arguments[name].resolve() for name in ("recipe", "out", "source") if arguments[name] is not None}
    first = {**arguments, **paths, "resume": resume}
    work = Work(_run_here, follow, first, {**first, "resume": True, "again": ()}, Path.cwd(), paths["out"].parent)
    ending = run_by_learners(settings.engine, work, complain)
    if ending.message:
        complain(ending.message)
    return ending.status


def _run_here(
    recipe: Path,
    changes: dict[str, str],
    out: Path,
    source: Path | None,
    seeds: str | None,
    quiet: bool,
    only: tuple[str, ...],
    again: tuple[str, ...],
    resume: bool,
) -> None:
    """What `run` does, in the process that does the run."""
    from accord import recipe as recipes

    chosen: dict[str, Any] = {"only": only, "again": again}
    if seeds is not None:
        run_seeds(recipe, out, seeds, changes, partial(_drive, **chosen), quiet)
        return
    settings, progress = recipes.load(recipe, changes), progress_display(quiet=quiet)
    _drive(settings, out, progress, resume=resume or bool(again), source=source, **chosen)


def help_first() -> None:
    """Take part in what the first of the processes trains that torchrun started; it says whatever there is to say."""
    try:
        require(TRAIN, "accord run")
        from accord.loop.following import follow
        from accord.train.ranks import process_group

        with process_group():
            follow()
    except AccordError:
        return  # as the first one finds too


def _drive(
    recipe: "Recipe",
    out: Path,
    progress: "ProgressDisplay",
    *,
    resume: bool,
    only: tuple[str, ...] = (),
    again: tuple[str, ...] = (),
    source: Path | None = None,
) -> None:
    from accord.artefacts import FINDINGS, REPORT, Verdict
    from accord.loop.devices import check_devices
    from accord.loop.drive import drive, start_run
    from accord.loop.reuse import check_source, reuse_stages
    from accord.report import render_table, summary

    for note in check_devices(recipe):
        progress.say(f"note: {note}")
    if recipe.loop is not None:
        if source is not None:
            raise RecipeError(
                "--from: this recipe has rounds, each of which goes on from the one before; leave --from or [loop] out"
            )
        _drive_rounds(recipe, out, progress, resume=resume, only=only, again=again)
        return
    if source is not None:
        check_source(recipe, source, out)
    with start_run(recipe, out, resume=resume, again=again) as opened:
        for line in reuse_stages(recipe, opened, source, only=only) if source is not None else ():
            progress.say(line)
        drive(recipe, opened, progress, only=only)
        table_console().print(render_table(summary(opened)))
        if FINDINGS.has(opened):
            findings = FINDINGS.read(opened)
            fired = [finding.id for finding in findings if finding.verdict is Verdict.FIRES]
            print(f"audit: {len(findings)} checks, fired: {', '.join(fired) or 'none'}")
        if REPORT.has(opened):
            print(f"report: {opened.path / REPORT.path()}")


def _drive_rounds(
    recipe: "Recipe",
    out: Path,
    progress: "ProgressDisplay",
    *,
    resume: bool,
    only: tuple[str, ...],
    again: tuple[str, ...],
) -> None:
    from accord.artefacts import REPORT, folder_of_round
    from accord.loop.drive import start_run
    from accord.loop.rounds import drive_rounds
    from accord.report.rounds import rounds_table
    from accord.report.rounds_page import write_rounds

    if only or again:
        flag = "--only" if only else "--again"
        raise RecipeError(
            f"{flag}: this recipe has rounds, whose stages are made in order; a round is a run of its own: `accord run "
            f"{out}/rounds/NN/recipe.toml --out {out}/rounds/NN {flag} STAGE`"
        )
    with start_run(recipe, out, resume=resume) as opened:
        summary = drive_rounds(recipe, opened, progress)
        page = write_rounds(opened)
    table_console().print(rounds_table(summary))
    print(f"rounds: {page}")
    print(f"report: {folder_of_round(out, summary.result) / REPORT.path()}")
