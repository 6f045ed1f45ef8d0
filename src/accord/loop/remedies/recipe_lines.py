"""The remedy of a finding as lines of the very recipe that was run."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from pydantic import BaseModel

from accord.artefacts import Finding, Verdict
from accord.audit import AuditReport
from accord.loop.remedies.changes import CHANGES, Change
from accord.recipe import Recipe

__all__ = ["recipe_lines", "with_recipe_lines"]


def with_recipe_lines(report: AuditReport, recipe: Recipe) -> AuditReport:
    """The report, its findings that fire with what they would change in the recipe."""
    findings = (
        replace(each, recipe_lines=tuple(recipe_lines(each, recipe))) if each.verdict is Verdict.FIRES else each
        for each in report.findings
    )
    return AuditReport(tuple(findings))


def recipe_lines(finding: Finding, recipe: Recipe) -> Iterator[str]:
    """`[policy]`, `kl_coef = 0.15  # was 0.05`: what the remedy changes; nothing where no key of this recipe helps.

    A key that the section's kind does not have, or that has the value already, is left out; so are ids where the
    finding does not list all there are.
    """
    written: dict[str, list[str]] = {}
    for change in CHANGES.get(finding.id, ()):
        section = getattr(recipe, change.section, None)
        if section is not None and (line := _line(change, section, finding)):
            table, _, key = _key_of(change, section).rpartition(".")
            written.setdefault(".".join(filter(None, (change.section, table))), []).append(f"{key} = {line}")
    for name, lines in written.items():
        yield f"[{name}]"
        yield from lines


def _key_of(change: Change, section: BaseModel) -> str:
    if change.key == "anchor":
        return str(getattr(type(section), "anchor", ""))
    keys = change.key.split("|")
    return next((key for key in keys if key in type(section).model_fields), keys[-1])


def _line(change: Change, section: BaseModel, finding: Finding) -> str:
    """The value and what it was; empty where nothing changes."""
    known, before = _value_at(section, _key_of(change, section).split("."))
    if not known or (change.beside and not getattr(section, change.beside)):
        return ""
    after = _after(change, before, finding)
    if after is None or after == before:
        return ""
    return f"{_as_toml(after)}  # {'was unset' if before is None else f'was {_as_toml(before)}'}"


def _after(change: Change, before: Any, finding: Finding) -> Any:
    if change.with_ids:
        some = finding.ids.get(change.with_ids)
        return None if some is None or some.count > len(some.ids) else list(dict.fromkeys([*before, *some.ids]))
    if change.at_least is not None:
        return max(before, change.at_least)
    if change.times is None:
        return change.to
    if not before:
        return None
    return round(before * change.times) if isinstance(before, int) else float(f"{before * change.times:.6g}")


def _value_at(section: BaseModel, keys: Sequence[str]) -> tuple[bool, Any]:
    """Whether there is such a key, and its value."""
    here: Any = section
    for key in keys:
        if not isinstance(here, BaseModel) or key not in type(here).model_fields:
            return False, None
        here = getattr(here, key)
    return True, here


def _as_toml(value: Any) -> str:
    """A number, a text, or a list of texts: what JSON writes for these is TOML."""
    return json.dumps(value, ensure_ascii=False)
