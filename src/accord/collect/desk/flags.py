"""Whom to talk to, and about what: each flag is a number with its interval that crosses a line that is stated here.

A flag is no verdict. An interval must lie beyond the line as a whole, so that a few answers flag nobody; a preference
for a side is a binomial test, by Bonferroni over the people tested.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from scipy import stats as scipy_stats

from accord.collect.desk.overview import Flag
from accord.collect.study import AnyQuestion
from accord.feedback.equality import same_answer
from accord.records import Declined, Feedback
from accord.stats import Estimate, median, proportion

__all__ = ["Habits", "flags_of", "habits_of", "is_too_fast", "median_seconds"]

WORDS_A_SECOND = 15.0
"""Faster than this nobody reads; fluent reading is 4 to 5 words a second."""

MIN_SECONDS = 1.0
MAX_FAST = 0.2
MIN_GOLD = 0.8
MIN_SAME = 0.75
MAX_PASTED = 0.2
MAX_DECLINED = 0.2
SIDE_LEVEL = 0.05


@dataclass(frozen=True)
class Habits:
    """What somebody's answers show; None where there is nothing to go by.

    fast      share of answers sent before what was shown could be read
    gold      share of control questions answered as known to be right
    repeats   share of items asked again that were answered the same
    left      share of `left` among decided comparisons, and `left_p` its two-sided binomial p against one half
    pasted    share of written answers into which something was pasted
    declined  share of items declined

    `left_out` says in words what a share leaves out, by its name; nothing where it leaves nothing out.
    """

    fast: Estimate | None
    gold: Estimate | None
    repeats: Estimate | None
    left: Estimate | None
    left_p: float | None
    pasted: Estimate | None
    declined: Estimate | None
    left_out: Mapping[str, str] = field(default_factory=dict)


def habits_of(
    questions: Mapping[str | None, AnyQuestion],
    feedback: Sequence[tuple[Feedback, int]],
    by_id: Mapping[str, Feedback],
) -> Habits:
    """Somebody's habits, from their feedback that stands, each with the number of words that were shown.

    `questions` are those of the study, by the name of the study that answers are kept under.
    """
    records = [record for record, _ in feedback]
    timed = [(record.seconds, words) for record, words in feedback if record.seconds is not None]
    sides = [side for record in records if (side := questions[record.study].side(record.judgement)) is not None]
    left = sum(side == "left" for side in sides)
    known = [
        questions[record.study].agree(record.judgement, record.gold) for record in records if record.gold is not None
    ]
    again = [same_answer(record, first) for record in records if (first := by_id.get(record.repeat_of or ""))]
    ties = sum(questions[record.study].is_tie(record.judgement) for record in records)
    return Habits(
        fast=_share([is_too_fast(seconds, words) for seconds, words in timed]),
        gold=_share(known),
        repeats=_share(again),
        left=_share([side == "left" for side in sides]),
        left_p=float(scipy_stats.binomtest(left, len(sides)).pvalue) if sides else None,
        pasted=_share([count > 0 for count in _pasted_counts(questions, records)]),
        declined=_share([isinstance(record.judgement, Declined) for record in records]),
        left_out=_left_out(
            {"left": (ties, "tie"), "gold": (known.count(None), ""), "repeats": (again.count(None), "")}
        ),
    )


def _left_out(counts: Mapping[str, tuple[int, str]]) -> dict[str, str]:
    """What is left out in words, by the name of the share; what has no name is what no program can compare."""
    words = {}
    for name, (count, what) in counts.items():
        if count:
            of_it = f"{what}{'' if count == 1 else 's'}" if what else "declined or not comparable"
            words[name] = f"{count} {of_it} not counted"
    return words


def is_too_fast(seconds: float, words: int) -> bool:
    """Whether an answer was sent before so many words could be read."""
    return seconds < max(MIN_SECONDS, words / WORDS_A_SECOND)


def _pasted_counts(questions: Mapping[str | None, AnyQuestion], records: Sequence[Feedback]) -> list[int]:
    """How often something was pasted into each written answer, where the page counted it."""
    return [
        record.telemetry.pasted
        for record in records
        if questions[record.study].written
        and not isinstance(record.judgement, Declined)
        and record.telemetry is not None
        and record.telemetry.pasted is not None
    ]


def flags_of(habits: Habits, people: int) -> tuple[Flag, ...]:
    """What to talk to somebody about, among so many people who were looked at."""
    flags: list[Flag] = []
    if habits.fast is not None and _above(habits.fast, MAX_FAST):
        reading = f"came before the text could be read ({WORDS_A_SECOND:g} words a second)"
        flags.append(Flag("too fast", f"{_out_of(habits.fast)} answers {reading}"))
    if habits.gold is not None and _below(habits.gold, MIN_GOLD):
        flags.append(Flag("gold low", f"{_out_of(habits.gold)} control questions were answered as known to be right"))
    if habits.left is not None and habits.left_p is not None and habits.left_p * people < SIDE_LEVEL:
        side = "left" if habits.left.value > 0.5 else "right"
        share = max(habits.left.value, 1 - habits.left.value)
        flags.append(Flag("side bias", f"{share:.0%} of {habits.left.n} choices were {side} (p = {habits.left_p:.2g})"))
    if habits.pasted is not None and _above(habits.pasted, MAX_PASTED):
        flags.append(Flag("pasted", f"into {_out_of(habits.pasted)} written answers something was pasted"))
    if habits.repeats is not None and _below(habits.repeats, MIN_SAME):
        flags.append(Flag("repeats differ", f"{_out_of(habits.repeats)} items asked again were answered the same"))
    if habits.declined is not None and _above(habits.declined, MAX_DECLINED):
        flags.append(Flag("declines often", f"{_out_of(habits.declined)} items were declined"))
    return tuple(flags)


def median_seconds(feedback: Sequence[Feedback]) -> Estimate | None:
    """The median time of somebody's answer; None where no time was recorded."""
    seconds = [record.seconds for record in feedback if record.seconds is not None]
    return median(seconds) if seconds else None


def _share(outcomes: Sequence[bool | None]) -> Estimate | None:
    known = [outcome for outcome in outcomes if outcome is not None]
    return proportion(sum(known), len(known)) if known else None


def _above(estimate: Estimate, line: float) -> bool:
    return estimate.low is not None and estimate.low > line


def _below(estimate: Estimate, line: float) -> bool:
    return estimate.high is not None and estimate.high < line


def _out_of(estimate: Estimate) -> str:
    return f"{round(estimate.value * estimate.n)} of {estimate.n}"
