"""The first stage: feedback into the ledger where a source is named, and from the ledger the examples of the run."""

from collections.abc import Sequence
from dataclasses import replace
from os.path import relpath
from pathlib import Path

from accord.artefacts import ASKED_TEXTS, DEPLOYMENT_PROMPTS, POPULATION, Population, TrustSummary
from accord.errors import RecipeError
from accord.feedback import (
    Dataset,
    Ledger,
    consensus_accuracy,
    draw_dataset,
    import_feedback,
    pair_agreement,
    weigh,
    write_data,
)
from accord.feedback.dataset.structured import plain_texts
from accord.feedback.formats.prompt_files import read_prompts
from accord.feedback.store.stored_records import StoredFeedback, StoredRecords
from accord.loop.earlier_round import splits_before
from accord.loop.learnt_kinds import learnt_kinds, no_examples, unlearnt_note
from accord.loop.lengths import fitting
from accord.loop.stage import Context
from accord.recipe import Data, Recipe
from accord.records import Completion, Feedback, Prompt
from accord.run import InputEntry, digest_of, digest_of_folder

__all__ = ["data"]


def data(context: Context) -> None:
    """Import, draw pairs and examples, split them by whole units, and write what the later stages read.

    Raises `RecipeError` where nothing is left to learn from.
    """
    recipe, run, progress = context.recipe, context.run, context.progress
    settings = recipe.data
    with Ledger(settings.ledger) as ledger:
        _import(context, ledger)
        upto = ledger.last_row
        with progress.busy("  data: drawing pairs"):
            read = settings.selection.of(StoredFeedback.of(ledger, upto), ledger.evaluators())
            if not read and learnt_kinds(recipe):
                raise RecipeError(
                    f"{ledger.location}: there is no feedback in it; `accord import` or `accord collect` adds some"
                )
            prompts, completions = StoredRecords.of(ledger, Prompt), StoredRecords.of(ledger, Completion)
            plain = plain_texts(read, prompts, completions, settings.structured)
            prompts = prompts.without(plain.without)
            fit = fitting(recipe, plain.feedback, prompts, completions, source=_file(settings))
            feedback = fit.feedback
            dataset = _draw(ledger, feedback, recipe, run.seed, fit.without | plain.without)
            dataset = _newest_asking(context, dataset)
            dataset, trust = _weigh(dataset, settings)
            held_out = dataset.feedback["held_out"]
            agreement = pair_agreement(held_out, evaluators=dataset.evaluators)
            consensus = consensus_accuracy(dataset.pairs["held_out"], held_out, dataset.evaluators)
        for note in filter(None, (plain.note, fit.note, unlearnt_note(recipe, feedback))):
            progress.say(f"  data: {note}")
        if recipe.sft is not None and not dataset.examples:
            raise RecipeError(no_examples(dataset, settings))
        write_data(
            run,
            dataset,
            ledger=ledger,
            upto=upto,
            about=settings.about,
            agreement=agreement,
            consensus=consensus,
            trust=trust,
            stage=context.stage,
        )
    _write_population(context)
    _note_files(context)
    if settings.deployment_prompts is not None:
        DEPLOYMENT_PROMPTS.write(run, read_prompts(settings.deployment_prompts), stage=context.stage)
    counts = ", ".join(f"{len(pairs):,} {name}" for name, pairs in dataset.pairs.items())
    progress.say(f"  data: pairs {counts}")


def _write_population(context: Context) -> None:
    """Keep the population that the recipe names, for the audit, whether answers are weighed by it or not."""
    if population := context.recipe.data.population:
        POPULATION.write(context.run, Population(shares=population), stage=context.stage)


def _note_files(context: Context) -> None:
    """Note the files that the recipe names beside the ledger among the inputs of the run."""
    run, settings = context.run, context.recipe.data
    for place in (_file(settings), settings.prompts, settings.deployment_prompts):
        path = None if place is None else Path(place)
        if path is not None and path.exists():
            digest = digest_of_folder(path) if path.is_dir() else digest_of(path)
            entry = InputEntry(digest, relpath(path.resolve(), run.path.resolve()))
            run.record_input(f"{context.stage}: {path.name}", entry)


def _import(context: Context, ledger: Ledger) -> None:
    """Read the recipe's source and prompts, where it names some, into the ledger."""
    settings, progress = context.recipe.data, context.progress
    if settings.prompts is not None:
        counts = ledger.extend(read_prompts(settings.prompts))
        progress.say(f"  data: {counts}")
    if settings.format is None:
        return
    source = _file(settings)
    with progress.busy(f"  data: importing {settings.format} into {ledger.location}"):
        progress.say(f"  data: {import_feedback(source, settings.format, ledger)}")


def _file(settings: Data) -> Path | None:
    """The file of feedback that the recipe names."""
    return None if settings.source in {None, "packaged"} else Path(str(settings.source))


def _draw(ledger: Ledger, feedback: Sequence[Feedback], recipe: Recipe, seed: int, without: frozenset[str]) -> Dataset:
    settings = recipe.data
    return draw_dataset(
        ledger,
        feedback=feedback,
        limit=settings.max_pairs,
        seed=seed,
        fractions=settings.fractions,
        unit=settings.split_by,
        supervised=settings.supervised,
        without=without,
        known={} if recipe.round is None else splits_before(recipe.round),
    )


def _newest_asking(context: Context, dataset: Dataset) -> Dataset:
    """Of the train split what was said of texts that this round asked about, where its reward learns from that alone.

    Raises `RecipeError` where nothing of it is there.
    """
    settings = context.recipe.round
    if settings is None or settings.reward != "window":
        return dataset
    texts = {text.id for text in context.reader.rows(ASKED_TEXTS)}
    pairs = tuple(pair for pair in dataset.pairs["train"] if {pair.chosen, pair.rejected} <= texts)
    said = tuple(record for record in dataset.feedback["train"] if texts.issuperset(record.completions))
    if not said:
        raise RecipeError(
            'recipe.round.reward: "window" learns from what this round asked, and nothing of it is about prompts of '
            'the train split; ask for more, or take "accumulate"'
        )
    return replace(dataset, pairs={**dataset.pairs, "train": pairs}, feedback={**dataset.feedback, "train": said})


def _weigh(dataset: Dataset, settings: Data) -> tuple[Dataset, TrustSummary | None]:
    """The data set with the weights that the recipe asks for; where it asks for none, as it is."""
    population = settings.population if settings.raking else None
    if settings.trust == "none" and not settings.pools and population is None:
        return dataset, None
    return weigh(dataset, trust=settings.trust, pools=settings.pools, population=population)
