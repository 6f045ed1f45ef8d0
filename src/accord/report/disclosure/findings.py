"""What the audit says of some challenges, as a field: a line a check, those not assessed by what they lack."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence

from accord.artefacts import DisclosureField, DisclosureLine, Finding, Verdict
from accord.report.disclosure.fields import known, line, number, table, unknown
from accord.report.disclosure.records import Records
from accord.report.words import count, rank, series

__all__ = ["HEAD", "audit_field", "finding_lines", "findings_about", "lacking", "no_audit", "verdicts"]

HEAD = ("check", "verdict", "what was put to the test, and what came of it")


def audit_field(records: Records, name: str, label: str, about: Collection[str]) -> DisclosureField:
    """The findings of some challenges or single checks; missing where there was no audit, or it could assess none."""
    if records.findings is None:
        return no_audit(name, label)
    findings = findings_about(records, about)
    if not findings:
        return unknown(name, label, f"the audit has no check of {series(sorted(about))}")
    assessed = [each for each in findings if each.verdict is not Verdict.NOT_ASSESSABLE]
    if not assessed:
        reason = f"the audit could assess none of {count(len(findings), 'check')}. {lacking(findings, records)}"
        return unknown(name, label, reason)
    value = f"{verdicts(findings)}. {lacking(findings, records)}".strip()
    return known(name, label, value, records.audit_evidence, lines=table(HEAD, finding_lines(assessed, records)))


def no_audit(name: str, label: str) -> DisclosureField:
    """That the run was not audited."""
    return unknown(name, label, "the claims of this run were not audited (accord audit)")


def findings_about(records: Records, about: Collection[str]) -> list[Finding]:
    """The findings of some challenges (`RG2`) or single checks (`RL2 canaries`), what fires first."""
    findings = [each for each in records.findings or () if each.challenge in about or each.id in about]
    return sorted(findings, key=rank)


def finding_lines(findings: Sequence[Finding], records: Records) -> Iterator[DisclosureLine]:
    """A line a finding; in a redacted version with the number and without what the check says in words."""
    for each in findings:
        claim = f"Claim: {records.privacy.name(each.claim)}"
        told = records.privacy.words(each.result) or f"Measured {number(each.estimate)}."
        because = f" Explained by {series(list(each.explained_by))}." if each.explained_by else ""
        rows = records.privacy.rows(each.ids)
        yield line(each.id, each.words, f"{claim}\n{told}{because}", estimate=each.estimate, rows=rows)


def verdicts(findings: Sequence[Finding]) -> str:
    """`Of 8 checks: 1 fires, 3 quiet, 4 not assessable`; nothing is called passed."""
    words = Counter(each.words for each in sorted(findings, key=rank))
    return f"Of {count(len(findings), 'check')}: " + ", ".join(f"{number} {word}" for word, number in words.items())


def lacking(findings: Sequence[Finding], records: Records) -> str:
    """The checks that could not be assessed, by what they lack; in a redacted version their names alone."""
    missing: dict[str, list[str]] = {}
    for each in findings:
        if each.verdict is Verdict.NOT_ASSESSABLE:
            missing.setdefault(records.privacy.words(each.needs) or "", []).append(each.id)
    parts = [", ".join(ids) + (f" (missing: {needs})" if needs else "") for needs, ids in missing.items()]
    return f"Not assessable: {'; '.join(parts)}." if parts else ""
