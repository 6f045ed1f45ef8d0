"""4: which kinds of feedback were used."""

from collections.abc import Iterator, Mapping, Sequence

from accord.artefacts import SUMMARY, DisclosureField, DisclosureLine
from accord.feedback.quality.questions import QuestionAgreement
from accord.feedback.statistics.codings import counts_as_person
from accord.records import Feedback
from accord.report.disclosure.fields import known, line, number, table, unknown
from accord.report.disclosure.findings import audit_field
from accord.report.disclosure.item import Item
from accord.report.disclosure.privacy import FEWER, WITHHELD
from accord.report.disclosure.questions import Question
from accord.report.disclosure.records import Records
from accord.report.optional import summary_of
from accord.report.words import count, series
from accord.stats import median

__all__ = ["KINDS_ITEM"]


def _fields(records: Records) -> Iterator[DisclosureField]:
    yield _kinds(records)
    yield _asked(records)
    yield audit_field(records, "worth", "What kinds of feedback tell for their time (FT1)", {"FT1"})


def _kinds(records: Records) -> DisclosureField:
    """Acts of judgement by kind, with their people, their seconds and how far people agree."""
    label = "Kinds of feedback"
    by_kind: dict[str, list[Feedback]] = {}
    for said in records.feedback:
        by_kind.setdefault(said.judgement.kind, []).append(said)
    if by_kind:
        questions = [] if records.quality is None else records.quality.questions
        lines = [_line(records, kind, some, questions) for kind, some in sorted(by_kind.items())]
        head = ("kind", "judgements", "by people", "median seconds", "agreement (Krippendorff's alpha)")
        numbers = {kind: len(some) for kind, some in by_kind.items()}
        value = f"{count(len(records.feedback), 'judgement')}: {_series(numbers)}."
        return known("kinds", label, value, records.answers_evidence(), lines=table(head, lines))
    summary = summary_of(records.reader)
    if summary is None or summary.feedback is None:
        return unknown("kinds", label, "the run keeps no judgements")
    value = f"{count(sum(summary.feedback.values()), 'judgement')}: {_series(summary.feedback)}."
    return known("kinds", label, value, [records.evidence(SUMMARY)])


def _series(numbers: Mapping[str, int]) -> str:
    return series([f"{number_of:,} {kind}" for kind, number_of in sorted(numbers.items())])


def _line(
    records: Records, kind: str, some: Sequence[Feedback], questions: Sequence[QuestionAgreement]
) -> DisclosureLine:
    by_people = [each for each in some if counts_as_person(records.evaluators.get(each.evaluator))]
    people = {each.evaluator for each in by_people}
    seconds = [each.seconds for each in by_people if each.seconds is not None]
    typical = median(seconds) if seconds else None
    alphas = [each.alpha for each in questions if each.kind == kind]
    agreement = "several questions, see item 5" if len(alphas) > 1 else number(alphas[0] if alphas else None, 2)
    if not records.privacy.tells(len(people)):
        return line(kind, f"{len(some):,}", FEWER, WITHHELD, WITHHELD)
    cells = (kind, f"{len(some):,}", records.privacy.people(len(people)), number(typical, 1), agreement)
    return line(*cells, estimate=typical)


def _asked(records: Records) -> DisclosureField:
    """The question that people answered, as the recipe tells it."""
    label = "What people were asked"
    summary = summary_of(records.reader)
    if summary is None or not summary.about:
        return unknown("about", label, "the recipe does not say (about, in its section data)")
    return known("about", label, records.privacy.name(summary.about), [records.evidence(SUMMARY)])


KINDS_ITEM = Item(
    4,
    "human_feedback.types",
    "Kinds of feedback",
    "Which kinds of feedback were used?",
    "records",
    _fields,
    (
        Question("text", "Why this mix of kinds of feedback, and not another?"),
        Question("kinds", "Which kinds of feedback, and how much of each?"),
        Question("about", "What were people asked?"),
        Question("worth", "What is known of what each kind of feedback tells for the time that it takes?"),
    ),
)
