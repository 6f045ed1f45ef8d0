"""`accord audit`: the claims of a run put to the test again, and how the findings are printed."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from accord.cli.printing import print_json
from accord.cli.runs import Trust
from accord.errors import RecipeError

if TYPE_CHECKING:
    from accord.artefacts import Finding
    from accord.audit.examine import AuditReport

__all__ = ["audit"]

COUNTED = {"FIRES": "fire", "QUIET": "quiet", "INCONCLUSIVE": "inconclusive", "NOT_ASSESSABLE": "not assessable"}


def audit(
    run: Path,
    *,
    only: list[str] | None = None,
    extension: list[Path] | None = None,
    audit_ledger: str | None = None,
    deployment_prompts: Path | None = None,
    plan: Path | None = None,
    questions: list[Path] | None = None,
    attacks: list[Path] | None = None,
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
    attacks
        A file of requests, system texts and canaries that both models are attacked with, instead of those of the
        recipe; may be given more than once. Not with --only.
    population
        A TOML file with the population that the answers are to stand for: a table for each attribute, a share for each
        group. It stands in the place of the recipe's.
    json
        Print the findings as JSON.
    """
    from accord.extensions import load_extensions

    for option, files in (("--questions", questions), ("--attacks", attacks)):
        if only and files:
            raise RecipeError(
                f"--only reads a run and writes nothing, and {option} has both models asked; leave one out"
            )
    load_extensions(extension or (), Path.cwd())
    report = _examined(
        run,
        only=tuple(only or ()),
        questions=tuple(questions or ()),
        attacks=tuple(attacks or ()),
        audit_ledger=audit_ledger,
        deployment_prompts=deployment_prompts,
        population=population,
        plan=plan,
        trusted=trust_run,
    )
    if json:
        print_json(report.to_json())
    else:
        print("\n".join(_lines(report.findings)))
    return 1 if report.fired else 0


def _examined(
    path: Path,
    *,
    only: tuple[str, ...],
    questions: tuple[Path, ...],
    attacks: tuple[Path, ...],
    audit_ledger: str | None,
    deployment_prompts: Path | None,
    population: Path | None,
    plan: Path | None,
    trusted: bool,
) -> "AuditReport":
    """The audit of a run by its own recipe; what `only` does not narrow is written into it, and the plan beside it."""
    from accord.artefacts import RECIPE
    from accord.audit.evidence import Evidence
    from accord.audit.examine import examine
    from accord.audit.plan import write_plan
    from accord.feedback.formats.prompt_files import read_prompts
    from accord.feedback.quality.composition import read_target
    from accord.loop.attacks import attack_arms, with_attacks
    from accord.loop.drive import recipe_of
    from accord.loop.questions import ask_questions, with_questions
    from accord.loop.rewards import judges_of
    from accord.loop.stage import Context, in_run
    from accord.recipe import Recipe
    from accord.run import RunDirectory

    deployed = None if deployment_prompts is None else read_prompts(deployment_prompts)
    with RunDirectory.open(path, write=not only) as opened:
        recipe = recipe_of(opened, trusted=trusted) if RECIPE.has(opened) else Recipe()
        asked = with_attacks(with_questions(recipe, questions), attacks)
        context = Context(in_run(asked, opened), opened)
        if not only:
            ask_questions(context)
            attack_arms(context)
        report = examine(
            opened,
            judges=judges_of(context),
            settings=recipe.audit,
            only=only,
            trusted=trusted,
            audit_ledger=audit_ledger,
            deployment_prompts=deployed,
            population=None if population is None else read_target(population),
        )
        if plan is not None:
            write_plan(report.findings, Evidence(opened, deployment_prompts=deployed), plan)
        if not only:
            report.write(opened)
    return report


def _lines(findings: Sequence["Finding"]) -> Iterator[str]:
    """What fires first, with its remedy; what did not decide, with what it would take; checks by what they lack."""
    from accord.artefacts import Verdict

    of_verdict = {verdict: [each for each in findings if each.verdict is verdict] for verdict in Verdict}
    for verdict in (Verdict.FIRES, Verdict.INCONCLUSIVE, Verdict.QUIET):
        for finding in of_verdict[verdict]:
            because = f" (Explained by {', '.join(finding.explained_by)}.)" if finding.explained_by else ""
            yield f"{finding.words:<26} {finding.id:<22} {finding.result}{because}"
            if verdict is Verdict.FIRES:
                yield f"{'':<26} {'':<22} Remedy: {finding.remedy}"
            if verdict is Verdict.INCONCLUSIVE:
                yield f"{'':<26} {'':<22} To decide: {finding.needs}."
    lacking: dict[str, list[str]] = {}
    for finding in of_verdict[Verdict.NOT_ASSESSABLE]:
        lacking.setdefault(finding.needs, []).append(finding.id)
    for needs, ids in lacking.items():
        yield f"{'not assessable':<26} {', '.join(ids)}: missing: {needs}."
    counts = ", ".join(f"{len(group)} {COUNTED[verdict]}" for verdict, group in of_verdict.items() if group)
    wanting = lacking or of_verdict[Verdict.INCONCLUSIVE]
    yield f"{len(findings)} checks: {counts}" + ("; `--plan FOLDER` writes what to collect." if wanting else ".")
