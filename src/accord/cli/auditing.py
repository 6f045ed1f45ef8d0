"""`accord audit`: the claims of a run put to the test again."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from accord.cli.finding_lines import finding_lines
from accord.cli.printing import print_json
from accord.cli.runs import Trust
from accord.errors import RecipeError
from accord.extras import TRAIN, lacking, missing, require

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accord.audit import AuditSettings
    from accord.audit.examine import AuditReport
    from accord.foreign.settings import ReadingSettings
    from accord.interfaces import Judge
    from accord.recipe import Recipe
    from accord.run import RunDirectory

__all__ = ["audit"]


def audit(
    run: str,
    *,
    made_by: Annotated[Literal["trl", "verl", "openrlhf", "accord"] | None, Parameter(name="--from")] = None,
    judge: str | None = None,
    preferences: Path | None = None,
    held_out: Path | None = None,
    out: Path | None = None,
    only: list[str] | None = None,
    extension: list[Path] | None = None,
    audit_ledger: str | None = None,
    since: str | None = None,
    deployment_prompts: Path | None = None,
    plan: Path | None = None,
    questions: list[Path] | None = None,
    texts: list[Path] | None = None,
    beside: list[Path] | None = None,
    attacks: list[Path] | None = None,
    population: Path | None = None,
    settings: Path | None = None,
    json: bool = False,
    trust_run: Trust = False,
) -> int:
    """Put the claims of a run to the test again. The exit status is 1 where a check fires.

    Example: accord audit runs/demo --only RG2 --json

    Parameters
    ----------
    run
        The run: of accord, or a folder that TRL, verl or OpenRLHF left; or a ledger (a file, or
        postgresql://user@host/database), of which the feedback alone is audited.
    made_by
        Which software made it, where its folder does not say so by itself.
    judge
        Of a run of other software: the column of scores by somebody whom the policy was not trained to please.
    preferences
        Of a run of other software: the comparisons that were learnt from, in any file that `accord import` reads.
    held_out
        Of a run of other software: comparisons that were not learnt from.
    out
        Of a run of other software, or of a ledger: a new folder that keeps the run as it was read, and the findings.
    only
        A challenge (RG2, P-EOS); may be given more than once. Without it the findings replace the run's audit.json;
        with it the run is only read, also while it goes on.
    extension
        A Python file that registers checks of your own, besides those of the recipe; may be given more than once.
    audit_ledger
        What people were asked after the run, about its samples or anew: a ledger, a file or
        postgresql://user@host/database.
    since
        A ledger beside which `accord serve RUN --record LEDGER` recorded what the policy is asked and answers in use,
        which is held against the release (X8).
    deployment_prompts
        Prompts as they come where the policy is to work, in place of the run's own: JSON lines, or any file that
        `accord import` reads.
    plan
        A new folder: what the checks lack that could not be assessed or did not decide, how much of it, and the study
        files that would collect it; and what is to be collected anew where that is the remedy of what fires.
    questions
        A file of multiple-choice questions that both models are asked, instead of those of the recipe; may be given
        more than once. Not with --only, which writes nothing.
    texts
        A file of plain texts that both models foretell, instead of those of the recipe: JSON lines with `text`, or one
        that `[policy] pretrain_texts` may name; may be given more than once. Not with --only.
    beside
        A run of the same recipe with another seed (RL1, X7, RG1), or with another reward (RE1), whose model is asked
        too; may be given more than once.
    attacks
        A file of requests, system texts and canaries that both models are attacked with, instead of those of the
        recipe; may be given more than once. Not with --only.
    population
        A TOML file with the population that the answers are to stand for: a table for each attribute, a share for each
        group. It stands in the place of the recipe's.
    settings
        A TOML file with sections `[audit.*]` as a recipe has them, in the place of the run's own: of a run of other
        software too. What is named there as harmful or unsupported (`[audit.harm]`) is looked for before the checks,
        but not with --only.
    json
        Print the findings as JSON.
    """
    from accord.extensions import load_extensions
    from accord.foreign.settings import ReadingSettings

    for option, files in (("--questions", questions), ("--texts", texts), ("--attacks", attacks)):
        if only and files:
            raise RecipeError(
                f"--only reads a run and writes nothing, and {option} has both models asked; leave one out"
            )
        if files:
            require(TRAIN, option)
    load_extensions(extension or (), Path.cwd())
    report, source = _examined(
        _Asked(
            location=run,
            made_by=made_by,
            reading=ReadingSettings(judge, preferences, held_out),
            out=out,
            only=tuple(only or ()),
            questions=tuple(questions or ()),
            texts=tuple(texts or ()),
            attacks=tuple(attacks or ()),
            beside=tuple(beside or ()),
            audit_ledger=audit_ledger,
            since=since,
            deployment_prompts=deployment_prompts,
            population=population,
            settings=settings,
            plan=plan,
            trusted=trust_run,
        )
    )
    if json:
        print_json(report.to_json() | source)
    else:
        print("\n".join((*source.get("notes", ()), *finding_lines(report.findings))))
    return 1 if report.fired else 0


@dataclass(frozen=True)
class _Asked:
    """What is to be audited, and how: the command line."""

    location: str
    made_by: str | None
    reading: "ReadingSettings"
    out: Path | None
    only: tuple[str, ...]
    questions: tuple[Path, ...]
    texts: tuple[Path, ...]
    attacks: tuple[Path, ...]
    beside: tuple[Path, ...]
    audit_ledger: str | None
    since: str | None
    deployment_prompts: Path | None
    population: Path | None
    settings: Path | None
    plan: Path | None
    trusted: bool


def _examined(asked: _Asked) -> tuple["AuditReport", dict[str, Any]]:
    """The audit of a run; and of one that is not accord's, by whom it was made, and what was read of it.

    What `only` does not narrow is written into the run, and the plan beside it. Where models cannot be opened, the run
    is read as far as it goes without, and the findings of an audit that was made with them stay.
    """
    from accord.artefacts import FINDINGS
    from accord.audit.deployment.since_release import write_since_release
    from accord.audit.evidence import Evidence
    from accord.audit.examine import examine
    from accord.audit.plan import write_plan
    from accord.feedback.formats.prompt_files import read_prompts
    from accord.feedback.quality.composition import read_target
    from accord.loop.audited import audited_run

    deployed = None if asked.deployment_prompts is None else read_prompts(asked.deployment_prompts)
    population = None if asked.population is None else read_target(asked.population)
    with audited_run(
        asked.location, made_by=asked.made_by, out=asked.out, write=not asked.only, reading=asked.reading
    ) as audited:
        if (asked.questions or asked.texts or asked.attacks) and not audited.is_of_accord:
            raise RecipeError(
                "--questions, --texts and --attacks have the models of a run of accord asked; leave them out"
            )
        recipe: Recipe | None = None
        judges = dict(audited.judges)
        if not missing(TRAIN):
            recipe, judges = _recipe_and_judges(audited.run, asked, audited.judges)
            judges |= _rewards_beside(asked)
        report = examine(
            audited.run,
            judges=judges,
            settings=_settings_alone(audited.run, asked) if recipe is None else recipe.audit,
            only=asked.only,
            trusted=asked.trusted or not audited.is_of_accord,
            audit_ledger=asked.audit_ledger,
            since=asked.since,
            deployment_prompts=deployed,
            population=population,
            beside=asked.beside,
            elsewhere=audited.elsewhere,
        )
        if audited.is_of_accord and recipe is not None:
            from accord.loop.remedies import with_recipe_lines

            report = with_recipe_lines(report, recipe)
        if asked.plan is not None:
            evidence = Evidence(audited.run, deployment_prompts=deployed, since=asked.since)
            write_plan(report.findings, evidence, asked.plan)
        stays = recipe is None and not asked.only and FINDINGS.has(audited.run)
        if not asked.only and not stays:
            report.write(audited.run)
            if asked.since is not None:
                write_since_release(audited.run, asked.since, report.findings)
    notes = [] if recipe is not None or audited.made_by == "ledger" else [_without_models(stays=stays)]
    if audited.is_of_accord:
        return report, {"notes": notes} if notes else {}
    return report, {"made_by": audited.made_by, "notes": [*audited.notes, *notes]}


def _without_models(*, stays: bool) -> str:
    kept = " The findings of the audit that is in the run stay as they are." if stays else ""
    return f"No model was opened: that takes {lacking(TRAIN)}.{kept}"


def _settings_alone(run: "RunDirectory", asked: _Asked) -> "AuditSettings":
    """The thresholds of a run whose recipe cannot be read whole, since the settings of training are not installed."""
    from accord.artefacts import RECIPE
    from accord.audit import AuditSettings
    from accord.loop.named_code import check_extensions, extensions_named_in, refuse_code
    from accord.recipe import load_audit_section

    if RECIPE.has(run):
        refuse_code(run, trusted=asked.trusted)
        check_extensions(extensions_named_in(run), run)
    if asked.settings is not None:
        return load_audit_section(asked.settings)
    return load_audit_section(RECIPE.verified(run)) if RECIPE.has(run) else AuditSettings()


def _rewards_beside(asked: _Asked) -> "dict[str, Judge]":
    """The rewards of the runs beside, by the names under which the audit looks for them."""
    from accord.artefacts import RECIPE, result_of
    from accord.audit.evidence import REWARD_BESIDE
    from accord.loop.drive import recipe_of
    from accord.loop.rewards import judges_of
    from accord.loop.stage import Context, in_run
    from accord.run import RunDirectory

    found: dict[str, Judge] = {}
    for path in asked.beside:
        with RunDirectory.open(result_of(path), write=False) as run:
            if RECIPE.has(run):
                judges = judges_of(Context(in_run(recipe_of(run, trusted=asked.trusted), run), run))
                found |= {f"{REWARD_BESIDE}{path}": judges["reward"]} if "reward" in judges else {}
    return found


def _recipe_and_judges(
    run: "RunDirectory", asked: _Asked, others: "Mapping[str, Judge]"
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

    recipe = recipe_of(run, trusted=asked.trusted) if RECIPE.has(run) else Recipe()
    if asked.settings is not None:
        recipe = recipe.model_copy(update={"audit": load(asked.settings).audit})
    recipe = with_attacks(with_texts(with_questions(recipe, asked.questions), asked.texts), asked.attacks)
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
