"""Fields as the items make them from the records of a run."""

from collections.abc import Iterable, Mapping, Sequence

from accord.artefacts import NOT_DISCLOSED, DisclosureEvidence, DisclosureField, DisclosureLine, DisclosureTable
from accord.artefacts.finding import IdList
from accord.report.words import interval, observations
from accord.stats import Estimate

NBSP = "\N{NO-BREAK SPACE}"
__all__ = ["inapplicable", "known", "line", "number", "table", "unknown", "withheld"]


def known(
    name: str,
    label: str,
    value: str,
    evidence: Iterable[DisclosureEvidence] = (),
    *,
    lines: DisclosureTable | None = None,
) -> DisclosureField:
    """What the records say."""
    return DisclosureField(
        name=name,
        label=label,
        status="complete",
        source="run",
        value=value,
        table=lines,
        evidence=tuple(dict.fromkeys(evidence)),
    )


def unknown(name: str, label: str, reason: str) -> DisclosureField:
    """What the records do not say, and why; a person may."""
    return DisclosureField(name=name, label=label, status="missing", source="run", value=NOT_DISCLOSED, reason=reason)


def inapplicable(name: str, label: str, reason: str) -> DisclosureField:
    """What there is nothing of in this run."""
    return DisclosureField(
        name=name, label=label, status="not_applicable", source="run", value="not applicable", reason=reason
    )


def withheld(name: str, label: str, reason: str, evidence: Iterable[DisclosureEvidence] = ()) -> DisclosureField:
    """What the records say and this version does not."""
    return DisclosureField(
        name=name,
        label=label,
        status="withheld",
        source="run",
        value="withheld",
        reason=reason,
        evidence=tuple(evidence),
    )


def table(head: Sequence[str], lines: Iterable[DisclosureLine]) -> DisclosureTable | None:
    """A table; None where it would have no lines."""
    rows = tuple(lines)
    return DisclosureTable(head=tuple(head), lines=rows) if rows else None


def line(*cells: str, estimate: Estimate | None = None, rows: Mapping[str, IdList] | None = None) -> DisclosureLine:
    """A line of texts, the number that one of them shows, and the rows that it rests on."""
    return DisclosureLine(cells=cells, estimate=estimate, rows=dict(rows) if rows else None)


def number(estimate: Estimate | None, digits: int = 3) -> str:
    """`0.712 [0.698, 0.725], n = 4,000 (130)`, or that it was not measured."""
    if estimate is None:
        return "not measured"
    return f"{interval(estimate, digits)}, n{NBSP}={NBSP}{observations(estimate)}"
