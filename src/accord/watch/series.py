"""What a stage that trains logged, as curves over its steps, over the KL to the start, or over time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from math import isfinite
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from accord.artefacts import CurvePoint
from accord.watch.live_log import StepRow

__all__ = ["MOST_POINTS", "OVER", "Over", "Point", "Series", "series_of", "thinned"]

Over = Literal["step", "kl", "time"]
OVER: tuple[Over, ...] = ("step", "kl", "time")
LARGEST = 1e30  # of what is drawn; the files have every number
MOST_POINTS = 240  # of a line: more are not told apart at its width
ROWS = 12  # of the table beside it
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
    points   in the order of the steps, thinned out where they are many; a step that did not log it is left out
    spread   some of all of them, evenly spaced, the first and the last among them
    smooth   its moving means over `window` steps; empty where there are too few for any
    judge    the independent judge's, beside the reward's; empty where nobody judged
    main     whether it is of the few that are looked at first
    """

    key: str
    title: str
    unit: str
    digits: int
    points: tuple[Point, ...]
    spread: tuple[Point, ...]
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
    "importance_ratio": ("Importance ratio", "trainer to sampler, before it is truncated", 4),
    "importance_truncated": ("Truncated importance weights", "share", 4),
    "hand_over_seconds": ("Weights handed over", "seconds", 2),
    "hand_over_bytes": ("Weights handed over", "bytes", 0),
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
    columns = _Columns(rows, over)
    found = [_series(columns, key, curve) for key in _keys(rows) if (key, over) != ("kl", "kl")]
    return [series for series in found if series is not None]


def _keys(rows: Sequence[StepRow]) -> Iterator[str]:
    there = dict.fromkeys(chain.from_iterable(rows))
    yield from (key for key in (*_MAIN, *_FURTHER) if key in there)
    yield from (key for key in there if not {key} & (_MAIN.keys() | _FURTHER.keys() | _LEFT_OUT))


class _Columns:
    """The log as columns: a long one is looked at every few seconds. What a step did not log is NaN."""

    def __init__(self, rows: Sequence[StepRow], over: Over) -> None:
        self._rows = rows
        self.step_S = self.of("step")
        if over == "time":
            self.x_S = np.cumsum(np.nan_to_num(self.of("seconds")))
        else:
            self.x_S = self.step_S if over == "step" else self.of("kl")

    def of(self, key: str) -> NDArray[np.float64]:
        """A column."""
        nan = float("nan")
        return np.array([row.get(key, nan) for row in self._rows], float)


def _series(columns: _Columns, key: str, curve: Sequence[CurvePoint]) -> Series | None:
    """One number along the log; None where nothing of it can be drawn."""
    title, unit, digits = _MAIN.get(key) or _FURTHER.get(key) or _entry(key)
    value_S = columns.of(key)
    is_there_S = (np.abs(value_S) < LARGEST) & (np.abs(columns.x_S) < LARGEST)
    step_N, x_N, y_N = (column_S[is_there_S] for column_S in (columns.step_S, columns.x_S, value_S))
    if not len(y_N):
        return None
    error_N = 1.96 * columns.of("kl_se")[is_there_S] if key == "kl" else np.full(len(y_N), np.nan)
    window = max(5, len(y_N) // 25) if len(y_N) >= SMOOTHED else 1
    kept, spread = thinned(y_N), np.unique(np.linspace(0, len(y_N) - 1, min(ROWS, len(y_N))).round().astype(int))
    judged = _judged(columns, curve) if key == "reward" else ()
    return Series(
        key,
        title,
        unit,
        digits,
        points=_points(step_N, x_N, y_N, error_N, kept),
        spread=_points(step_N, x_N, y_N, error_N, spread),
        smooth=_moving(step_N, x_N, y_N, window),
        window=window,
        judge=tuple(judged),
        main=key in _MAIN,
    )


def thinned(y_N: NDArray[np.float64]) -> NDArray[np.int64]:
    """Places of at most some hundred numbers: of each stretch its first, lowest, highest and last, so that no spike is
    lost."""
    if len(y_N) <= MOST_POINTS:
        return np.arange(len(y_N))
    kept: set[int] = set()
    for part in np.array_split(np.arange(len(y_N)), MOST_POINTS // 4):
        kept |= {int(part[0]), int(part[y_N[part].argmin()]), int(part[y_N[part].argmax()]), int(part[-1])}
    return np.array(sorted(kept))


def _points(
    step_N: NDArray[np.float64],
    x_N: NDArray[np.float64],
    y_N: NDArray[np.float64],
    error_N: NDArray[np.float64],
    places: NDArray[np.int64],
) -> tuple[Point, ...]:
    found = []
    for place in places:
        step, x, y, error = (float(column_N[place]) for column_N in (step_N, x_N, y_N, error_N))
        low, high = (y - error, y + error) if isfinite(error) else (None, None)
        found.append(Point(int(step), x, y, low, high))
    return tuple(found)


def _entry(key: str) -> tuple[str, str, int]:
    """The words for a column that nobody knows here, or for an entry of one."""
    column, dot, entry = key.partition(".")
    if dot and column in _COLUMNS:
        return entry.replace("_", " ") or column, _COLUMNS[column], 3
    return key.replace("_", " "), "", 3


def _moving(
    step_N: NDArray[np.float64], x_N: NDArray[np.float64], y_N: NDArray[np.float64], window: int
) -> tuple[Point, ...]:
    """The mean of the last `window` numbers at each, from the first whole window on."""
    if window == 1:
        return ()
    mean_x_M, mean_y_M = (_running_mean(column_N, window) for column_N in (x_N, y_N))
    places = thinned(mean_y_M)
    return tuple(
        Point(int(step_N[place + window - 1]), float(mean_x_M[place]), float(mean_y_M[place])) for place in places
    )


def _running_mean(value_N: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    sum_N = np.concatenate(([0.0], np.cumsum(value_N)))
    mean_M: NDArray[np.float64] = (sum_N[window:] - sum_N[:-window]) / window
    return mean_M


def _judged(columns: _Columns, curve: Sequence[CurvePoint]) -> Iterator[Point]:
    place_of = dict(zip(columns.step_S.tolist(), columns.x_S.tolist(), strict=True))
    for point in curve:
        x = place_of.get(point.step, float("nan"))
        if isfinite(x):
            yield Point(point.step, x, point.eval_reward.value, point.eval_reward.low, point.eval_reward.high)
