"""The first stage: feedback into the ledger where a source is named, and from the ledger the examples of the run."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from accord.feedback import Dataset, Ledger, draw_dataset, import_feedback, pair_agreement, write_data
from accord.loop.stage import Context
from accord.recipe import Data
from accord.records import Feedback
from accord.stats import Estimate

__all__ = ["data"]


def data(context: Context) -> None:
    """Import, draw pairs, split them by whole units, and write what the later stages read."""
    settings, run, progress = context.recipe.data, context.run, context.progress
    with Ledger(settings.ledger) as ledger:
        if settings.format is not None:
            source = None if settings.source == "packaged" else Path(str(settings.source))
            with progress.busy(f"  data: importing {settings.format} into {ledger.location}"):
                progress.say(f"  data: {import_feedback(source, settings.format, ledger)}")
        upto = ledger.last_row
        with progress.busy("  data: drawing pairs"):
            said = list(ledger.feedback(upto))
            dataset = _drawn(ledger, said, settings, run.seed)
            held_out = {pair.session for pair in dataset.pairs["held_out"] if pair.session is not None}
            agreement = _agreement(ledger, said, held_out) if held_out else None
        summary = {**dataset.summary, "agreement": None if agreement is None else agreement.to_json()}
        write_data(run, replace(dataset, summary=summary), ledger=ledger, upto=upto, about=settings.about)
    counts = ", ".join(f"{len(pairs):,} {name}" for name, pairs in dataset.pairs.items())
    progress.say(f"  data: pairs {counts}")


def _agreement(ledger: Ledger, said: Sequence[Feedback], sessions: set[str]) -> Estimate | None:
    return pair_agreement(said, evaluators=ledger.evaluators(), sessions=sessions)


def _drawn(ledger: Ledger, said: Sequence[Feedback], settings: Data, seed: int) -> Dataset:
    fractions = {"train": settings.train, "eval_reward": settings.eval_reward, "held_out": settings.held_out}
    drawn = draw_dataset(
        ledger, said=said, limit=settings.max_pairs, seed=seed, fractions=fractions, unit=settings.split_by
    )
    if settings.supervised == "all":
        return drawn
    chosen = {pair.chosen for pair in drawn.pairs["train"] if not pair.tie}
    return replace(drawn, sft=tuple(name for name in drawn.sft if name in chosen))
