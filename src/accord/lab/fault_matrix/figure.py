"""The fault matrix as a picture: which challenge fires with which fault, and power over strength and size."""

from collections.abc import Sequence
from math import ceil
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
OWN, STRAY, EXPLAINED = "#2a6f97", "#b3261e", "#d9a441"


def figure(results: Results) -> "Figure":
    """Above: share of seeds in which any check of a challenge (row) fires with a fault (column) and on healthy runs.

    Blue is what must fire, ochre and hatched what fires for a reason that is declared, red what fires without one.
    Below, where there are arms of power: the share that a fault's checks fire in, over its strength, a line a size.
    """
    from matplotlib.figure import Figure

    matrix = Matrix(results)
    power = list(dict.fromkeys(arm.fault for arm in matrix.arms("power")))
    columns = len(matrix.induced) + len(matrix.arms("healthy"))
    rows = len({check.challenge.id for check in CHECKS})
    heights = [1.6 + 0.26 * rows, 1.5 * ceil(len(power) / COLUMNS)]
    canvas = Figure(figsize=(max(5.0, 2.0 + 0.34 * columns, 1.5 * COLUMNS if power else 0), sum(heights)))
    canvas.set_layout_engine("constrained")
    if not power:
        _draw_matrix(canvas.subplots(), matrix)
        return canvas
    halves = canvas.subfigures(2, 1, height_ratios=heights, squeeze=False)[:, 0]
    _draw_matrix(halves[0].subplots(), matrix)
    _draw_power(halves[1], matrix, power)
    return canvas


def _draw_matrix(axes: "Axes", matrix: Matrix) -> None:
    challenges = [name for name in CHALLENGES.names if any(check.challenge.id == name for check in CHECKS)]
    healthy = matrix.arms("healthy")
    columns = [*(f"healthy, {arm.world}" for arm in healthy), *matrix.induced]
    for place, arm in enumerate(healthy):
        for row, challenge in enumerate(challenges):
            _draw_share(axes, place, row, matrix.share_of_challenge(arm, challenge), STRAY)
    for place, (fault, arm) in enumerate(matrix.induced.items(), len(healthy)):
        own, others = targets_of(fault), matrix.other_alarms(fault)
        for row, challenge in enumerate(challenges):
            share = matrix.share_of_challenge(arm, challenge)
            if challenge in own:
                _draw_share(axes, place, row, share, OWN)
                axes.add_patch(_box(place, row, fill=False, edgecolor=OWN, linewidth=1.0))
            elif challenge in others:
                stray = others[challenge].unexplained
                _draw_share(axes, place, row, share, STRAY if stray > 0 else EXPLAINED, hatched=stray == 0)
    axes.set(xlim=(-0.5, len(columns) - 0.5), ylim=(len(challenges) - 0.5, -0.5))
    axes.set_xticks(range(len(columns)), columns, rotation=60, ha="right", rotation_mode="anchor", fontsize=8)
    axes.set_yticks(range(len(challenges)), challenges, fontsize=8)
    axes.tick_params(length=0)
    axes.set_title(
        "share of seeds in which a challenge fires (blue: must; ochre: for a reason declared; red: without one)",
        fontsize=9,
        loc="left",
    )


def _draw_share(axes: "Axes", column: int, row: int, share: float, colour: str, *, hatched: bool = False) -> None:
    """A cell as dark as the share; nothing where it is 0."""
    if share > 0:
        strength = 0.15 + 0.85 * share
        axes.add_patch(
            _box(column, row, facecolor=colour, alpha=strength, linewidth=0, hatch="////" if hatched else None)
        )
        axes.text(column, row, f"{share:.2g}".lstrip("0"), ha="center", va="center", fontsize=6, color=_ink(strength))


def _box(column: int, row: int, **style: Any) -> "Rectangle":
    from matplotlib.patches import Rectangle

    return Rectangle((column - 0.46, row - 0.44), 0.92, 0.88, **style)


def _ink(strength: float) -> str:
    return "white" if strength > 0.6 else "black"


def _draw_power(canvas: "SubFigure", matrix: Matrix, faults: Sequence[str]) -> None:
    panels = canvas.subplots(ceil(len(faults) / COLUMNS), COLUMNS, squeeze=False, sharey=True).ravel()
    sizes = sorted({arm.size for arm in matrix.arms("power")})
    for axes, fault in zip(panels, faults, strict=False):
        for number, size in enumerate(sizes):
            arms = [arm for arm in matrix.arms("power") if arm.fault == fault and arm.size == size]
            axes.plot(
                [arm.strength for arm in arms],
                [_weakest(matrix, arm) for arm in arms],
                marker="osD^"[number % 4],
                markersize=3,
                linewidth=1,
                color=f"C{number}",
                label=f"size {size:g}",
            )
        axes.set_title(fault, fontsize=7)
        axes.set(ylim=(-0.05, 1.05))
        axes.tick_params(labelsize=6)
        axes.axhline(0.8, color="grey", linewidth=0.6, linestyle=":")
        axes.spines[["top", "right"]].set_visible(False)
    for axes in panels[len(faults) :]:
        axes.set_visible(False)
    panels[0].legend(frameon=False, fontsize=6)
    panels[0].set_ylabel("share of seeds", fontsize=7)


def _weakest(matrix: Matrix, arm: Arm) -> float:
    """Of the checks that the fault must set off, the one that fires least."""
    return float(np.min([matrix.fired(arm, check).value for check in FAULTS.get(arm.fault).sets_off]))
