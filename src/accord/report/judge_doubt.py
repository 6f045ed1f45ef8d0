"""What a judge does not know, and whether it is as sure as it should be, in sentences."""

from collections.abc import Iterator

import numpy as np

from accord.artefacts import SCORES, JudgeCalibration, Measure, RewardCard, RunReader
from accord.report.optional import rows_of_file
from accord.report.words import count, interval
from accord.stats import mean

__all__ = ["doubt_on_card", "std_of_scores"]


def std_of_scores(reader: RunReader, stage: str, name: str) -> Iterator[str]:
    """The standard deviation that a judge gives held-out completions on average; nothing where it has none."""
    rows = [row for row in rows_of_file(reader, SCORES, stage) if row.std is not None]
    if rows:
        average = mean(np.array([row.std for row in rows], dtype=float), [row.prompt for row in rows])
        spread = float(np.std([row.score for row in rows]))
        yield (
            f"The {name} gives its score of a held-out text a standard deviation of {interval(average)} on average, "
            f"over {count(len(rows), 'text')} whose scores have one of {spread:.3f} among themselves."
        )


def doubt_on_card(card: RewardCard) -> Iterator[str]:
    """How its probabilities were set right, and whether its members disagree as people do."""
    if card.calibration is not None:
        yield _calibration(card.calibration)
    if card.member_calibration is not None:
        yield from _members(card.member_calibration)


def _calibration(row: JudgeCalibration) -> str:
    if row.ece_before is None or row.ece_after is None:
        return f"Its probabilities were not set right: {row.note}."
    how = "An isotonic curve"
    if row.temperature is not None:
        how = f"A temperature of {row.temperature:,.2f} (above 1 where a judge is too sure)"
    number = row.units or 0
    who = (
        f"by {count(number, 'evaluator')} of whom"
        if row.on == "evaluators"
        else f"of {count(number, 'prompt')} of which"
    )
    reason = f" It is no test on new evaluators: {row.note}." if row.note else ""
    return (
        f"{how}, fitted on {count(row.pairs or 0, 'held-out pair')} {who} nothing was learnt, takes the "
        f"error of its probabilities from {interval(row.ece_before)} to {interval(row.ece_after)}, the latter by fits "
        f"on others of them.{reason}"
    )


def _members(row: Measure) -> Iterator[str]:
    if row.estimate is not None:
        yield (
            f"Whether its members disagree as people do ({row.name}): {interval(row.estimate)}, over "
            f"{count(row.estimate.n, 'pair')} of held-out texts. It is 0 where members are split as people are."
        )
