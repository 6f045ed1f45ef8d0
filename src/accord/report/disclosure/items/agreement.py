"""How far people agree: on each question, and within and between their groups."""

from collections import Counter

from accord.artefacts import SUMMARY, DisclosureEvidence, DisclosureField, DisclosureLine
from accord.feedback.provenance import group_of
from accord.feedback.quality.measure import Quality
from accord.feedback.quality.questions import GroupAgreement, QuestionAgreement
from accord.feedback.quality.unknown import NotAssessed
from accord.report.disclosure.fields import known, line, number, table, unknown
from accord.report.disclosure.privacy import FEWER, WITHHELD
from accord.report.disclosure.records import Records
from accord.report.optional import summary_of
from accord.stats import Estimate

__all__ = ["agreement", "group_agreement"]


def agreement(records: Records) -> DisclosureField:
    """Krippendorff's alpha of each question, and how often two evaluators order two texts alike."""
    label = "How far people agree"
    lines, evidence = [], list[DisclosureEvidence]()
    summary = summary_of(records.reader)
    if records.quality is not None:
        lines += [_question(records, records.quality, place) for place in range(len(records.quality.questions))]
        if records.privacy.tells(len(records.quality.evaluators)):
            lines += _pairs("another evaluator orders two texts alike, all answers", records.quality.agreement)
        evidence += records.answers_evidence()
    if summary is not None and records.privacy.tells(len(records.evaluators)):
        lines += _pairs("another evaluator orders two held-out texts alike", summary.agreement)
        lines += _pairs("all others together order two held-out texts alike", summary.consensus)
        evidence.append(records.evidence(SUMMARY))
    if not lines or not (records.privacy.redacting or any(each.estimate is not None for each in lines)):
        return unknown("agreement", label, "the run keeps no judgements in which two known people judged the same")
    value = "Alpha is 1 for perfect agreement and 0 for what chance gives. The others are shares; a tie counts half."
    return known("agreement", label, value, evidence, lines=table(("of what", "people", "value"), lines))


def _question(records: Records, quality: Quality, place: int) -> DisclosureLine:
    one = quality.questions[place]
    if not records.privacy.tells(one.people):
        return line(f"alpha of {one.kind}", FEWER, WITHHELD)
    study = f"{records.privacy.name(one.study)}, " if one.study else ""
    name = f"alpha of {study}{one.kind}: {records.privacy.name(one.about)}"
    told = "nothing could have differed" if one.alpha is None else number(one.alpha, 2)
    return line(name, records.privacy.people(one.people), told, estimate=one.alpha)


def _pairs(name: str, estimate: Estimate | NotAssessed | None) -> list[DisclosureLine]:
    return [line(name, "", number(estimate), estimate=estimate)] if isinstance(estimate, Estimate) else []


def group_agreement(records: Records) -> DisclosureField:
    """Alpha of two people of one group, and of two groups: where it differs, what looks like noise is none."""
    label = "Whether groups of people see it differently"
    lines = [
        line(
            f"{records.privacy.name(one.study)} {one.kind}, by {records.privacy.name(by.attribute)}".strip(),
            *(number(each, 2) for each in (by.alpha.within, by.alpha.between, by.alpha.difference)),
            estimate=by.alpha.difference,
        )
        for one in (records.quality.questions if records.quality is not None else ())
        for by in one.groups
        if _tells(records, one, by)
    ]
    if not lines:
        return unknown("group_agreement", label, "no two groups of people, by pool or attribute, answered one question")
    value = "Agreement within groups, between groups, and the first less the second: surely above 0, groups differ."
    head = ("question", "within a group", "between groups", "difference")
    return known("group_agreement", label, value, records.answers_evidence(), lines=table(head, lines))


def _tells(records: Records, one: QuestionAgreement, by: GroupAgreement) -> bool:
    """Not where a group is of few people: what lies between it and the others is theirs."""
    who = {
        said.evaluator
        for said in records.feedback
        if (said.study or "", said.judgement.kind) == (one.study, one.kind) and said.evaluator in records.evaluators
    }
    groups = Counter(group_of(records.evaluators[name], by.attribute) for name in who)
    return all(records.privacy.tells(groups[name]) for name in by.groups)
