"""The numbers of a run as one table: what `accord demo` prints and the page repeats."""

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from accord.report.reading import Reading
from accord.report.words import clean, duration, interval, observations, tally
from accord.run import RunDirectory
from accord.stats import Estimate

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["Row", "render_table", "rows_of", "summary", "to_json"]


@dataclass(frozen=True)
class Row:
    """A number of the run: how it is called, how it reads, and the file that it came from.

    `estimate` is None where the row is no measured number (seconds, what fired: then `value` holds it) or where the
    run lacks it (then `text` says so). `file` is empty where there is none.
    """

    key: str
    group: str
    name: str
    text: str
    file: str = ""
    estimate: Estimate | None = None
    value: Any = None

    @property
    def label(self) -> str:
        """The name where its group is not beside it."""
        return f"{self.group}: {self.name}"

    @property
    def n(self) -> str:
        """Observations, and independent units in brackets; empty where nothing was counted."""
        return "" if self.estimate is None else observations(self.estimate)


@dataclass(frozen=True)
class Quantity:
    """Where a number stands in the run, how it is called, and how many digits it deserves."""

    group: str
    name: str
    file: str
    keys: tuple[str, ...]
    digits: int = 3

    @property
    def key(self) -> str:
        """A name that does not change with the wording."""
        return ".".join((self.file.partition("/")[0], *self.keys))


REWARD, JUDGE, CEILING, POLICY, RUN = "reward model", "independent judge", "evaluators", "policy", "run"
_EVALUATION = "evaluation/evaluation.json"


def _judged(group: str, folder: str) -> tuple[Quantity, ...]:
    file = f"{folder}/evaluation.json"
    return (
        Quantity(group, "accuracy on held-out pairs", file, ("accuracy",)),
        Quantity(group, "the same answer always", file, ("majority",)),
        Quantity(group, "length alone", file, ("length_only",)),
        Quantity(group, "calibration error (ECE)", file, ("ece",)),
    )


def _arms(name: str, key: str, digits: int) -> tuple[Quantity, ...]:
    return tuple(Quantity(POLICY, f"{name}, {arm}", _EVALUATION, (arm, key), digits) for arm in ("start", "policy"))


QUANTITIES = (
    *_judged(REWARD, "reward"),
    *_judged(JUDGE, "eval_reward"),
    Quantity(POLICY, "win rate by the independent judge", _EVALUATION, ("win_rate",)),
    Quantity(POLICY, "win rate by its own reward", _EVALUATION, ("win_rate_reward",)),
    Quantity(POLICY, "KL to its start (nats a text)", _EVALUATION, ("kl",), 2),
    *_arms("texts that end themselves", "stop_rate", 3),
    *_arms("distinct-2", "distinct_2", 3),
    *_arms("entropy (nats a token)", "entropy", 3),
    *_arms("length (tokens)", "length", 1),
)


def summary(run: RunDirectory) -> list[Row]:
    """The result of a run: how good the judges are, what became of the policy, how long it took, what fired.

    A part that the run does not have is one row that says so. Raises `ArtefactError` where a file was altered.
    """
    return rows_of(Reading(run))


def rows_of(reading: Reading) -> list[Row]:
    """The rows of `summary`, from a run that is being read."""
    rows: list[Row] = []
    for group in (REWARD, JUDGE, POLICY):
        members = [each for each in QUANTITIES if each.group == group]
        if reading.json(members[0].file) is None:
            key = members[0].key.partition(".")[0]
            rows.append(Row(key, group, "evaluation", "not in this run"))
        else:
            rows += [_row(reading, each) for each in members]
        if group == JUDGE:
            rows.append(_ceiling(reading))
    return [*rows, _seconds(reading), _fired(reading)]


def _row(reading: Reading, each: Quantity) -> Row:
    estimate = reading.estimate(each.file, *each.keys)
    if estimate is None:
        return Row(each.key, each.group, each.name, "not measured in this run", each.file)
    return Row(each.key, each.group, each.name, interval(estimate, each.digits), each.file, estimate)


def _ceiling(reading: Reading) -> Row:
    """How often two evaluators agree: what any judge can reach at most."""
    name = "two agree on a pair (the ceiling)"
    for file in ("reward/evaluation.json", "eval_reward/evaluation.json", "data/summary.json"):
        estimate = reading.estimate(file, "agreement")
        if estimate is not None:
            return Row("agreement", CEILING, name, interval(estimate), file, estimate)
    return Row("agreement", CEILING, name, "not measured in this run")


def _seconds(reading: Reading) -> Row:
    seconds = reading.seconds
    if not seconds:
        return Row("seconds", RUN, "time", "no stage is finished")
    parts = ", ".join(f"{clean(name)} {value:,.0f}" for name, value in seconds.items())
    text = f"{duration(sum(seconds.values()))} (seconds: {parts})"
    return Row("seconds", RUN, "time", text, "manifest.json", value=seconds)


def _fired(reading: Reading) -> Row:
    findings = reading.findings
    if findings is None:
        return Row("audit", RUN, "audit", "not audited")
    verdicts = {f"{each.challenge} {each.check}": each.verdict.value for each in findings}
    return Row("audit", RUN, "audit", tally(findings), "audit.json", value=verdicts)


def render_table(rows: list[Row], *, title: str = "") -> "Table":
    """The rows for a terminal, by group, each group with the file that its numbers came from."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=clean(title) and Text(clean(title)),
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    table.add_column("", max_width=40)
    table.add_column("value [95 % interval]", overflow="fold")
    table.add_column("n (clusters)", justify="right")
    for group, some in groupby(rows, key=lambda row: row.group):
        members = list(some)
        table.add_row(Text(group, style="bold"), Text(_file(members), style="dim"), "")
        for row in members:
            table.add_row(Text(f"  {row.name}"), Text(row.text), Text(row.n))
    return table


def _file(rows: list[Row]) -> str:
    return ", ".join(dict.fromkeys(row.file for row in rows if row.file))


def to_json(rows: list[Row]) -> list[dict[str, Any]]:
    """The rows for programs: `value` is an Estimate, or what else the row holds, or null where the run lacks it."""
    return [
        {
            "key": row.key,
            "name": row.name,
            "value": row.value if row.estimate is None else row.estimate.to_json(),
            "text": row.text,
            "n": None if row.estimate is None else row.estimate.n,
            "file": row.file or None,
        }
        for row in rows
    ]
