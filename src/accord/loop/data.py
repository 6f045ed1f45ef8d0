"""The first stage: feedback into the ledger where a source is named, and from the ledger the examples of the run."""

from dataclasses import replace
from pathlib import Path

from accord.feedback import Dataset, Ledger, draw_dataset, import_feedback, pair_agreement, write_data
from accord.loop.show import Show
from accord.recipe import Data, Recipe
from accord.run import RunDirectory

__all__ = ["data"]


def data(recipe: Recipe, run: RunDirectory, show: Show) -> None:
    """Import, draw pairs, split them by whole units, and write what the later stages read."""
    settings = recipe.data
    with Ledger(settings.ledger) as ledger:
        if settings.format is not None:
            source = None if settings.source == "packaged" else Path(str(settings.source))
            with show.busy(f"  data: importing {settings.format} into {ledger.path}"):
                show.say(f"  data: {import_feedback(source, settings.format, ledger)}")
        upto = ledger.last_row
        with show.busy("  data: drawing pairs"):
            dataset = _drawn(ledger, settings, run.seed, upto)
            held_out = {pair.batch for pair in dataset.pairs["held_out"] if pair.batch is not None}
            agreement = pair_agreement(ledger, upto=upto, sessions=held_out) if held_out else None
        summary = {**dataset.summary, "agreement": None if agreement is None else agreement.to_json()}
        write_data(run, replace(dataset, summary=summary), ledger=ledger, upto=upto, about=settings.about)
    counts = ", ".join(f"{len(pairs):,} {name}" for name, pairs in dataset.pairs.items())
    show.say(f"  data: pairs {counts}")


def _drawn(ledger: Ledger, settings: Data, seed: int, upto: int) -> Dataset:
    fractions = {"train": settings.train, "judge": settings.judge, "held_out": settings.held_out}
    drawn = draw_dataset(
        ledger, limit=settings.pairs, seed=seed, fractions=fractions, unit=settings.split_by, upto=upto
    )
    if settings.supervised == "all":
        return drawn
    chosen = {pair.chosen for pair in drawn.pairs["train"] if not pair.tie}
    return replace(drawn, sft=tuple(name for name in drawn.sft if name in chosen))
