"""`accord audit`: the claims of a run put to the test again."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from accord.cli.audit_options import AuditOptions
from accord.cli.finding_lines import finding_lines
from accord.cli.printing import print_json
from accord.errors import RecipeError
from accord.extras import TRAIN, lacking, missing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from accord.audit import AuditSettings
    from accord.audit.examine import AuditReport
    from accord.feedback.statistics.raking import Target
    from accord.interfaces import Judge
    from accord.loop.audited import Audited
    from accord.recipe import Recipe
    from accord.records import Prompt
    from accord.run import RunDirectory

__all__ = ["audit"]

NO_OPTIONS = AuditOptions()


def audit(
    run: str,
    *,
    options: AuditOptions = NO_OPTIONS,
    extension: list[Path] | None = None,
    json: bool = False,
) -> int:
    """Put the claims of a run to the test again. The exit status is 1 where a check fires.

    Example: accord audit runs/demo --only RG2 --json

    Parameters
    ----------
    run
        The run: of accord, or a folder that TRL, verl or OpenRLHF left; or a ledger (a file, or
        postgresql://user@host/database), of which the feedback alone is audited.
    extension
        A Python file that registers checks of your own, besides those of the recipe; may be given more than once.
    json
        Print the findings as JSON.
    """
    from accord.extensions import load_extensions

    options.check()
    load_extensions(extension or (), Path.cwd())
    report, source = _examined(run, options)
    if json:
        print_json(report.to_json() | source)
    else:
        print("\n".join((*source.get("notes", ()), *finding_lines(report.findings))))
    return 1 if report.fired else 0


class _NamedFiles(NamedTuple):
    """What stands in the place of the run's own prompts of its deployment, and of its population."""

    prompts: "Sequence[Prompt] | None"
    population: "Target | None"

    @classmethod
    def of(cls, asked: AuditOptions) -> "_NamedFiles":
        """Read before any model is opened, so that what is wrong with them is said at once."""
        from accord.feedback.formats.prompt_files import read_prompts
        from accord.feedback.quality.composition import read_target

        return cls(
            None if asked.deployment_prompts is None else read_prompts(asked.deployment_prompts),
            None if asked.population is None else read_target(asked.population),
        )


def _examined(location: str, asked: AuditOptions) -> tuple["AuditReport", dict[str, Any]]:
    """The audit of a run; and of one that is not accord's, by whom it was made, and what was read of it.

    Where models cannot be opened, the run is read as far as it goes without.
    """
    from accord.loop.audited import audited_run

    files = _NamedFiles.of(asked)
    with audited_run(
        location, made_by=asked.made_by, out=asked.out, write=not asked.only, reading=asked.reading
    ) as audited:
        if asked.asks_models and not audited.is_of_accord:
            raise RecipeError(
                "--questions, --texts and --attacks have the models of a run of accord asked; leave them out"
            )
        recipe: Recipe | None = None
        judges = dict(audited.judges)
        if not missing(TRAIN):
            recipe, judges = _recipe_and_judges(audited.run, asked, audited.judges)
            judges |= _rewards_beside(asked)
        report = _report(audited, asked, files, recipe, judges)
        stays = _stays(audited.run, asked, recipe)
        if not asked.only and not stays:
            _write(report, audited.run, asked)
    notes = [] if recipe is not None or audited.made_by == "ledger" else [_without_models(stays=stays)]
    if audited.is_of_accord:
        return report, {"notes": notes} if notes else {}
    return report, {"made_by": audited.made_by, "notes": [*audited.notes, *notes]}


def _report(
    audited: "Audited",
    asked: AuditOptions,
    files: "_NamedFiles",
    recipe: "Recipe | None",
    judges: "Mapping[str, Judge]",
) -> "AuditReport":
    """What the checks say, with the lines of the recipe that are to be changed; the plan is written where one is asked
    for.
    """
    from accord.audit.evidence import Evidence
    from accord.audit.examine import examine
    from accord.audit.plan import write_plan

    report = examine(
        audited.run,
        judges=judges,
        settings=_settings_alone(audited.run, asked) if recipe is None else recipe.audit,
        only=asked.only or (),
        trusted=asked.trust_run or not audited.is_of_accord,
        audit_ledger=asked.audit_ledger,
        since=asked.since,
        deployment_prompts=files.prompts,
        population=files.population,
        beside=asked.beside or (),
        elsewhere=audited.elsewhere,
    )
    if audited.is_of_accord and recipe is not None:
        from accord.loop.remedies import with_recipe_lines

        report = with_recipe_lines(report, recipe)
    if asked.plan is not None:
        evidence = Evidence(audited.run, deployment_prompts=files.prompts, since=asked.since)
        write_plan(report.findings, evidence, asked.plan)
    return report


def _stays(run: "RunDirectory", asked: AuditOptions, recipe: "Recipe | None") -> bool:
    """Whether findings that were made with models stay, since none could be opened now."""
    from accord.artefacts import FINDINGS

    return recipe is None and not asked.only and FINDINGS.has(run)


def _write(report: "AuditReport", run: "RunDirectory", asked: AuditOptions) -> None:
    """Keep the findings in the run, and what was found since its release."""
    from accord.audit.deployment.since_release import write_since_release

    report.write(run)
    if asked.since is not None:
        write_since_release(run, asked.since, report.findings)


def _without_models(*, stays: bool) -> str:
    kept = " The findings of the audit that is in the run stay as they are." if stays else ""
    return f"No model was opened: that takes {lacking(TRAIN)}.{kept}"


def _settings_alone(run: "RunDirectory", asked: AuditOptions) -> "AuditSettings":
    """The thresholds of a run whose recipe cannot be read whole, since the settings of training are not installed."""
    from accord.artefacts import RECIPE
    from accord.audit import AuditSettings
    from accord.loop.named_code import check_extensions, extensions_named_in, refuse_code
    from accord.recipe import load_audit_section

    if RECIPE.has(run):
        refuse_code(run, trusted=asked.trust_run)
        check_extensions(extensions_named_in(run), run)
    if asked.settings is not None:
        return load_audit_section(asked.settings)
    return load_audit_section(RECIPE.verified(run)) if RECIPE.has(run) else AuditSettings()


def _rewards_beside(asked: AuditOptions) -> "dict[str, Judge]":
    """The rewards of the runs beside, by the names under which the audit looks for them."""
    from accord.artefacts import RECIPE, result_of
    from accord.audit.evidence import REWARD_BESIDE
    from accord.loop.drive import recipe_of
    from accord.loop.rewards import judges_of
    from accord.loop.stage import Context, in_run
    from accord.run import RunDirectory

    found: dict[str, Judge] = {}
    for path in asked.beside or ():
        with RunDirectory.open(result_of(path), write=False) as run:
            if RECIPE.has(run):
                judges = judges_of(Context(in_run(recipe_of(run, trusted=asked.trust_run), run), run))
                found |= {f"{REWARD_BESIDE}{path}": judges["reward"]} if "reward" in judges else {}
    return found


def _recipe_and_judges(
    run: "RunDirectory", asked: AuditOptions, others: "Mapping[str, Judge]"
) -> tuple["Recipe", "dict[str, Judge]"]:
    """A run's recipe, all defaults where it has none, and its judges, `others` among them.

    Its models are asked the audit's questions before, and its samples looked at for harm.
    """
    from accord.artefacts import RECIPE
    from accord.loop.attacks import attack_arms, with_attacks
    from accord.loop.compared_texts import compare_changed_references
    from accord.loop.drive import recipe_of
    from accord.loop.harm import mark_harm
    from accord.loop.meanings import sort_answers
    from accord.loop.questions import ask_questions, with_questions
    from accord.loop.rewards import judges_of
    from accord.loop.stage import Context, in_run
    from accord.loop.steering import ask_challenging
    from accord.loop.texts import foretell_texts, with_texts
    from accord.recipe import Recipe, load

    recipe = recipe_of(run, trusted=asked.trust_run) if RECIPE.has(run) else Recipe()
    if asked.settings is not None:
        recipe = recipe.model_copy(update={"audit": load(asked.settings).audit})
    recipe = with_attacks(
        with_texts(with_questions(recipe, asked.questions or ()), asked.texts or ()), asked.attacks or ()
    )
    context = Context(in_run(recipe, run), run)
    if not asked.only:
        ask_questions(context)
        foretell_texts(context)
        sort_answers(context)
        attack_arms(context)
        ask_challenging(context)
        mark_harm(context, others)
    judges = {**judges_of(context), **others}
    if not asked.only:
        compare_changed_references(context, judges)
    return recipe, judges
