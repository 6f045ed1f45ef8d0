"""The fault matrix as a picture: which challenge fires with which fault, and power over strength and size."""

from collections.abc import Iterable, Sequence
from math import ceil
from textwrap import shorten
from typing import TYPE_CHECKING, Any

import numpy as np

from accord.audit import CHALLENGES, CHECKS
from accord.lab.cell import CellResult
from accord.lab.fault_matrix.arms import Arm
from accord.lab.fault_matrix.blind import targets_of
from accord.lab.fault_matrix.cells import FaultRun
from accord.lab.fault_matrix.rates import Matrix
from accord.lab.faults import FAULTS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.patches import Rectangle

__all__ = ["figure"]

Results = Sequence[CellResult[FaultRun]]
COLUMNS = 8  # of the small multiples
TITLE = 54  # characters of a challenge's title beside its row
OWN, EXPLAINED, STRAY = "#2a6f97", "#d9a441", "#b3261e"
MEANINGS = {
    OWN: "must fire with this fault (framed: also where it does not)",
    EXPLAINED: "fires as well, for a reason that is declared",
    STRAY: "fires without a reason: a false alarm",
}


def figure(results: Results) -> "Figure":
    """Above: share of runs in which any check of a challenge (row) fires, healthy or with a fault (column).

    Faults stand in the order of the challenges that they must set off, so that what must fire goes down a diagonal.
    Blue is what must fire, ochre what fires for a reason that is declared, red what fires without one.
    Below, where there are arms of power: the share that a fault's checks fire in, over its strength, a line a size.
    """
    from matplotlib.figure import Figure

    matrix = Matrix(results)
    if not matrix.induced and not matrix.arms("healthy"):
        return _figure_of_blind(matrix)
    faults = _in_order(matrix.induced)
    power = _in_order(dict.fromkeys(arm.fault for arm in matrix.arms("power")))
    columns = len(faults) + len(matrix.arms("healthy"))
    rows = len(_challenges())
    heights = [2.3 + 0.26 * rows, 0.9 + 1.5 * ceil(len(power) / COLUMNS)]
    width = max(13.0, 5.0 + 0.34 * columns, 1.6 * COLUMNS if power else 0)
    canvas = Figure(figsize=(width, sum(heights) if power else heights[0]))
    canvas.set_layout_engine("constrained")
    if not power:
        _draw_matrix(canvas.subplots(), matrix, faults)
        return canvas
    halves = canvas.subfigures(2, 1, height_ratios=heights, squeeze=False)[:, 0]
    _draw_matrix(halves[0].subplots(), matrix, faults)
    _draw_power(halves[1], matrix, power)
    return canvas


def _figure_of_blind(matrix: Matrix) -> "Figure":
    """Challenges (rows) that the audit named in each blind run: blue rightly, red wrongly; framed: planted."""
    from matplotlib.figure import Figure

    answers, challenges = matrix.answers(), _challenges()
    canvas = Figure(figsize=(max(13.0, 5.0 + 0.2 * len(answers)), 2.3 + 0.26 * len(challenges)))
    canvas.set_layout_engine("constrained")
    axes = canvas.subplots()
    for column, (_, answer) in enumerate(answers):
        for row, challenge in enumerate(challenges):
            if challenge in answer.named:
                wrong = STRAY if challenge not in answer.excused else EXPLAINED
                colour = wrong if challenge in answer.wrong else OWN
                axes.add_patch(_box(column, row, facecolor=colour, linewidth=0))
            if challenge in answer.targets:
                axes.add_patch(_box(column, row, fill=False, edgecolor=OWN, linewidth=1.0))
    names = [" + ".join(run.planted) or "nothing" for run, _ in answers]
    axes.set(xlim=(-0.5, max(len(answers), 1) - 0.5), ylim=(len(challenges) - 0.5, -0.5))
    axes.set_xticks(range(len(names)), names, rotation=60, ha="right", rotation_mode="anchor", fontsize=6)
    axes.set_yticks(range(len(challenges)), [_row_name(name) for name in challenges], fontsize=8)
    axes.tick_params(length=0)
    axes.set_title("Challenges (rows) that the audit names in each blind run (columns)", fontsize=9, loc="left", pad=20)
    _explain_colours(axes)
    return canvas


def _challenges() -> list[str]:
    """Those that have a check, in their order."""
    return [name for name in CHALLENGES.names if any(check.challenge.id == name for check in CHECKS)]


def _in_order(faults: Iterable[str]) -> list[str]:
    """Faults by the first challenge that each must set off, in the order of challenges; those of none come last."""
    place = {name: number for number, name in enumerate(_challenges())}

    def first(fault: str) -> int:
        own = FAULTS.get(fault).sets_off
        return place.get(CHECKS.get(own[0]).challenge.id, len(place)) if own else len(place)

    return sorted(faults, key=first)


def _draw_matrix(axes: "Axes", matrix: Matrix, faults: Sequence[str]) -> None:
    challenges, healthy = _challenges(), matrix.arms("healthy")
    for place, arm in enumerate(healthy):
        for row, challenge in enumerate(challenges):
            _draw_share(axes, place, row, matrix.share_of_challenge(arm, challenge), STRAY)
    for place, fault in enumerate(faults, len(healthy)):
        arm, own, others = matrix.induced[fault], targets_of(fault), matrix.other_alarms(fault)
        for row, challenge in enumerate(challenges):
            share = matrix.share_of_challenge(arm, challenge)
            if challenge in own:
                _draw_share(axes, place, row, share, OWN)
                axes.add_patch(_box(place, row, fill=False, edgecolor=OWN, linewidth=1.0))
            elif challenge in others:
                _draw_share(axes, place, row, share, STRAY if others[challenge].unexplained > 0 else EXPLAINED)
    columns = [*(f"healthy, {arm.world}" for arm in healthy), *faults]
    axes.set(xlim=(-0.5, len(columns) - 0.5), ylim=(len(challenges) - 0.5, -0.5))
    axes.set_xticks(range(len(columns)), columns, rotation=60, ha="right", rotation_mode="anchor", fontsize=8)
    axes.set_yticks(range(len(challenges)), [_row_name(name) for name in challenges], fontsize=8)
    axes.set_xticks(np.arange(len(columns)) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(challenges)) - 0.5, minor=True)
    axes.grid(which="minor", color="0.92", linewidth=0.5)
    axes.tick_params(which="both", length=0)
    axes.set_axisbelow(True)
    if healthy and faults:
        axes.axvline(len(healthy) - 0.5, color="black", linewidth=1.2)
    axes.set_xlabel("what was planted, by the challenge that it must set off", fontsize=8)
    axes.set_title("Share of runs in which a challenge (row) fires; empty: in none", fontsize=9, loc="left", pad=20)
    _explain_colours(axes)


def _explain_colours(axes: "Axes") -> None:
    from matplotlib.patches import Patch

    patches = [Patch(color=colour, label=meaning) for colour, meaning in MEANINGS.items()]
    axes.legend(
        handles=patches,
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        ncols=len(patches),
        frameon=False,
        fontsize=8,
        borderaxespad=0.2,
    ).set_in_layout(False)


def _row_name(challenge: str) -> str:
    """`Careless evaluators  OV1`: its title, cut where it is long, and its id."""
    return f"{shorten(CHALLENGES.get(challenge).title.rstrip('.'), TITLE, placeholder=' …')}  {challenge}"


def _draw_share(axes: "Axes", column: int, row: int, share: float, colour: str) -> None:
    """A cell as dark as the share; nothing where it is 0."""
    if share > 0:
        strength = 0.15 + 0.85 * share
        axes.add_patch(_box(column, row, facecolor=colour, alpha=strength, linewidth=0))
        text = f"{share:.2f}".removeprefix("0").removesuffix(".00")
        axes.text(column, row, text, ha="center", va="center", fontsize=6, color=_ink(colour, strength))


def _box(column: int, row: int, **style: Any) -> "Rectangle":
    from matplotlib.patches import Rectangle

    return Rectangle((column - 0.46, row - 0.44), 0.92, 0.88, **style)


def _ink(colour: str, strength: float) -> str:
    return "white" if strength > 0.6 and colour != EXPLAINED else "black"


def _draw_power(canvas: "SubFigure", matrix: Matrix, faults: Sequence[str]) -> None:
    """A panel a fault; the axis of strength is marked where runs were made."""
    panels = canvas.subplots(ceil(len(faults) / COLUMNS), COLUMNS, squeeze=False, sharey=True).ravel()
    sizes = sorted({arm.size for arm in matrix.arms("power")})
    for axes, fault in zip(panels, faults, strict=False):
        of_fault = [arm for arm in matrix.arms("power") if arm.fault == fault]
        for number, size in enumerate(sizes):
            arms = [arm for arm in of_fault if arm.size == size]
            axes.plot(
                [arm.strength for arm in arms],
                [_weakest(matrix, arm) for arm in arms],
                marker="osD^"[number % 4],
                markersize=3,
                linewidth=1,
                color=f"C{number}",
                label=f"{size:g} times as many people",
            )
        strengths = sorted({arm.strength for arm in of_fault if arm.strength is not None})
        axes.set_xticks(strengths, [f"{strength:g}" for strength in strengths])
        axes.margins(x=0.15)
        axes.set_title(fault, fontsize=7)
        axes.set(ylim=(-0.05, 1.05))
        axes.tick_params(labelsize=6)
        axes.axhline(0.8, color="grey", linewidth=0.6, linestyle=":")
        axes.spines[["top", "right"]].set_visible(False)
    for axes in panels[len(faults) :]:
        axes.set_visible(False)
    title = (
        "Power: share of seeds in which the one of a fault's checks fires that fires least (dotted: the mark of 0.8)"
    )
    canvas.suptitle(title, fontsize=9, x=0.01, ha="left")
    canvas.supxlabel("strength of the fault", fontsize=8)
    canvas.legend(
        *panels[0].get_legend_handles_labels(), loc="upper right", ncols=len(sizes), frameon=False, fontsize=7
    )


def _weakest(matrix: Matrix, arm: Arm) -> float:
    """Of the checks that the fault must set off, the one that fires least."""
    return float(np.min([matrix.fired(arm, check).value for check in FAULTS.get(arm.fault).sets_off]))
