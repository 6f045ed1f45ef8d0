"""10: what may go wrong, and what cannot be ruled out."""

from collections.abc import Iterator

from accord.artefacts import DisclosureField, DisclosureLine, Verdict
from accord.audit.challenges import CHALLENGES, PREFLIGHT
from accord.report.challenges import ChallengeRow, challenge_rows
from accord.report.disclosure.fields import known, line, table
from accord.report.disclosure.findings import HEAD, finding_lines, lacking, no_audit, verdicts
from accord.report.disclosure.item import Item
from accord.report.disclosure.questions import Question
from accord.report.disclosure.records import Records
from accord.report.words import rank

__all__ = ["RISKS_ITEM"]

UNTESTED = "no check of this audit looks at it"


def _fields(records: Records) -> Iterator[DisclosureField]:
    yield _open(records)
    yield _fundamental(records)
    yield _untested(records)


def _open(records: Records) -> DisclosureField:
    """What fires, what did not decide and what could not be assessed, in this order."""
    label = "What the audit found, could not decide or could not assess"
    if records.findings is None:
        return no_audit("findings", label)
    findings = sorted(records.findings, key=rank)
    decided = [each for each in findings if each.verdict in {Verdict.FIRES, Verdict.INCONCLUSIVE}]
    value = f"{verdicts(findings)}. {lacking(findings, records)}".strip()
    return known("findings", label, value, records.audit_evidence, lines=table(HEAD, finding_lines(decided, records)))


def _rows(records: Records) -> dict[str, ChallengeRow]:
    return {row.id: row for row in challenge_rows(records.findings or ())}


def _fundamental(records: Records) -> DisclosureField:
    """Every challenge that has no full solution within RLHF, whatever the audit says of it: none is ever passed."""
    rows = _rows(records)
    audited = records.findings is not None
    fundamental = [each for each in CHALLENGES if each.fundamental]
    lines = [_line(each.id, each.title, rows.get(each.id), audited=audited) for each in fundamental]
    value = "They have no full solution within RLHF (Casper et al. 2023): no test shows that one of them is overcome."
    label, head = "Fundamental challenges, which no test rules out", ("challenge", "what it is", "this audit")
    return known("fundamental", label, value, records.audit_evidence, lines=table(head, lines))


def _line(name: str, title: str, row: ChallengeRow | None, *, audited: bool) -> DisclosureLine:
    if row is None:
        return line(name, title, UNTESTED if audited else "not audited")
    further = f"; also fires: {', '.join(row.further)}" if row.further else ""
    return line(name, title, f"{row.words}{further}")


def _untested(records: Records) -> DisclosureField:
    label = "Challenges that nothing was tested of"
    rows = _rows(records)
    lines = [line(each.id, each.title) for each in CHALLENGES if each.section != PREFLIGHT and each.id not in rows]
    if not lines:
        return known("untested", label, "None: a check looked at each, as far as it could.", records.audit_evidence)
    value = "Nothing is known of these from this audit."
    return known("untested", label, value, records.audit_evidence, lines=table(("challenge", "what it is"), lines))


RISKS_ITEM = Item(
    10,
    "systemic.risks",
    "Risks",
    "Which risks are expected, and in which ways may this fail?",
    "records and a person",
    _fields,
    (
        Question("text", "In which ways do you expect this to fail, how likely is each, and how bad?"),
        Question("purpose", "What is the model for, and what is it not for?"),
        Question("findings", "What did tests of this run find, or leave open?"),
        Question("affected", "Whom would that hit?"),
        Question("acceptance", "Who decided that these risks are taken, and on which grounds?"),
    ),
)
