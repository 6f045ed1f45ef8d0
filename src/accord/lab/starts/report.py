"""What is concluded: which start leads to the best policy, as a table and a figure."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from accord.lab.cell import CellResult
from accord.lab.starts.settings import BASE, StartResult
from accord.stats import Estimate, mean

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["conclude", "figure", "table"]

Results = Sequence[CellResult[StartResult]]


def conclude(results: Results) -> Mapping[str, Estimate]:
    """The numbers of the marks, means over seeds; what lacks a start is left out.

    Of a single seed the intervals are over prompts, each difference by those of its two sides as if they had been
    measured on different prompts (MOVER; Zou & Donner 2008): it holds more often than 95 %.
    """
    by_seed: dict[int, dict[str, StartResult]] = {}
    for cell in results:
        for each in cell.measurements:
            by_seed.setdefault(cell.seed, {})[_name(each)] = each
    differences: dict[str, list[Estimate]] = {}
    for of_seed in by_seed.values():
        for name, difference in _differences(of_seed):
            differences.setdefault(name, []).append(difference)
    return {
        name: values[0] if len(values) == 1 else mean([value.value for value in values])
        for name, values in differences.items()
    }


def _differences(starts: Mapping[str, StartResult]) -> Iterator[tuple[str, Estimate]]:
    """The numbers of the marks in one seed, by name."""
    policy = {name: _estimate(each, "policy_reward") for name, each in starts.items()}
    tuned = [name for name, each in starts.items() if each.start != BASE]
    if BASE in starts and tuned:
        yield "tuned", _less(policy[BASE], policy[max(tuned, key=lambda name: policy[name].value)])
        losses = [_less(_estimate(each, "start_reward"), policy[name]) for name, each in starts.items()]
        yield "gain", max(losses, key=lambda loss: loss.value)
    for name, first, second in (
        ("curated", "supervised 64", "curated 64"),
        ("more", "supervised 64", "supervised 256"),
        ("distilled", "distilled 256", "supervised 256"),
    ):
        if first in starts and second in starts:
            yield name, _less(policy[first], policy[second])


def _estimate(result: StartResult, name: str) -> Estimate:
    low, high = result.intervals.get(name, (None, None))
    return Estimate(getattr(result, name), low, high, 1, method="over prompts")


def _less(first: Estimate, second: Estimate) -> Estimate:
    """The difference of two numbers, with an interval where both have one."""
    value = first.value - second.value
    if first.low is None or first.high is None or second.low is None or second.high is None:
        return Estimate(value, None, None, 1)
    low = value - math.hypot(first.value - first.low, second.high - second.value)
    high = value + math.hypot(first.high - first.value, second.value - second.low)
    return Estimate(value, low, high, 1, method="over prompts (MOVER)")


def table(results: Results) -> str:
    """Markdown: every start, the best policy first; rewards by the independent judge, in its standard deviations."""
    lines = [
        "| start | texts | reward of the start | of the policy | KL, nats | distinct-2 | ends itself | seconds |",
        "|---" * 8 + "|",
    ]
    for each in _ranked(results):
        numbers = [_with_interval(each, name) for name in ("start_reward", "policy_reward", "kl")]
        variety = "" if each.distinct_2 is None else f"{each.distinct_2:.2f}"
        rest = [variety, f"{each.stop_rate:.2f}", f"{each.seconds:.0f}"]
        lines.append(f"| {each.start} | {each.size or ''} | " + " | ".join([*numbers, *rest]) + " |")
    return "\n".join(lines)


def figure(results: Results) -> "Figure":
    """Each start (open) and the policy that came of it (full), by the independent judge; the best policy on top."""
    from matplotlib.figure import Figure

    ranked = _ranked(results)[::-1]
    canvas = Figure(figsize=(6.4, 0.5 + 0.42 * len(ranked)), layout="constrained")
    axes = canvas.subplots()
    for height, each in enumerate(ranked):
        low, high = each.intervals.get("policy_reward", (None, None))
        if low is not None and high is not None:
            axes.plot([low, high], [height, height], color="C0", linewidth=1.5)
        axes.plot(each.start_reward, height, marker="o", color="C0", fillstyle="none")
        axes.plot(each.policy_reward, height, marker="o", color="C0")
    axes.set_yticks(range(len(ranked)), [_name(each) for each in ranked])
    axes.set_xlabel("independent judge's score, SDs (open: the start; full: after RLOO, interval over prompts)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(visible=True, axis="x", linewidth=0.3)
    return canvas


def _ranked(results: Results) -> list[StartResult]:
    return sorted((each for cell in results for each in cell.measurements), key=lambda each: -each.policy_reward)


def _name(result: StartResult) -> str:
    return f"{result.start} {result.size}" if result.size else result.start


def _with_interval(result: StartResult, name: str) -> str:
    low, high = result.intervals.get(name, (None, None))
    value = getattr(result, name)
    return f"{value:.2f}" if low is None or high is None else f"{value:.2f} [{low:.2f}, {high:.2f}]"
