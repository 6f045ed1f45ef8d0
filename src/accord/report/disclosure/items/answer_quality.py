"""5: how the quality of answers was assured, and how far people agree."""

from collections import Counter
from collections.abc import Iterator

from accord.artefacts import RECIPE, TRUST, DisclosureField
from accord.feedback.quality.measure import Quality
from accord.feedback.quality.unknown import NotAssessed
from accord.report.disclosure.fields import known, line, number, table, unknown, withheld
from accord.report.disclosure.findings import audit_field
from accord.report.disclosure.item import Item
from accord.report.disclosure.items.agreement import agreement, group_agreement
from accord.report.disclosure.privacy import FEWER
from accord.report.disclosure.questions import Question
from accord.report.disclosure.records import Records
from accord.report.trust import trust_in_words
from accord.report.words import count, series
from accord.stats import Estimate, rate

__all__ = ["ANSWER_QUALITY_ITEM"]

NO_ANSWERS = "the run keeps no judgements of evaluators that are known"
POOLED = {
    "retest": "items asked again that were answered the same",
    "control": "control questions answered rightly",
    "too_fast": "answers faster than anybody reads",
    "declined": "answers that say that this cannot be judged",
}
WRITTEN = {
    "pasted": "something was pasted",
    "untyped": "hardly typed",
    "too_fast": "faster than anybody types",
    "prevalence": "written as a model writes",
}


def _fields(records: Records) -> Iterator[DisclosureField]:
    yield agreement(records)
    yield group_agreement(records)
    yield _numbers(records)
    yield _standing(records)
    yield _actions(records)
    yield _written(records)
    label = "Care, and what people could see (OV1, OV2, OV3)"
    yield audit_field(records, "findings", label, {"OV1", "OV2", "OV3"})


def _numbers(records: Records) -> DisclosureField:
    """Control questions, items asked again, speed and position, over all people; fatigue is the audit's matter."""
    label = "Care: repeats, known answers, speed, place on the screen"
    quality = records.quality
    if quality is None:
        return unknown("care", label, NO_ANSWERS)
    if not records.privacy.tells(len(quality.evaluators)):
        return withheld("care", label, f"the answers are of {FEWER} people", records.answers_evidence())
    pooled = {words: _pooled(quality, name) for name, words in POOLED.items()}
    pooled["decided comparisons in which the left side was chosen"] = _or_none(quality.left)
    lines = [
        line(name, number(each), estimate=each)
        for name, each in pooled.items()
        if each is not None and records.privacy.tells(each.clusters or each.n)
    ]
    if not lines:
        return unknown("care", label, "nothing of it was recorded")
    lacking = [name for name, each in pooled.items() if each is None]
    value = "Over all people; intervals are over people." + (f" Not recorded: {series(lacking)}." if lacking else "")
    return known("care", label, value, records.answers_evidence(), lines=table(("of what", "value"), lines))


def _pooled(quality: Quality, name: str) -> Estimate | None:
    """A share of all people's answers from the counts of each."""
    values = [one.numbers[name] for one in quality.evaluators if one.kind in {"person", "simulated"}]
    shares = [each for each in values if isinstance(each, Estimate)]
    if not shares:
        return None
    outcomes = [float(place < round(each.value * each.n)) for each in shares for place in range(each.n)]
    return rate(outcomes, [person for person, each in enumerate(shares) for _ in range(each.n)])


def _or_none(value: Estimate | NotAssessed) -> Estimate | None:
    return value if isinstance(value, Estimate) else None


def _standing(records: Records) -> DisclosureField:
    """How many people were flagged; careless ones told from those of another view."""
    label = "Evaluators whose answers stand out"
    if records.quality is None:
        return unknown("standing", label, NO_ANSWERS)
    standing: Counter[str] = Counter(one.standing or "cannot be told" for one in records.quality.evaluators)
    cells = records.privacy.cells(standing)
    lines = [line(name, records.privacy.people(standing[name])) for name in cells.apart]
    if cells.together:
        together = sum(standing[name] for name in cells.together)
        lines.append(line("other standings together", records.privacy.people(together)))
    value = "Another view is surely against most others, and no fault; careless is near to answers at random."
    return known("standing", label, value, records.answers_evidence(), lines=table(("standing", "evaluators"), lines))


def _actions(records: Records) -> DisclosureField:
    """What was done: answers that weigh less, answers left out."""
    label = "What was done about it"
    if not records.reader.has(TRUST) and not records.recipe:
        return unknown("actions", label, "the run has neither a recipe nor weights of answers")
    evidence = [records.evidence(RECIPE)] if records.recipe else []
    if not records.reader.has(TRUST):
        excluded = records.excluded
        left_out = f"{count(len(excluded), 'entry', 'entries')} of evaluators, studies or judgements"
        value = f"All answers weigh the same; {left_out if excluded else 'nobody'} left out by name."
        return known("actions", label, value, evidence)
    sentences = [text for each in trust_in_words(records.reader) if (text := records.privacy.words(each))]
    trust = records.reader.value(TRUST)
    value = " ".join(f"{text[0].upper()}{text[1:]}" for text in sentences)
    value = value or f"Answers are weighed by a model of evaluators ({trust.model})."
    lines = [
        line(split.replace("_", " "), f"{weights.pairs:,}", f"{weights.effective_pairs:,.0f}")
        for split, weights in trust.splits.items()
    ]
    head = ("split", "pairs", "worth of equal weight")
    return known("actions", label, value, [records.evidence(TRUST), *evidence], lines=table(head, lines))


def _written(records: Records) -> DisclosureField:
    """Machines behind what people were asked to write: shares of all, never of one."""
    label = "Answers that a machine may have written (X5)"
    found = audit_field(records, "machine_written", label, {"X5"})
    written = None if records.quality is None else records.quality.written
    if found.status == "complete" or written is None or isinstance(written, NotAssessed):
        return found
    values = {words: getattr(written, name) for name, words in WRITTEN.items()}
    lines = [line(words, number(each), estimate=each) for words, each in values.items() if isinstance(each, Estimate)]
    if not lines:
        return found
    value = "Shares of all written answers; none of them says of one answer where it came from."
    return known("machine_written", label, value, records.answers_evidence(), lines=table(("of what", "value"), lines))


ANSWER_QUALITY_ITEM = Item(
    5,
    "human_feedback.quality",
    "Quality of the answers",
    "How was the quality of answers assured, and how far do evaluators agree with one another and with themselves?",
    "records",
    _fields,
    (
        Question("text", "How were answers checked, and what happened to those that failed?"),
        Question("agreement", "How far do evaluators agree, and how was that measured?"),
        Question("group_agreement", "Was it looked whether groups of people see the question differently?"),
        Question("care", "How was it measured that people answered with care?"),
        Question("standing", "How many people's answers stood out, and how?"),
        Question("actions", "What was done about answers and people that could not be relied on?"),
        Question("findings", "How was it tested that people had time, took care and saw what there was to see?"),
        Question("machine_written", "Was it looked whether machines wrote what people were asked to write?"),
    ),
)
