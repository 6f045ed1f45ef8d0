"""The policy along the run: what its judges say over the KL, and the health of the training step by step."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from accord.report import figures
from accord.report.reading import Reading
from accord.stats import Estimate, mean

__all__ = ["Drawing", "Figure", "along_the_run"]

Row = dict[str, Any]
Band = tuple[tuple[float | None, ...], tuple[float | None, ...]]


@dataclass(frozen=True)
class Drawing:
    """One SVG, drawn for a page of `width` pixels; 0 where it is a panel that stands in any page under `heading`."""

    svg: str
    width: int = 0
    heading: str = ""
    unit: str = ""


@dataclass(frozen=True)
class Figure:
    """Drawings of one thing with what to know about them and the files they came from."""

    drawings: tuple[Drawing, ...]
    caption: str
    files: tuple[str, ...]


def along_the_run(reading: Reading) -> Iterator[Figure | str]:
    """The curve and the courses; a sentence in the place of what the run lacks."""
    trained = reading.run.has("policy/model") or reading.run.has("policy/metrics.jsonl")
    if trained or reading.run.has("evaluation/curve.jsonl"):
        yield _curve(reading)
    if trained:
        yield _courses(reading)


def _curve(reading: Reading) -> Figure | str:
    file = "evaluation/curve.jsonl"
    turns = [turn for row in reading.jsonl(file) or [] if (turn := _turn(reading, row, file)) is not None]
    if not turns:
        return (
            "No judge looked at the texts that the policy wrote along the run, so the reward model and an independent "
            "judge cannot be compared step by step."
        )
    drawings = tuple(Drawing(figures.curve(turns, width=width), width) for width in figures.WIDTHS)
    caption = (
        f"What the texts of each of {len(turns)} steps score on average ({turns[0].kl.n:,} texts at the first step), "
        "over how far the policy had moved by then. Scores are in standard deviations of the rated texts. Vertical "
        "bars are 95 % intervals of the score, faint horizontal ones of the KL. Where the reward model goes on "
        "climbing and the independent judge does not, the policy exploits the reward model."
    )
    files = tuple(name for name in (file, "evaluation/rollouts.jsonl") if reading.run.has(name))
    return Figure(drawings, caption, files)


def _turn(reading: Reading, row: Row, file: str) -> figures.Turn | None:
    found = {
        name: reading.as_estimate(row[name], f"{file} step {row['step']} {name}")
        for name in ("kl", "reward", "eval_reward")
        if row.get(name) is not None
    }
    return (
        figures.Turn(row["step"], found["kl"], found.get("reward"), found.get("eval_reward"))
        if "kl" in found and len(found) > 1
        else None
    )


_COURSES = (
    ("kl", "KL to the start", "nats a text", 2),
    ("reward", "Reward", "standard deviations of the rated texts", 2),
    ("entropy", "Entropy", "nats a token", 2),
    ("length", "Length", "tokens", 1),
    ("stop_rate", "Texts that end themselves", "share", 2),
    ("loss", "Loss", "a step", 3),
    ("accuracy", "Training accuracy", "share of pairs", 2),
    ("margin", "Chosen over rejected", "nats", 2),
    ("clip_frac", "Clipped tokens", "share", 3),
    ("explained_variance", "Returns that values explain", "share of their variance", 2),
    ("ratio", "Trainer over sampler", "mean probability of a token", 3),
    ("grad_norm", "Gradient norm", "before clipping", 2),
)


def _courses(reading: Reading) -> Figure | str:
    file = "policy/metrics.jsonl"
    rows = reading.jsonl(file) or []
    bands = _bands(reading, rows)
    step_S = tuple(row["step"] for row in rows)
    drawings = []
    for number, (key, heading, unit, digits) in enumerate((*_COURSES, *_multipliers(rows))):
        value_S = tuple(_value(row, key) for row in rows)
        if any(value is not None for value in value_S):
            low_S, high_S = bands.get(key, (None, None))
            name = f"multiplier-{number}" if "." in key else key
            each = figures.Course(name, heading, unit, step_S, value_S, low_S, high_S, digits)
            drawings.append(Drawing(figures.course(each), heading=heading, unit=unit))
    if not drawings:
        return "The course of the training was not logged."
    texts = _texts_a_step(reading)
    caption = (
        f"The training, step by step: {len(rows)} steps{f' of {texts} texts each' if texts else ''}. Bands are 95 % "
        "intervals; a line without a band is a mean whose spread is not logged. A KL or a length that runs away, an "
        "entropy near zero, or texts that no longer end themselves are the usual signs of trouble."
    )
    files = (file, "policy/samples.jsonl") if texts else (file,)
    return Figure(tuple(drawings), caption, files)


def _multipliers(rows: list[Row]) -> Iterator[tuple[str, str, str, int]]:
    """A course for the multiplier of each constraint and the weight of each group, where the run has them."""
    for name in dict.fromkeys(name for row in rows for name in row.get("multipliers") or {}):
        yield f"multipliers.{name}", f"What '{name}' counts", "a unit of it", 2


def _value(row: Row, key: str) -> float | None:
    outer, _, inner = key.partition(".")
    return (row.get(outer) or {}).get(inner) if inner else row.get(outer)


def _texts_a_step(reading: Reading) -> int:
    rows = _rollouts(reading)
    return sum(row["step"] == rows[0]["step"] for row in rows)


def _bands(reading: Reading, rows: list[Row]) -> dict[str, Band]:
    """Intervals by step: of the KL from its logged standard error, of the rest from the rollouts, over prompts."""
    bands: dict[str, Band] = {}
    if all(row.get("kl") is not None and row.get("kl_se") is not None for row in rows):
        bands["kl"] = (
            tuple(row["kl"] - 1.96 * row["kl_se"] for row in rows),
            tuple(row["kl"] + 1.96 * row["kl_se"] for row in rows),
        )
    by_step = {step: list(some) for step, some in groupby(_rollouts(reading), key=lambda row: row["step"])}
    if not by_step or any(row["step"] not in by_step for row in rows):
        return bands
    for key, value in _OF_ROLLOUTS.items():
        found = [_mean(by_step[row["step"]], value) for row in rows]
        bands[key] = (tuple(each.low for each in found), tuple(each.high for each in found))
    return bands


_OF_ROLLOUTS: dict[str, Callable[[Row], float]] = {
    "reward": lambda row: float(row["reward"]),
    "length": lambda row: float(len(row["token_ids"])),
    "stop_rate": lambda row: float(row["finish_reason"] == "eos"),
}


def _rollouts(reading: Reading) -> list[Row]:
    return reading.jsonl("policy/samples.jsonl") or []


def _mean(rows: list[Row], value: Callable[[Row], float]) -> Estimate:
    return mean([value(row) for row in rows], [row["prompt"] for row in rows])
