"""What is concluded: the numbers of the marks, a table and a figure."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from accord.lab.cell import CellResult
from accord.lab.trust.cells import ARMS, TrustPoint
from accord.stats import Estimate, jackknife, mean, proportion, rate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["conclude", "figure", "table"]

Results = Sequence[CellResult[TrustPoint]]
RANDOM = ("careless-20", "careless-50")
OPPOSED = ("opposed-10", "opposed-20")


def conclude(results: Results) -> Mapping[str, Estimate]:
    """What the marks are about, each so that less is better."""
    estimates = {"loss-0": _difference(_points(results, "careless-0"), "unweighted", "weighted")}
    for arm in RANDOM:
        points = _points(results, arm)
        estimates[f"cost-{arm}"] = _not_recovered(points)
        estimates[f"gain-{arm}"] = _difference(points, "unweighted", "weighted")
        estimates[f"missed-{arm}"] = _ratio([point.careless - point.right for point in points], points, "careless")
    both = [point for arm in RANDOM for point in _points(results, arm)]
    estimates["wrongly-flagged"] = _ratio([point.flagged - point.right for point in both], both, "flagged")
    for arm in OPPOSED:
        points = _points(results, arm)
        estimates[f"flagged-{arm}"] = proportion(sum(point.minority_flagged > 0 for point in points), len(points))
        estimates[f"loss-{arm}"] = _difference(points, "minority_unweighted", "minority_weighted")
    return estimates


def table(results: Results) -> str:
    """Markdown: a panel a row, means over seeds with intervals."""
    lines = [
        "| panel | accuracy, all attentive | unweighted | weighted | of the cost recovered | flagged | "
        "of the careless | of the minority | minority's accuracy: weighted less unweighted |",
        "|---" * 9 + "|",
    ]
    for arm in ARMS:
        points = _points(results, arm)
        if points:
            lines.append("| " + " | ".join([arm, *_cells(points)]) + " |")
    return "\n".join(lines)


def figure(results: Results) -> "Figure":
    """Accuracy of each panel, with weights over without: a point a seed."""
    from matplotlib.figure import Figure

    canvas = Figure(figsize=(5.2, 4.6), layout="constrained")
    axes = canvas.subplots()
    for number, arm in enumerate(arm for arm in ARMS if _points(results, arm)):
        points = _points(results, arm)
        weighted, unweighted = ([getattr(point, name) for point in points] for name in ("weighted", "unweighted"))
        axes.plot(unweighted, weighted, marker="os^vDPX<>"[number], color=f"C{number}", linewidth=0, label=arm)
    low, high = axes.get_xlim()
    axes.plot([low, high], [low, high], color="grey", linewidth=0.8, zorder=0)
    axes.set(xlabel="gold accuracy without weights", ylabel="with weights")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)
    return canvas


def _points(results: Results, arm: str) -> list[TrustPoint]:
    return [point for cell in results if cell.arm == arm for point in cell.measurements]


def _difference(points: Sequence[TrustPoint], first: str, second: str) -> Estimate:
    """The mean over seeds of one accuracy less another."""
    return mean([getattr(point, first) - getattr(point, second) for point in points])


def _not_recovered(points: Sequence[TrustPoint]) -> Estimate:
    """Of the accuracy that random answers cost, the share that weights leave lost: a ratio of means over seeds."""
    lost_S = np.array([point.attentive - point.weighted for point in points])
    cost_S = np.array([point.attentive - point.unweighted for point in points])
    return jackknife(lambda rows: float(lost_S[rows].mean() / cost_S[rows].mean()), len(points))


def _ratio(numbers: Sequence[int], points: Sequence[TrustPoint], of: str) -> Estimate:
    """The share of so many people of each seed; 0 without an interval where there is nobody."""
    total_S = [int(getattr(point, of)) for point in points]
    people = [place < number for number, total in zip(numbers, total_S, strict=True) for place in range(total)]
    if not people:
        return Estimate(0.0, None, None, len(points), method=f"nobody is {of}")
    return rate(people, [seed for seed, total in enumerate(total_S) for _ in range(total)])


def _cells(points: Sequence[TrustPoint]) -> list[str]:
    columns = [_formatted(mean([getattr(point, name) for point in points]), 4) for name in _ACCURACIES]
    recovered = "" if not points[0].careless else f"{1 - _not_recovered(points).value:.2f}"
    minority = "" if points[0].minority_weighted is None else _minority(points)
    careless = "" if not points[0].careless else f"{sum(point.right for point in points)} of {_total(points)}"
    flagged = str(sum(point.flagged for point in points))
    loss = "" if not minority else _formatted(_difference(points, "minority_weighted", "minority_unweighted"), 4)
    return [*columns, recovered, flagged, careless, minority, loss]


_ACCURACIES = ("attentive", "unweighted", "weighted")


def _total(points: Sequence[TrustPoint]) -> int:
    return sum(point.careless for point in points)


def _minority(points: Sequence[TrustPoint]) -> str:
    seeds = sum(point.minority_flagged > 0 for point in points)
    return f"{sum(point.minority_flagged for point in points)}, on {seeds} of {len(points)} seeds"


def _formatted(estimate: Estimate, digits: int) -> str:
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.{digits}f}"
    return f"{estimate.value:.{digits}f} [{estimate.low:.{digits}f}, {estimate.high:.{digits}f}]"
