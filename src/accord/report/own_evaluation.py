"""What further judges and metrics of an evaluation say, side by side: rows of the table, and a part of the page."""

from collections.abc import Iterator

from accord.artefacts import OWN_EVALUATION, PAIR_READINGS, TEXT_NUMBERS, OwnEvaluation, PairCounts, RunReader
from accord.report.grid import Grid
from accord.report.optional import evaluation_of, recipe_of
from accord.report.table_row import Row
from accord.report.words import count, interval, observations
from accord.stats import Estimate

__all__ = ["own_evaluations", "own_grids", "own_rows", "own_sentences"]

FAMILIES = {"judges": "further judges", "metrics": "further metrics"}
CHANCE = 0.05  # that an interval misses, at 95 %


def own_evaluations(reader: RunReader, family: str) -> dict[str, OwnEvaluation]:
    """What the `judges`, or the `metrics`, of the recipe said, by name; those that have not spoken are left out."""
    named = recipe_of(reader).get("evaluate", {}).get(family, {})
    stages = {name: f"{family}/{name}" for name in named}
    return {
        name: reader.value(OWN_EVALUATION, stage) for name, stage in stages.items() if reader.has(OWN_EVALUATION, stage)
    }


def own_rows(reader: RunReader) -> Iterator[Row]:
    """The numbers of each, for the table of the run."""
    for family, group in FAMILIES.items():
        for name, found in own_evaluations(reader, family).items():
            file = reader.path(OWN_EVALUATION, f"{family}/{name}")
            taught = "" if found.trained_on is None else " (the policy was trained on it)"
            if found.win_rate is not None:
                key, text = f"{family}.{name}.win_rate", interval(found.win_rate)
                yield Row(key, group, f"win rate by {name}{taught}", text, file, found.win_rate, share=True)
            if found.difference is not None:
                key, text = f"{family}.{name}.difference", interval(found.difference)
                yield Row(key, group, f"{name}, policy less start{taught}", text, file, found.difference)
            if found.pairs is not None:
                value = found.pairs.model_dump(exclude_none=True)
                yield Row(
                    f"{family}.{name}.pairs", group, f"pairs put to {name}", _counted(found.pairs), file, value=value
                )


def _counted(pairs: PairCounts) -> str:
    return (
        f"{pairs.counted:,} of {pairs.pairs:,} counted; {pairs.declined:,} not judged, {pairs.failed:,} without an "
        f"answer, {pairs.same_text:,} the same text"
    )


def own_sentences(reader: RunReader) -> Iterator[str]:
    """How many numbers are looked at together, and which judges are not independent."""
    judges, metrics = own_evaluations(reader, "judges"), own_evaluations(reader, "metrics")
    if not judges and not metrics:
        return
    evaluation = evaluation_of(reader)
    first = () if evaluation is None else (evaluation.win_rate, evaluation.win_rate_reward)
    further = [found.difference or found.win_rate for found in (*judges.values(), *metrics.values())]
    number = sum(each is not None for each in (*first, *further))
    yield (
        f"Here {count(number, 'comparison')} of the policy with its start stand side by side, each by another judge or "
        f"metric. Their intervals are at 95 % each, and not widened for being several: had nothing at all changed, "
        f"{number * CHANCE:.2g} of {number} would be expected to say that something did."
    )
    for name, found in {**judges, **metrics}.items():
        if found.trained_on is not None:
            yield f"What {name} says is not independent: {found.trained_on}."


def own_grids(reader: RunReader) -> Iterator[Grid]:
    """The judges side by side, and the metrics."""
    judges, metrics = own_evaluations(reader, "judges"), own_evaluations(reader, "metrics")
    if judges:
        head: tuple[str, ...] = (
            "judge",
            "who",
            "independent",
            "win rate",
            "policy less start",
            "right on held-out pairs",
            "n (prompts)",
        )
        rows = tuple(_judge_row(name, found) for name, found in judges.items())
        yield Grid("Further judges: the policy against its start", head, rows, _files(reader, "judges", judges))
    if asked := {name: found for name, found in judges.items() if found.pairs is not None}:
        head = ("judge", "pairs", "prefers what is shown first", "same in both orders")
        rows = tuple(_pairs_row(name, found) for name, found in asked.items())
        yield Grid("Models that compared pairs, each in both orders", head, rows, _files(reader, "judges", asked))
    if metrics:
        head = ("metric", "what", "start", "policy", "policy less start", "n (prompts)")
        rows = tuple(_metric_row(name, found) for name, found in metrics.items())
        yield Grid("Further metrics, by text", head, rows, _files(reader, "metrics", metrics))


def _judge_row(name: str, found: OwnEvaluation) -> tuple[str, ...]:
    independent = "yes" if found.trained_on is None else "no"
    cells = (_shown(found.win_rate), _shown(found.difference), _shown(found.accuracy))
    return (name, found.by, independent, *cells, _number(found.win_rate))


def _pairs_row(name: str, found: OwnEvaluation) -> tuple[str, ...]:
    assert found.pairs is not None
    return (name, _counted(found.pairs), _shown(found.first_shown), _shown(found.both_orders))


def _metric_row(name: str, found: OwnEvaluation) -> tuple[str, ...]:
    arms = (_shown(found.start), _shown(found.policy))
    return (name, found.by, *arms, _shown(found.difference), _number(found.difference))


def _shown(estimate: Estimate | None) -> str:
    return "not measured" if estimate is None else interval(estimate)


def _number(estimate: Estimate | None) -> str:
    return "" if estimate is None else observations(estimate)


def _files(reader: RunReader, family: str, found: dict[str, OwnEvaluation]) -> tuple[str, ...]:
    kept = (OWN_EVALUATION, TEXT_NUMBERS, PAIR_READINGS)
    stages = [f"{family}/{name}" for name in found]
    return tuple(reader.path(each, stage) for stage in stages for each in kept if reader.has(each, stage))
