"""What is concluded: the numbers of the marks, a table and a figure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from accord.lab.cell import CellResult
from accord.lab.rewards import trap
from accord.lab.rewards.cells import MINORITIES
from accord.lab.rewards.collection import Floats
from accord.lab.rewards.kinds import ARMS as KIND_ARMS
from accord.lab.rewards.kinds import KINDS
from accord.lab.rewards.points import RewardsPoint
from accord.lab.rewards.strengths import ARMS as STRENGTH_ARMS
from accord.stats import Estimate, jackknife, mean, proportion

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["conclude", "figure", "table"]

Results = Sequence[CellResult[RewardsPoint]]
MIDDLE = 0.94  # of .9 and .98


def conclude(results: Results) -> Mapping[str, Estimate]:
    """What the marks are about, each so that less is better."""
    joint_S = _values(results, "kinds", "joint")
    estimates = {f"joint-{kind}": mean(_values(results, "kinds", kind) - joint_S) for kind in KINDS}
    graded_S, plain_S = (_values(results, "strengths", name) for name in ("ordinal", "plain"))
    estimates["strengths-wrong"] = proportion(int((graded_S < 1).sum()), len(graded_S))
    estimates["plain-right"] = proportion(int(plain_S.sum()), len(plain_S))
    kept = _kept(results, "trap-quadratic", "caution")
    estimates["caution-lost"] = _negative(kept, add=1)
    estimates["plain-kept"] = _kept(results, "trap-quadratic", "plain")
    minority_S = _values(results, "groups-6", "found minority")
    estimates["minority-wrong"] = mean(1 - minority_S)
    pooled_S, found_S = (_values(results, "groups-6", f"{how} majority") for how in ("pooled", "found"))
    estimates["majority-loss"] = mean(pooled_S - found_S)
    estimates["ranking-error"] = _ratio(results, "error plackett-luce", "error pairs")
    estimates["naive-error"] = _ratio(results, "claimed pairs", "error pairs")
    cover_S = _values(results, "rankings", "coverage plackett-luce")
    estimates["coverage"] = jackknife(lambda rows: abs(float(cover_S[rows].mean()) - MIDDLE), len(cover_S))
    return estimates


def table(results: Results) -> str:
    """Markdown: a row for each arm and what is measured there, means over seeds with intervals."""
    rows = [
        *[
            (arm, f"Spearman with gold, {kind}", _mean(results, arm, kind))
            for arm in KIND_ARMS
            for kind in (*KINDS, "joint")
        ],
        *[
            (arm, f"share of seeds ordered by mean utility, {name}", _share(results, arm, name))
            for arm in STRENGTH_ARMS
            for name in ("plain", "margin", "ordinal")
        ],
        *[
            (
                arm,
                f"share of the peak that is left at n = {trap.LARGEST_N[-1]}, {name}",
                _text(_kept(results, arm, name)),
            )
            for arm in trap.ARMS
            for name in ("plain", "caution")
            if _has(results, arm)
        ],
        *[
            (arm, f"gold at n = {trap.LARGEST_N[-1]}, {name}", _text(mean(_curve(results, arm, name)[:, -1])))
            for arm in trap.ARMS
            for name in ("plain", "caution")
            if _has(results, arm)
        ],
        *[
            (arm, f"accuracy, {name}", _mean(results, arm, name))
            for arm, minority in MINORITIES.items()
            for name in _GROUPS[: 4 if minority else 2]
        ],
        *[("rankings", what, _mean(results, "rankings", what)) for what in _RANKINGS],
    ]
    lines = [f"| {arm} | {what} | {found} |" for arm, what, found in rows if _has(results, arm)]
    return "\n".join(["| arm | what | found |", "|---|---|---|", *lines])


_GROUPS = ("pooled majority", "found majority", "pooled minority", "found minority")
_RANKINGS = tuple(f"{what} {name}" for name in ("plackett-luce", "pairs") for what in ("error", "claimed", "coverage"))


def figure(results: Results) -> "Figure":
    """Spearman's correlation by kind, and gold of the best of n with caution and without: a line a seed."""
    from matplotlib.figure import Figure

    canvas = Figure(figsize=(9.6, 4.2), layout="constrained")
    left, right = canvas.subplots(1, 2)
    for place, kind in enumerate((*KINDS, "joint")):
        value_S = _values(results, "kinds", kind)
        left.plot(value_S, np.full(len(value_S), place), "o", color="C3" if kind == "joint" else "C0", alpha=0.5)
    left.set_yticks(range(len(KINDS) + 1), (*KINDS, "joint"))
    left.set(xlabel="Spearman's correlation with gold, at equal seconds")
    for name, colour in (("plain", "C0"), ("caution", "C3")):
        curve_SN = _curve(results, "trap-quadratic", name)
        right.plot(trap.LARGEST_N, curve_SN.T, color=colour, linewidth=0.6, alpha=0.5)
        right.plot(trap.LARGEST_N, curve_SN.mean(0), color=colour, linewidth=2, label=name)
    right.set_xscale("log", base=2)
    right.set(xlabel="n of best of n", ylabel="gold")
    right.legend(frameon=False)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    return canvas


def _has(results: Results, arm: str) -> bool:
    return any(cell.arm == arm for cell in results)


def _values(results: Results, arm: str, what: str) -> Floats:
    """A number of each seed, [S]."""
    return np.array([p.value for cell in results if cell.arm == arm for p in cell.measurements if p.what == what])


def _curve(results: Results, arm: str, what: str) -> Floats:
    """Gold at each n, [S, N]."""
    return _values(results, arm, what).reshape(-1, len(trap.LARGEST_N))


def _kept(results: Results, arm: str, name: str) -> Estimate:
    """Gold at the largest n over its peak, a ratio of sums over seeds; that of caution is the higher of both peaks."""
    curve_SN = _curve(results, arm, name)
    peak_S = curve_SN.max(1)
    if name == "caution":
        peak_S = np.maximum(peak_S, _curve(results, arm, "plain").max(1))
    return jackknife(lambda rows: float(curve_SN[rows, -1].sum() / peak_S[rows].sum()), len(peak_S))


def _ratio(results: Results, above: str, below: str) -> Estimate:
    """Of root mean squares over seeds, less 1."""
    above_S, below_S = _values(results, "rankings", above), _values(results, "rankings", below)
    return jackknife(
        lambda rows: float(np.sqrt(np.mean(above_S[rows] ** 2) / np.mean(below_S[rows] ** 2)) - 1), len(above_S)
    )


def _negative(estimate: Estimate, *, add: float) -> Estimate:
    """`add` less an estimate."""
    low, high = (None if end is None else add - end for end in (estimate.high, estimate.low))
    return replace(estimate, value=add - estimate.value, low=low, high=high)


def _mean(results: Results, arm: str, what: str) -> str:
    value_S = _values(results, arm, what)
    return _text(mean(value_S)) if len(value_S) else ""


def _share(results: Results, arm: str, what: str) -> str:
    value_S = _values(results, arm, what)
    return f"{int(value_S.sum())} of {len(value_S)}"


def _text(estimate: Estimate) -> str:
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.3f}"
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"
