"""A plan: what the checks of a report lack, and a folder for each study that would collect it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import tomli_w

from accord.artefacts.finding import Collection, Finding, Verdict
from accord.audit.evidence import Evidence
from accord.audit.plan.items import item_lines
from accord.audit.plan.studies import STUDIES
from accord.errors import AuditError, MissingEvidence, storage

__all__ = ["Plan", "write_plan"]

ITEMS = 200
"""At most so many of a study; whoever runs it takes fewer where the amounts in the plan allow it."""


@dataclass(frozen=True)
class Plan:
    """What a plan holds: the findings that lack something, and the folders of studies by name."""

    lacking: tuple[Finding, ...]
    studies: tuple[str, ...]


def write_plan(findings: Sequence[Finding], evidence: Evidence, folder: Path) -> Plan:
    """Write `plan.md` into a new folder, and beside it a folder with `study.toml` and `items.jsonl` for each study.

    In it is what could not be assessed or did not decide, and what fires where collecting something anew is the remedy.
    Raises `AuditError` where the folder is there already,
    `StorageError` where it cannot be written.
    """
    if folder.exists():
        raise AuditError(f"{folder} is there already; name a new folder for the plan")
    lacking = tuple(finding for finding in findings if _wants_more(finding))
    names = dict.fromkeys(finding.collect.study for finding in lacking if finding.collect and finding.collect.study)
    with storage(folder):
        folder.mkdir(parents=True)
    written = {name: _write_study(evidence, name, folder / name) for name in names}
    with storage(folder):
        (folder / "plan.md").write_text(_page(lacking, written), encoding="utf-8")
    return Plan(lacking, tuple(names))


def _wants_more(finding: Finding) -> bool:
    open_ones = {Verdict.NOT_ASSESSABLE, Verdict.INCONCLUSIVE}
    return finding.verdict in open_ones or (finding.verdict is Verdict.FIRES and finding.collect is not None)


def _write_study(evidence: Evidence, name: str, folder: Path) -> str:
    """Write a study; what is still to be done by hand, in words (empty where it can begin)."""
    plan = STUDIES[name]
    settings = plan.settings()
    by_hand = [plan.by_hand] if plan.by_hand else []
    with storage(folder):
        folder.mkdir()
    try:
        lines = item_lines(evidence, plan.items, settings["questions"][0]["kind"], ITEMS)
        with storage(folder):
            (folder / "items.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    except MissingEvidence as error:
        by_hand.append(f"items.jsonl: {error.what} is missing")
    content = {"name": f"audit-{name.replace('_', '-')}", **settings, "items_file": "items.jsonl"}
    tables = ("questions", "attributes", "quotas")
    ordered = {key: value for key, value in content.items() if key not in tables}
    ordered |= {key: content[key] for key in tables if key in content}
    with storage(folder):
        (folder / "study.toml").write_text(tomli_w.dumps(ordered), encoding="utf-8")
    return "; ".join(by_hand)


def _page(lacking: Sequence[Finding], studies: dict[str, str]) -> str:
    """Each study with the checks that it answers, then what no study of people collects."""
    lines = ["# What the audit lacks", ""]
    if not lacking:
        lines.append("Nothing: every check could be assessed, and decided.")
    for name, by_hand in studies.items():
        lines += [f"## The study `{name}/`: {STUDIES[name].purpose}", ""]
        if by_hand:
            lines += [f"Before it begins, add {by_hand}.", ""]
        lines += [
            "```sh",
            f"accord collect {name}/study.toml --ledger audit.db",
            "accord audit RUN --audit-ledger audit.db",
            "```",
            "",
            *_entries([finding for finding in lacking if finding.collect and finding.collect.study == name]),
            "",
        ]
    others = [finding for finding in lacking if not finding.collect or not finding.collect.study]
    if others:
        lines += ["## Without a study", "", *_entries(others)]
    return "\n".join(lines).rstrip() + "\n"


def _entries(findings: Sequence[Finding]) -> Iterator[str]:
    """What to collect for which checks, and what each lacks; those that lack the same together."""
    ids: dict[tuple[Verdict, str, Collection | None], list[str]] = {}
    for finding in findings:
        ids.setdefault((finding.verdict, finding.needs, finding.collect), []).append(finding.id)
    for (verdict, needs, collect), names in ids.items():
        match verdict:
            case Verdict.FIRES:
                yield f"* **{', '.join(names)}** fires, and more is to be collected."
            case Verdict.NOT_ASSESSABLE:
                yield f"* **{', '.join(names)}** cannot be assessed without {needs}."
            case _:
                yield f"* **{', '.join(names)}** did not decide; it would take {needs}."
        if collect is not None:
            yield f"  Collect {collect.what} (`{collect.field}`): {collect.amount}."
