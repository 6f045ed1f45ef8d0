"""Several runs side by side: settings that differ, results with their intervals, courses, and findings by challenge."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

from accord.artefacts import CURVE, RunReader
from accord.errors import RecipeError
from accord.report.challenges import challenge_rows
from accord.report.comparison import settings_of
from accord.report.optional import findings_of, rows_of_file
from accord.report.overlaid import MOST, Course, overlaid
from accord.report.table import Row, rows_of
from accord.report.training_curves import LARGEST, Drawing, Figure, courses
from accord.run import RunDirectory

if TYPE_CHECKING:
    from accord.report.figures import TrainingCurve

__all__ = ["Line", "SeveralRuns", "side_by_side"]

ABSENT = "not in this run"


@dataclass(frozen=True)
class Line:
    """A line of a table: its name, a cell a run (None where it has none), and what is to be said of all of them."""

    name: str
    cells: tuple[str | None, ...]
    note: str = ""
    group: str = ""


@dataclass(frozen=True)
class SeveralRuns:
    """What several runs have in common and what not; `names` by the letters that they are called by."""

    names: Mapping[str, str]
    settings: tuple[Line, ...]
    results: tuple[Line, ...]
    challenges: tuple[Line, ...]
    figures: tuple[Figure, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """For programs; without the drawings."""
        parts = {name: getattr(self, name) for name in ("settings", "results", "challenges")}
        tables = {
            name: [
                {"name": line.name, "group": line.group or None, "note": line.note or None, "cells": list(line.cells)}
                for line in lines
            ]
            for name, lines in parts.items()
        }
        return {"runs": dict(self.names), **tables}


def side_by_side(runs: Sequence[RunDirectory], *, draw: bool = True) -> SeveralRuns:
    """Two runs or more, in this order; with `draw` their courses over one another.

    Raises `ArtefactError` where a file of one of them was altered, `RecipeError` for fewer than two runs, or more than
    can be told apart.
    """
    if not 2 <= len(runs) <= MOST:
        raise RecipeError(f"from two to {MOST} runs can be compared, not {len(runs)}")
    readers = [RunReader.of(run) for run in runs]
    return SeveralRuns(
        {_letter(place): run.manifest.name for place, run in enumerate(runs)},
        settings=tuple(line for line in _lines([settings_of(reader) for reader in readers]) if _differ(line)),
        results=tuple(_results([rows_of(reader) for reader in readers])),
        challenges=tuple(_lines([_challenges(reader) for reader in readers])),
        figures=tuple(_figures(readers)) if draw else (),
    )


def _letter(place: int) -> str:
    return chr(ord("A") + place)


def _lines(columns: Sequence[Mapping[str, str]]) -> list[Line]:
    names = dict.fromkeys(name for column in columns for name in column)
    return [Line(name, tuple(column.get(name) for column in columns)) for name in names]


def _differ(line: Line) -> bool:
    return len(set(line.cells)) > 1


def _results(tables: Sequence[Sequence[Row]]) -> list[Line]:
    """Rows that any of the runs has, in the order of the first that has them."""
    by_key = [{row.key: row for row in table} for table in tables]
    lines = []
    for key in dict.fromkeys(key for rows in by_key for key in rows):
        some = [rows.get(key) for rows in by_key]
        known = next(row for row in some if row is not None)
        cells = tuple(ABSENT if row is None else row.text + (f", n = {row.n}" if row.n else "") for row in some)
        lines.append(Line(known.name, cells, _apart([row for row in some if row is not None]), known.group))
    return lines


def _apart(rows: Sequence[Row]) -> str:
    """Whether the intervals of any two of them have nothing in common; empty where fewer than two have any."""
    ends = [
        (row.estimate.low, row.estimate.high)
        for row in rows
        if row.estimate is not None and row.estimate.low is not None and row.estimate.high is not None
    ]
    if len(ends) < 2:
        return ""
    apart = any(high < other_low or other_high < low for (low, high), (other_low, other_high) in combinations(ends, 2))
    return "intervals apart" if apart else "intervals overlap"


def _challenges(reader: RunReader) -> dict[str, str]:
    rows = challenge_rows(findings_of(reader) or ())
    return {
        f"{row.id} {row.title}".strip(): row.words + (f"; also fires: {', '.join(row.further)}" if row.further else "")
        for row in rows
    }


def _figures(readers: Sequence[RunReader]) -> list[Figure]:
    drawn = [each for each in (*_scores(readers), *_training(readers)) if each is not None]
    if not drawn:
        return []
    caption = (
        "The same letters as above stand for the runs. Scores are in standard deviations of the texts that the run's "
        "own judge rated, so those of runs with judges of their own have no scale in common. Bands are 95 % intervals."
    )
    return [Figure(tuple(drawn), caption, ())]


def _scores(readers: Sequence[RunReader]) -> list[Drawing | None]:
    """What both judges say along the run, over how far the policy had moved."""
    drawings: list[Drawing | None] = []
    for column, title in (("eval_reward", "Score by the independent judge"), ("reward", "Score by the reward model")):
        lines = []
        for place, reader in enumerate(readers):
            points = [(row.kl, getattr(row, column)) for row in rows_of_file(reader, CURVE)]
            known = sorted(((kl.value, score) for kl, score in points if score is not None), key=lambda point: point[0])
            if known:
                x_S, scores = zip(*known, strict=True)
                low_S, high_S = (tuple(getattr(score, end) for score in scores) for end in ("low", "high"))
                lines.append(Course(place, _letter(place), x_S, tuple(s.value for s in scores), low_S, high_S))
        drawings.append(_drawing(lines, column.replace("_", "-"), title, "over the KL to the start, nats", whole=False))
    return drawings


def _training(readers: Sequence[RunReader]) -> list[Drawing | None]:
    """Each quantity that two of the runs logged, by step."""
    of_runs = [{curve.key: curve for curve in courses(reader)} for reader in readers]
    drawings: list[Drawing | None] = []
    for key in dict.fromkeys(key for curves in of_runs for key in curves):
        lines: list[Course] = []
        known: TrainingCurve | None = None
        for place, curves in enumerate(of_runs):
            if key in curves:
                known = curves[key]
                points = [(s, v) for s, v in zip(known.step_S, known.value_S, strict=True) if v is not None]
                if all(abs(value) <= LARGEST for _, value in points):
                    x_S, y_S = zip(*points, strict=True)
                    lines.append(Course(place, _letter(place), x_S, y_S))
        if known is not None and len(lines) > 1:
            drawings.append(_drawing(lines, f"course-{key}", known.title, known.unit, digits=known.digits, whole=True))
    return drawings


def _drawing(
    lines: Sequence[Course], key: str, title: str, unit: str, *, digits: int = 2, whole: bool
) -> Drawing | None:
    if not lines:
        return None
    axis = "step" if whole else "KL to the start, nats a text"
    svg = overlaid(lines, key=f"several-{key}".replace("_", "-"), title=title, axis=axis, digits=digits, whole=whole)
    return Drawing(svg, heading=title, unit=unit)
