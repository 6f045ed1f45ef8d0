"""The numbers of a run as one table: what `accord demo` prints and the page repeats."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from accord.artefacts import CARD, EVALUATION, FINDINGS, SUMMARY, JsonObject, RunReader
from accord.report.optional import card_of, findings_of, seconds_of, summary_of
from accord.report.own_evaluation import own_rows
from accord.report.table_row import Row
from accord.report.words import clean, duration, interval, tally
from accord.run import MANIFEST, RunDirectory
from accord.stats import Estimate

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["Row", "render_table", "rows_of", "summary", "to_json"]


@dataclass(frozen=True)
class Quantity:
    """Where a number stands in the run, how it is called, how many digits it deserves, and whether it is a share."""

    group: str
    name: str
    artefact: JsonObject[Any]
    stage: str
    columns: tuple[str, ...]
    digits: int = 3
    share: bool = False

    @property
    def file(self) -> str:
        """The file that it stands in."""
        return self.artefact.path(self.stage)

    @property
    def key(self) -> str:
        """A name that does not change with the wording."""
        return ".".join((self.file.partition("/")[0], *self.columns))

    def read(self, reader: RunReader) -> Estimate | None:
        """The number; None where it was not measured."""
        content = reader.value(self.artefact, self.stage)
        for column in self.columns:
            content = getattr(content, column)
        assert content is None or isinstance(content, Estimate)
        return content


REWARD, JUDGE, PEOPLE, POLICY, RUN = "reward model", "independent judge", "evaluators", "policy", "run"


def _judged(group: str, stage: str) -> tuple[Quantity, ...]:
    return (
        Quantity(group, "accuracy on held-out pairs", CARD, stage, ("accuracy",), share=True),
        Quantity(group, "the same answer always", CARD, stage, ("majority",), share=True),
        Quantity(group, "length alone", CARD, stage, ("length_only",), share=True),
        Quantity(
            group, "which words stand in it (TF-IDF, logistic regression)", CARD, stage, ("words_only",), share=True
        ),
        Quantity(group, "accuracy above that of the words, same pairs", CARD, stage, ("over_words",)),
        Quantity(group, "calibration error (ECE)", CARD, stage, ("ece",), share=True),
    )


def _evaluated(name: str, *columns: str, digits: int = 3, share: bool = False) -> Quantity:
    return Quantity(POLICY, name, EVALUATION, "evaluate", columns, digits, share)


def _arms(name: str, key: str, digits: int = 3, *, share: bool = False) -> tuple[Quantity, ...]:
    return tuple(_evaluated(f"{name}, {arm}", arm, key, digits=digits, share=share) for arm in ("start", "policy"))


QUANTITIES = (
    *_judged(REWARD, "reward"),
    *_judged(JUDGE, "eval_reward"),
    _evaluated("win rate by the independent judge", "win_rate", share=True),
    _evaluated("win rate by its own reward", "win_rate_reward", share=True),
    _evaluated("KL to its start (nats a text)", "kl", digits=2),
    *_arms("texts that end themselves", "stop_rate", share=True),
    *_arms("distinct-2", "distinct_2", share=True),
    *_arms("entropy (nats a token)", "entropy"),
    *_arms("length (tokens)", "length", 1),
)


def summary(run: RunDirectory) -> list[Row]:
    """The result of a run: how good the judges are, how the policy compares with its start, the time, what fired.

    A part that the run does not have is one row that says so. Raises `ArtefactError` where a file was altered.
    """
    return rows_of(RunReader.of(run))


def rows_of(reader: RunReader) -> list[Row]:
    """The rows of `summary`, from a run that is being read."""
    rows: list[Row] = []
    for group in (REWARD, JUDGE, POLICY):
        members = [quantity for quantity in QUANTITIES if quantity.group == group]
        if not reader.has(members[0].artefact, members[0].stage):
            key = members[0].key.partition(".")[0]
            rows.append(Row(key, group, "evaluation", "not in this run"))
        else:
            rows += [_row(reader, quantity) for quantity in members]
        if group == JUDGE:
            rows += _people(reader)
    return [*rows, *own_rows(reader), _seconds(reader), _fired(reader)]


def _row(reader: RunReader, quantity: Quantity) -> Row:
    estimate = quantity.read(reader)
    if estimate is None:
        return Row(quantity.key, quantity.group, quantity.name, "not measured in this run", quantity.file)
    text = interval(estimate, quantity.digits)
    return Row(quantity.key, quantity.group, quantity.name, text, quantity.file, estimate, share=quantity.share)


def _people(reader: RunReader) -> Iterator[Row]:
    """How often people order a pair as its evaluator did: another one, and all others together."""
    sources = [(CARD.path(stage), card_of(reader, stage)) for stage in ("reward", "eval_reward")]
    contents = [(file, content) for file, content in [*sources, (SUMMARY.path(), summary_of(reader))] if content]
    for key, name in (("agreement", "another evaluator (a tie is half)"), ("consensus", "all others together")):
        known = ((file, estimate) for file, content in contents if (estimate := getattr(content, key)) is not None)
        file, estimate = next(known, ("", None))
        if estimate is None:
            yield Row(key, PEOPLE, name, "not measured in this run")
        else:
            yield Row(key, PEOPLE, name, interval(estimate), file, estimate, share=True)


def _seconds(reader: RunReader) -> Row:
    seconds = seconds_of(reader)
    if not seconds:
        return Row("seconds", RUN, "time", "no stage is finished")
    parts = ", ".join(f"{clean(name)} {of_stage:,.0f}" for name, of_stage in seconds.items())
    text = f"{duration(sum(seconds.values()))} (seconds: {parts})"
    return Row("seconds", RUN, "time", text, MANIFEST, value=seconds)


def _fired(reader: RunReader) -> Row:
    findings = findings_of(reader)
    if findings is None:
        return Row("audit", RUN, "audit", "not audited")
    verdicts = {finding.id: finding.verdict.value for finding in findings}
    return Row("audit", RUN, "audit", tally(findings), FINDINGS.path(), value=verdicts)


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
    for group, of_group in groupby(rows, key=lambda row: row.group):
        members = list(of_group)
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
