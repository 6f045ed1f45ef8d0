"""All checks over one run: the audit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accord.artefacts import FINDINGS, Finding, Verdict
from accord.audit import (
    attacks,
    collection,
    conduct,
    deployment,
    distribution,
    joint,
    misspecification,
    optimisation,
    oversight,
    people,
    preflight,
    reward,
    seeds,
    values,
)
from accord.audit.challenges import preflight_ids
from accord.audit.checks import CHECKS, register_check
from accord.audit.evidence import Elsewhere, Evidence
from accord.audit.multiplicity import corrected
from accord.audit.settings import AuditSettings
from accord.errors import AuditError, nearest
from accord.feedback.statistics.raking import Target
from accord.interfaces import Judge
from accord.records import Prompt
from accord.run import RunDirectory, check_whole

__all__ = ["AuditReport", "examine"]

REWRITTEN = ("audit", "report")
"""Stages whose files tell of an audit: a new one takes their place, so that damage to them does not matter to it."""

_FAMILIES = (
    *(preflight, people, oversight, collection, misspecification),
    *(reward, optimisation, seeds, distribution, values, attacks, deployment, conduct, joint),
)
for _family in _FAMILIES:
    for _check in _family.CHECKS:
        register_check(_check)


@dataclass(frozen=True)
class AuditReport:
    """The findings of an audit, one a check, in the order of the registry."""

    findings: tuple[Finding, ...]

    @property
    def fired(self) -> tuple[Finding, ...]:
        """The findings that fire."""
        return tuple(finding for finding in self.findings if finding.verdict is Verdict.FIRES)

    def to_json(self) -> dict[str, Any]:
        """As written in `audit.json`."""
        return {"findings": [finding.to_json() for finding in self.findings]}

    def write(self, run: RunDirectory, *, stage: str = FINDINGS.stage) -> None:
        """Write `audit.json` into the run, in place of an earlier audit; `stage` may stand below a prefix."""
        FINDINGS.write(run, self.findings, stage=stage)


def examine(
    run: RunDirectory,
    *,
    judges: Mapping[str, Judge] | None = None,
    settings: AuditSettings | None = None,
    only: Sequence[str] = (),
    prefix: str = "",
    trusted: bool = True,
    audit_ledger: Path | str | None = None,
    since: Path | str | None = None,
    deployment_prompts: Sequence[Prompt] | None = None,
    population: Target | None = None,
    beside: Sequence[Path | str] = (),
    elsewhere: Elsewhere | None = None,
) -> AuditReport:
    """Put the claims of a run to the test, from its files and the judges handed in.

    `only` names challenges (`RG2`, `P-EOS`); `prefix` says which stages are meant (`rounds/03`); a database that the
    run names is opened where it is `trusted`; `audit_ledger` is a ledger of what people were asked after the run,
    `since` one beside which its policy's answers were recorded; `deployment_prompts` and `population` (shares by
    attribute) stand for those of the run; `beside` are runs of the same recipe with other seeds, `elsewhere` what is
    said of a run that other software made. Every file of the run is held against its digest first, whether a check
    reads it or not. Raises `AuditError` for a challenge that has no check, and `ArtefactError` where a file of the run
    is not what was written.
    """
    known = {check.challenge.id for check in CHECKS}
    for name in only:
        if name not in known:
            raise AuditError(f"no check of a challenge '{name}'{nearest(name, sorted(known))}")
    evidence = Evidence(
        run,
        judges,
        prefix=prefix,
        trusted=trusted,
        audit_ledger=audit_ledger,
        since=since,
        deployment_prompts=deployment_prompts,
        population=population,
        beside=beside,
        elsewhere=elsewhere,
    )
    check_whole(run, but=[evidence.stage(stage) for stage in REWRITTEN])
    chosen = [check for check in CHECKS if not only or check.challenge.id in only]
    settings = settings or AuditSettings()
    findings = [check.run(evidence, settings) for check in chosen]
    explained = {check.id: check.explained for check in chosen}
    return AuditReport(corrected(findings, explained, apart=preflight_ids()))
