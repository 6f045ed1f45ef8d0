"""11: how failures would be noticed and put right once it is in use."""

from collections.abc import Iterator

from accord.artefacts import (
    DEPLOYMENT_PROMPTS,
    MODEL,
    RECIPE,
    SINCE_RELEASE,
    DisclosureEvidence,
    DisclosureField,
    Finding,
    Verdict,
)
from accord.report.disclosure.fields import known, line, table, unknown
from accord.report.disclosure.findings import HEAD, audit_field, finding_lines, lacking, no_audit, verdicts
from accord.report.disclosure.item import Item
from accord.report.disclosure.questions import Question
from accord.report.disclosure.records import Records
from accord.report.optional import rows_of_file
from accord.report.provenance import flat, shown
from accord.report.words import count, series

__all__ = ["MONITORING_ITEM"]

NOT_RECORDED = "nothing that was recorded in use was held against the release (accord serve --record, audit --since)"
STAGES = {"sft": "the supervised start", "policy": "the policy"}


def _fields(records: Records) -> Iterator[DisclosureField]:
    yield _rollback(records)
    yield _thresholds(records)
    yield _prompts(records)
    yield audit_field(records, "drift", "Drift while policy and reward learn (JT1, JT2)", {"JT1", "JT2"})
    yield _recording(records)
    yield _since(records)


def _rollback(records: Records) -> DisclosureField:
    """The weights that one could go back to."""
    label = "What can be gone back to"
    lines, evidence = [], list[DisclosureEvidence]()
    for stage, name in STAGES.items():
        for file, entry in records.files_of(MODEL, stage):
            if file.endswith((".safetensors", ".bin", ".txt")):
                lines.append(line(name, file, entry.sha256))
                evidence.append(DisclosureEvidence(file=file, sha256=entry.sha256))
    if not lines:
        return unknown("rollback", label, "the run keeps no weights of a start or a policy")
    value = f"The run keeps the weights of {series(list(dict.fromkeys(each.cells[0] for each in lines)))}."
    return known("rollback", label, value, evidence, lines=table(("model", "file", "SHA-256"), lines))


def _thresholds(records: Records) -> DisclosureField:
    """At which numbers the audit's primary checks fire: those that a later audit would be held against."""
    label = "Thresholds that another audit would be held against"
    if records.findings is None:
        return no_audit("thresholds", label)
    lines = [
        line(each.id, records.privacy.name(each.threshold))
        for each in records.findings
        if each.primary and each.verdict is not Verdict.NOT_ASSESSABLE
    ]
    changed = [line(f"[audit.{key}]", shown(value)) for key, value in flat(records.section("audit"))]
    if not lines:
        return unknown("thresholds", label, "the audit could assess no primary check")
    value = "Those of the checks by which each challenge is judged" + ("; below them the recipe's." if changed else ".")
    evidence = [*records.audit_evidence, *([records.evidence(RECIPE)] if changed else [])]
    return known("thresholds", label, value, evidence, lines=table(("check", "fires at"), [*lines, *changed]))


def _prompts(records: Records) -> DisclosureField:
    label = "Prompts as they come where the policy is to work"
    prompts = rows_of_file(records.reader, DEPLOYMENT_PROMPTS)
    if not prompts:
        return unknown("deployment_prompts", label, "the recipe names no deployment_prompts")
    value = f"{count(len(prompts), 'prompt')} are kept, against which the audit holds those that people judged."
    return known("deployment_prompts", label, value, [records.evidence(DEPLOYMENT_PROMPTS)])


def _recording(records: Records) -> DisclosureField:
    """What servers of the policy record of requests, as each of them stated it."""
    label = "What is recorded of the model in use, and of whom"
    if not records.reader.has(SINCE_RELEASE):
        return unknown("recording", label, NOT_RECORDED)
    since = records.reader.value(SINCE_RELEASE)
    lines = [
        line(
            each.started[:10],
            "the policy of this run" if each.of_release else "another model",
            each.summary if records.privacy.words(each.summary) else f"{each.policy['share']:g} of requests",
            f"{each.records:,} of {each.requests:,}",
        )
        for each in since.sessions
    ]
    notices = dict.fromkeys(str(each.policy["notice"]) for each in since.sessions if each.policy["notice"])
    told = f" Those who ask learn of it: {records.privacy.name('; '.join(notices))}." if notices else ""
    value = (
        f"{count(len(since.sessions), 'server')} recorded; {count(since.answers, 'answer')} of {since.first or '-'} to "
        f"{since.last or '-'} are there.{told}"
    )
    head = ("from", "model", "what is recorded", "requests recorded")
    return known("recording", label, value, [records.evidence(SINCE_RELEASE)], lines=table(head, lines))


def _since(records: Records) -> DisclosureField:
    """The newest audit that held recorded answers against the release."""
    label = "What is asked and answered since the release, beside the release (X8)"
    if not records.reader.has(SINCE_RELEASE):
        return unknown("since", label, NOT_RECORDED)
    since = records.reader.value(SINCE_RELEASE)
    findings = [Finding.from_json(dict(each)) for each in since.findings]
    assessed = [each for each in findings if each.verdict is not Verdict.NOT_ASSESSABLE]
    if not assessed:
        return unknown("since", label, f"the audit of {since.time[:10]} could assess none of {len(findings)} checks")
    value = f"On {since.time[:10]}: {verdicts(findings)}. {lacking(findings, records)}".strip()
    lines = table(HEAD, finding_lines(assessed, records))
    return known("since", label, value, [records.evidence(SINCE_RELEASE)], lines=lines)


MONITORING_ITEM = Item(
    11,
    "systemic.monitoring",
    "Monitoring",
    "How will failures be noticed and put right after deployment?",
    "records and a person",
    _fields,
    (
        Question("text", "What is looked at once the model is in use, and what is done where something is found?"),
        Question("owner", "Who answers for that?"),
        Question("cadence", "How often is it looked at?"),
        Question("incident_contact", "Where can anybody report a failure?", "contact"),
        Question("kill_criterion", "At what is the model taken out of use?"),
        Question("deployment_prompts", "How is it known what the model is asked where it works?"),
        Question("rollback", "To which earlier model can you go back, and how fast?"),
        Question("thresholds", "At which numbers do you look closer?"),
        Question("drift", "How is it noticed that policy, reward or prompts have drifted apart?"),
        Question("recording", "What is recorded of those who use it, and where do they learn of it?"),
        Question("since", "What has changed since the release in what is asked and answered?"),
    ),
)
