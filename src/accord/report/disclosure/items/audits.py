"""9: who has looked at this from inside and outside."""

from collections.abc import Iterator

from accord.artefacts import DisclosureField, Verdict
from accord.report.disclosure.fields import known, line, table
from accord.report.disclosure.findings import no_audit, verdicts
from accord.report.disclosure.item import Item
from accord.report.disclosure.questions import Question
from accord.report.disclosure.records import Records

__all__ = ["AUDITS_ITEM"]


def _fields(records: Records) -> Iterator[DisclosureField]:
    yield _own(records)


def _own(records: Records) -> DisclosureField:
    """The audit of this program: what it checked, with which version, on which run."""
    label = "The audit that the software made of this run"
    if records.findings is None:
        return no_audit("own_audit", label)
    manifest = records.reader.run.manifest
    fired = [each.id for each in records.findings if each.verdict is Verdict.FIRES]
    facts = {
        "run made": manifest.created,
        "by accord": manifest.versions.get("accord", "an unknown version"),
        "challenges looked at": ", ".join(dict.fromkeys(each.challenge for each in records.findings)),
        "checks that fire": ", ".join(fired) or "none",
        "digest of the findings": records.audit_evidence[0].sha256 or "none",
    }
    lines = table(("what", "value"), (line(name, value) for name, value in facts.items()))
    value = f"{verdicts(records.findings)}. An audit by the program that trained is no outside audit."
    return known("own_audit", label, value, records.audit_evidence, lines=lines)


AUDITS_ITEM = Item(
    9,
    "systemic.audits",
    "Audits",
    "Which internal and external audits and red teams have looked at this, and what did they find?",
    "a person",
    _fields,
    (
        Question("text", "What did those who looked at this find, and what became of it?"),
        Question("own_audit", "Did you audit it yourselves, and with which result?"),
        Question("auditors", "Who looked at it, from inside and from outside?"),
        Question("scope", "What could they see and try, and what not?"),
        Question("independence", "Who chose and paid them, and might they publish what they found?"),
    ),
)
