"""The policy along the run: what its judges say over the KL, and the health of the training step by step."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, takewhile

from accord.artefacts import (
    CURVE,
    JUDGE_FAILURES,
    JUDGED_ROLLOUTS,
    METRICS,
    MODEL,
    SAMPLES,
    CurvePoint,
    Metrics,
    OnlineMetrics,
    RolloutRow,
    RunReader,
    logprobs_of,
)
from accord.report import figures
from accord.report.optional import rows_of_file
from accord.report.words import count, interval
from accord.stats import Estimate, mean, rate

__all__ = ["LARGEST", "Drawing", "Figure", "along_the_run", "courses"]

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


def along_the_run(reader: RunReader) -> Iterator[Figure | str]:
    """Scores over the KL, and the training step by step; a sentence in the place of what the run lacks."""
    trained = reader.has(MODEL, "policy") or reader.has(METRICS, "policy")
    if trained or reader.has(CURVE):
        yield _curve(reader)
    if trained:
        yield _training_curves(reader)


def _curve(reader: RunReader) -> Figure | str:
    steps = [figures.CurveStep(row.step, row.kl, row.reward, row.eval_reward) for row in rows_of_file(reader, CURVE)]
    if not steps:
        return (
            "No judge looked at the texts that the policy wrote along the run, so the reward model and an independent "
            "judge cannot be compared step by step."
        )
    drawings = tuple(Drawing(figures.curve(steps, width=width), width) for width in figures.WIDTHS)
    caption = (
        f"What the texts of {_each_step(len(steps))} score on average ({steps[0].kl.n:,} texts at the first step), "
        "over how far the policy had moved by then. Scores are in standard deviations of the rated texts. Vertical "
        "bars are 95 % intervals of the score, faint horizontal ones of the KL. Where the reward model goes on "
        "climbing and the independent judge does not, the policy exploits the reward model."
        + _doubt(rows_of_file(reader, CURVE))
    )
    files = tuple(lines.path() for lines in (CURVE, JUDGED_ROLLOUTS) if reader.has(lines))
    return Figure(drawings, caption, files)


def _each_step(number: int) -> str:
    return "the one step" if number == 1 else f"each of {number} steps"


def _doubt(rows: Sequence[CurvePoint]) -> str:
    """What the reward model said it did not know, at the first step and at the last; nothing where it did not say."""
    first, last = rows[0].reward_std, rows[-1].reward_std
    if first is None or last is None:
        return ""
    return (
        f" The standard deviation that the reward model gives its own scores was {interval(first, 2)} at the first "
        f"step and {interval(last, 2)} at the last: where it grows, the policy goes where the reward model was not "
        "taught."
    )


_QUANTITIES = (
    ("kl", "KL to the start", "nats a text", 2),
    ("reward", "Reward", "standard deviations of the rated texts", 2),
    ("judge_std", "What the judge does not know", "standard deviation that it gives a score", 3),
    ("cautious_reward", "Cautious reward", "low end of the scores, which is learnt from", 2),
    ("entropy", "Entropy", "nats a token", 2),
    ("length", "Length", "tokens", 1),
    ("stop_rate", "Texts that end themselves", "share", 2),
    ("loss", "Loss", "a step", 3),
    ("accuracy", "Training accuracy", "share of pairs", 2),
    ("margin", "Chosen over rejected", "nats", 2),
    ("clip_frac", "Clipped tokens", "share", 3),
    ("explained_variance", "Returns that values explain", "share of their variance", 2),
    ("sampler_logprob_diff", "Trainer and sampler", "mean size of a token's log-ratio, nats", 4),
    ("importance_truncated", "Truncated importance weights", "share", 4),
    ("grad_norm", "Gradient norm", "before clipping", 2),
)


LARGEST = 1e30  # of what an axis is drawn for; the files have every number


def _training_curves(reader: RunReader) -> Figure | str:
    rows, rollouts = rows_of_file(reader, METRICS, "policy"), rows_of_file(reader, SAMPLES, "policy")
    drawn, undrawn = [], []
    for curve in courses(reader):
        values = (*curve.value_S, *(curve.low_S or ()), *(curve.high_S or ()))
        if any(value is not None and abs(value) > LARGEST for value in values):
            undrawn.append(curve.title)
        else:
            drawn.append(Drawing(figures.training_curve(curve), heading=curve.title, unit=curve.unit))
    beyond = f" Numbers beyond {LARGEST:.0e} are not drawn: {', '.join(undrawn)}." if undrawn else ""
    if not drawn:
        return "The course of the training was not logged." + beyond
    first = rollouts[0].step if rollouts else 0
    texts = sum(1 for _ in takewhile(lambda row: row.step == first, rollouts))
    of_texts = f" of {texts} texts each" if texts else ""
    caption = (
        f"The training, step by step: {count(len(rows), 'step')}{of_texts}. Bands are 95 % intervals; a line without "
        "a band is a mean whose spread is not logged. A KL or a length that runs away, an entropy near zero, or texts "
        "that no longer end themselves are the usual signs of trouble." + _failures(reader) + beyond
    )
    files = tuple(lines.path("policy") for lines in ((METRICS, SAMPLES) if texts else (METRICS,)))
    return Figure(tuple(drawn), caption, files)


def _failures(reader: RunReader) -> str:
    """In how many steps the judge failed, and what became of them; nothing where it never did."""
    rows = rows_of_file(reader, JUDGE_FAILURES, "policy")
    if not rows:
        return ""
    skipped = ", ".join(str(row.step) for row in rows if row.skipped)
    return (
        f" The judge failed in {count(len(rows), 'step')} and was asked again; steps left out since there were no "
        f"scores even so: {skipped or 'none'}."
    )


def courses(reader: RunReader) -> Iterator[figures.TrainingCurve]:
    """Each quantity that the training of the policy logged, step by step."""
    rows, rollouts = rows_of_file(reader, METRICS, "policy"), rows_of_file(reader, SAMPLES, "policy")
    step_S, values_of = _columns(rows)
    bands = _bands(step_S, rollouts)
    for number, (key, heading, unit, digits) in enumerate((*_QUANTITIES, *_multipliers(values_of))):
        value_S = tuple(values_of[key])
        low_S, high_S = bands.get(key, (None, None))
        if any(value is not None for value in value_S):
            name = f"multiplier-{number}" if "." in key else key
            yield figures.TrainingCurve(name, heading, unit, step_S, value_S, low_S, high_S, digits)


def _columns(rows: Sequence[Metrics]) -> tuple[tuple[int, ...], dict[str, list[float | None]]]:
    """The steps, and what each logged of every quantity and multiplier, in one pass."""
    steps: list[int] = []
    values_of: dict[str, list[float | None]] = {key: [] for key, *_ in _QUANTITIES}
    for row in rows:
        for name in (isinstance(row, OnlineMetrics) and row.multipliers) or {}:
            values_of.setdefault(f"multipliers.{name}", [None] * len(steps))
        for key, values in values_of.items():
            values.append(_value(row, key))
        steps.append(row.step)
    return tuple(steps), values_of


def _multipliers(keys: Iterable[str]) -> Iterator[tuple[str, str, str, int]]:
    """A course for the multiplier of each constraint and the weight of each group, where the run has them."""
    for key in keys:
        if key.startswith("multipliers."):
            yield key, f"What '{key.partition('.')[2]}' counts", "a unit of it", 2


def _value(row: Metrics, key: str) -> float | None:
    """A column of a step, or one entry of a column of several; None where the step did not log it."""
    column, _, entry = key.partition(".")
    value = getattr(row, column, None)
    return (value or {}).get(entry) if entry else value


def _bands(step_S: Sequence[int], rollouts: Sequence[RolloutRow]) -> dict[str, Band]:
    """Intervals by step, over the prompts of its rollouts, of what is known of every one of them."""
    bands: dict[str, Band] = {}
    by_step: dict[int, tuple[Estimate | None, ...]] = {}
    for step, of_step in groupby(rollouts, key=lambda row: row.step):
        of_this = list(of_step)
        by_step[step] = tuple(estimate_of(of_this) for estimate_of in _OF_ROLLOUTS.values())
    if not by_step or any(step not in by_step for step in step_S):
        return bands
    for place, key in enumerate(_OF_ROLLOUTS):
        estimates = [by_step[step][place] for step in step_S]
        if None not in estimates:
            known = [estimate for estimate in estimates if estimate is not None]
            bands[key] = tuple(estimate.low for estimate in known), tuple(estimate.high for estimate in known)
    return bands


def _kl(rows: Sequence[RolloutRow]) -> Estimate | None:
    """Each is None where a sample lacks it, as those of other software may: here, where no reference read it."""
    if all(row.logprobs is None for row in rows):
        return None
    kls = [
        sum(logprobs) - sum(row.reference_logprobs)
        for row, logprobs in zip(rows, map(logprobs_of, rows), strict=True)
        if logprobs is not None and row.reference_logprobs is not None
    ]
    return mean(kls, [row.prompt for row in rows]) if len(kls) == len(rows) else None


def _reward(rows: Sequence[RolloutRow]) -> Estimate | None:
    rewards = [row.reward for row in rows if row.reward is not None]
    return mean(rewards, [row.prompt for row in rows]) if len(rewards) == len(rows) else None


def _length(rows: Sequence[RolloutRow]) -> Estimate | None:
    lengths = [len(row.token_ids) for row in rows if row.token_ids is not None]
    return mean(lengths, [row.prompt for row in rows]) if len(lengths) == len(rows) else None


def _stop_rate(rows: Sequence[RolloutRow]) -> Estimate | None:
    stopped = [row.finish_reason != "length" for row in rows if row.finish_reason is not None]
    return rate(stopped, [row.prompt for row in rows]) if len(stopped) == len(rows) else None


_OF_ROLLOUTS: dict[str, Callable[[Sequence[RolloutRow]], Estimate | None]] = {
    "kl": _kl,
    "reward": _reward,
    "length": _length,
    "stop_rate": _stop_rate,
}
