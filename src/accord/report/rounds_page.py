"""The page of a run in rounds, `RUN/report.html`: the rounds side by side, why each asked or did not, why they ended.

It stands alone as the page of one run does; each round has a page of its own in its folder.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from accord.artefacts import REPORT, ROUNDS, PeakRow, RoundRow, RoundsSummary
from accord.report.environment import environment
from accord.report.glossary import Term, explained
from accord.report.overlaid import Course, overlaid
from accord.report.words import clean, count, interval
from accord.run import RunDirectory, check_whole
from accord.stats import Estimate

__all__ = ["render_rounds", "write_rounds"]

NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class _Quantity:
    """What is drawn over the rounds."""

    key: str
    title: str
    unit: str
    of: Callable[[RoundRow], Estimate | None]


QUANTITIES = (
    _Quantity("kl", "KL", "to what it is compared with, nats a sequence", lambda row: row.kl),
    _Quantity("win-rate", "Win rate", "by the independent judge", lambda row: row.win_rate),
    _Quantity("gain", "Gain over the round before", "scores of the newer judge", lambda row: row.gain),
)


def write_rounds(run: RunDirectory) -> Path:
    """Write `report.html` into a run in rounds and return its path. The same rounds give the same bytes.

    Every file of the run itself is held against its digest first. Raises `ArtefactError` where one was altered.
    """
    check_whole(run, but=(REPORT.stage,))
    return REPORT.write(run, render_rounds(run), stage=REPORT.stage)


def render_rounds(run: RunDirectory) -> str:
    """The page as text."""
    summary = ROUNDS.read(run)
    templates = environment(lambda name, words="": Markup('<bdi class="file">{}</bdi>').format(clean(words or name)))

    def entries(terms: Sequence[Term]) -> str:
        return templates.get_template("glossary.html.j2").render(terms=terms)

    page = templates.get_template("rounds.html.j2").render(
        run=run.manifest.name,
        headline=_headline(summary),
        ended=summary.ended or "There may be further ones: the loop has not ended.",
        facts=_facts(summary),
        rows=[_row(row, summary) for row in summary.rounds],
        reasons=[(row.number, row.reason) for row in summary.rounds if row.reason],
        drawings=[each for each in (_drawing(what, summary.rounds) for what in QUANTITIES) if each],
    )
    return explained(page, entries)


def _headline(summary: RoundsSummary) -> str:
    made = count(len(summary.rounds), "round")
    if summary.result == summary.rounds[-1].number:
        return f"{made}; the policy of the last, round {summary.result}, is the result."
    return f"{made}; the result is the policy of round {summary.result}, not of the last one."


def _facts(summary: RoundsSummary) -> list[tuple[str, str]]:
    asked = [row.number for row in summary.rounds if row.labels]
    anew = [row.number for row in summary.rounds if row.learnt_anew]
    return [
        ("Answers", f"{summary.spent:,} of {summary.budget:,} that the rounds may ask for"),
        ("Asked in", _numbers(asked)),
        ("Learnt anew in", _numbers(anew)),
        ("The result", f"round {summary.result}"),
    ]


def _numbers(numbers: Sequence[int]) -> str:
    if not numbers:
        return "no round"
    return ("round " if len(numbers) == 1 else "rounds ") + ", ".join(map(str, numbers))


def _row(row: RoundRow, summary: RoundsSummary) -> dict[str, object]:
    """What the table says of a round: its number, whether it is the result, and its cells by heading."""
    reward = {None: "learnt", True: "learnt anew", False: "as before"}[row.learnt_anew]
    cells = {
        "answers": f"{row.labels:,}",
        "reward": reward,
        "KL": _measured(row.kl),
        "win rate": _measured(row.win_rate),
        "gain over the last": "the first round" if row.number == 1 else _measured(row.gain),
    }
    if any(each.peak is not None for each in summary.rounds):
        cells["fitted peak"] = "none" if row.peak is None else _peak(row.peak)
    return {"number": row.number, "is_result": row.number == summary.result, "cells": cells}


def _measured(estimate: Estimate | None) -> str:
    return NOT_MEASURED if estimate is None else interval(estimate)


def _peak(peak: PeakRow) -> str:
    return f"at sqrt(KL) {interval(peak.at, 2)}, reached {peak.reached:.2f}"


def _drawing(what: _Quantity, rows: Sequence[RoundRow]) -> dict[str, str] | None:
    """A quantity over the rounds; None where fewer than two rounds have it."""
    points = [(row.number, found) for row in rows if (found := what.of(row)) is not None]
    if len(points) < 2:
        return None
    course = Course(
        0,
        what.title,
        tuple(float(number) for number, _ in points),
        tuple(found.value for _, found in points),
        tuple(found.low for _, found in points),
        tuple(found.high for _, found in points),
    )
    svg = overlaid([course], key=f"rounds-{what.key}", title=what.title, axis="round", whole=True)
    return {"heading": what.title, "unit": what.unit, "svg": svg}
