"""What a stage that trains logged, as curves over its steps, over the KL to the start, or over time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

from accord.artefacts import CurvePoint
from accord.watch.snapshot import StepRow

__all__ = ["OVER", "Over", "Point", "Series", "series_of"]

Over = Literal["step", "kl", "time"]
OVER: tuple[Over, ...] = ("step", "kl", "time")
LARGEST = 1e30  # of what is drawn; the files have every number
SMOOTHED = 40  # points from which on a moving mean is drawn


@dataclass(frozen=True)
class Point:
    """A number at a step; `x` is the step, the KL or the seconds; `low` and `high` its 95 % interval, if any."""

    step: int
    x: float
    y: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Series:
    """One number along a stage.

    key      the column, `components.length` for an entry of one
    points   in the order of the steps; a step that did not log it is left out
    smooth   its moving means over `window` steps; empty where there are too few for any
    judge    the independent judge's, beside the reward's; empty where nobody judged
    main     whether it is of the few that are looked at first
    """

    key: str
    title: str
    unit: str
    digits: int
    points: tuple[Point, ...]
    smooth: tuple[Point, ...] = ()
    window: int = 1
    judge: tuple[Point, ...] = ()
    main: bool = True

    @property
    def last(self) -> Point:
        """The newest."""
        return self.points[-1]


_MAIN: dict[str, tuple[str, str, int]] = {
    "reward": ("Reward", "the judge's mean score", 3),
    "cautious_reward": ("Cautious reward", "low end of the scores", 3),
    "kl": ("KL to the start", "nats a text", 2),
    "loss": ("Loss", "a step", 4),
    "accuracy": ("Accuracy", "share of training pairs ordered rightly", 3),
    "margin": ("Margin", "chosen over rejected", 3),
    "entropy": ("Entropy", "nats a token", 3),
    "length": ("Length", "tokens a text", 1),
    "stop_rate": ("Texts that end themselves", "share", 3),
    "grad_norm": ("Gradient norm", "before clipping", 3),
}
_FURTHER: dict[str, tuple[str, str, int]] = {
    "reward_std": ("Spread of the reward", "standard deviation", 3),
    "judge_std": ("The judge's own doubt", "standard deviation of a score", 3),
    "kl_coef": ("KL coefficient", "", 4),
    "policy_loss": ("Policy loss", "", 4),
    "value_loss": ("Value loss", "", 4),
    "pretrain_loss": ("Pretraining loss", "nats a token", 3),
    "explained_variance": ("Returns that values explain", "share of their variance", 3),
    "clip_frac": ("Clipped tokens", "share", 4),
    "sampler_logprob_diff": ("Trainer and sampler", "mean size of a token's log-ratio, nats", 4),
    "sampler_kl": ("KL of sampler and trainer", "nats a token", 5),
    "frac_zero_std": ("Groups whose scores are equal", "share", 3),
    "lr": ("Learning rate", "", 6),
    "seconds": ("Seconds a step", "", 2),
    "tokens": ("Tokens a step", "", 0),
}
_LEFT_OUT = {"step", "kl_se"}
_COLUMNS = {"components": "score", "multipliers": "multiplier", "extra": "", "observations": "acts of judgement"}


def series_of(rows: Sequence[StepRow], over: Over, curve: Sequence[CurvePoint] = ()) -> list[Series]:
    """All numbers that a stage logged, those that are looked at first in front.

    Over the KL only where it was logged; `curve` is what an independent judge said along the run, if anybody did.
    """
    x_of = _places(rows, over)
    found = [_series(rows, key, x_of, curve) for key in _keys(rows) if (key, over) != ("kl", "kl")]
    return [series for series in found if series.points]


def _keys(rows: Sequence[StepRow]) -> Iterator[str]:
    there = dict.fromkeys(key for row in rows for key in row)
    yield from (key for key in (*_MAIN, *_FURTHER) if key in there)
    yield from (key for key in there if not {key} & (_MAIN.keys() | _FURTHER.keys() | _LEFT_OUT))


def _places(rows: Sequence[StepRow], over: Over) -> list[float | None]:
    """Where on the axis each step stands; None where the log does not say."""
    if over == "step":
        return [row["step"] for row in rows]
    if over == "kl":
        return [row.get("kl") for row in rows]
    return list(accumulate(row.get("seconds", 0.0) for row in rows))


def _series(rows: Sequence[StepRow], key: str, x_of: Sequence[float | None], curve: Sequence[CurvePoint]) -> Series:
    title, unit, digits = _MAIN.get(key) or _FURTHER.get(key) or _entry(key)
    points = tuple(
        _point(row, key, x)
        for row, x in zip(rows, x_of, strict=True)
        if key in row and x is not None and abs(row[key]) < LARGEST and abs(x) < LARGEST
    )
    window = max(5, len(points) // 25) if len(points) >= SMOOTHED else 1
    judge = tuple(_judged(rows, x_of, curve)) if key == "reward" else ()
    main = key in _MAIN
    return Series(key, title, unit, digits, points, _moving(points, window), window, judge, main)


def _entry(key: str) -> tuple[str, str, int]:
    """The words for a column that nobody knows here, or for an entry of one."""
    column, dot, entry = key.partition(".")
    if dot and column in _COLUMNS:
        return entry.replace("_", " ") or column, _COLUMNS[column], 3
    return key.replace("_", " "), "", 3


def _point(row: StepRow, key: str, x: float) -> Point:
    y, step = row[key], int(row["step"])
    if key == "kl" and "kl_se" in row:
        return Point(step, x, y, y - 1.96 * row["kl_se"], y + 1.96 * row["kl_se"])
    return Point(step, x, y)


def _moving(points: Sequence[Point], window: int) -> tuple[Point, ...]:
    """The mean of the last `window` points at each, from the first whole window on."""
    if window == 1:
        return ()
    means = []
    for end in range(window, len(points) + 1):
        inside = points[end - window : end]
        x, y = (sum(values) / window for values in zip(*((point.x, point.y) for point in inside), strict=True))
        means.append(Point(points[end - 1].step, x, y))
    return tuple(means)


def _judged(rows: Sequence[StepRow], x_of: Sequence[float | None], curve: Sequence[CurvePoint]) -> Iterator[Point]:
    place_of = {int(row["step"]): x for row, x in zip(rows, x_of, strict=True)}
    for point in curve:
        x = place_of.get(point.step)
        if x is not None:
            yield Point(point.step, x, point.eval_reward.value, point.eval_reward.low, point.eval_reward.high)
