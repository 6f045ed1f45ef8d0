"""The disclosure of a run: what its records say, and what people stated and signed."""

from collections.abc import Iterator

from accord.artefacts import NOT_DISCLOSED, Disclosure, DisclosureEvidence, DisclosureField, DisclosureItem, RunReader
from accord.report.disclosure.item import Item
from accord.report.disclosure.privacy import WITHHELD, Privacy, Redacted
from accord.report.disclosure.questions import Answer, Question
from accord.report.disclosure.records import Records, secret_texts
from accord.report.disclosure.registry import ITEMS
from accord.report.disclosure.statements import Statement, Statements
from accord.report.disclosure.status import DEFINITION, complete, items_by_status, status_of
from accord.report.words import count

__all__ = ["compile_disclosure", "redacted_disclosure"]

UNSTATED = "nobody has stated it"


def compile_disclosure(reader: RunReader, statements: Statements) -> Disclosure:
    """Everything that may be said in the house. The same run and statements give the same value.

    Raises `ArtefactError` where a file of the run was altered.
    """
    records = Records(reader, Privacy(), statements)
    items = tuple(_item(item, records) for item in ITEMS)
    return _disclosure(records, items, complete(items))


def redacted_disclosure(reader: RunReader, statements: Statements, salt: str) -> Disclosure:
    """The version that may be made public: see `privacy`. `salt` hashes who the evaluators are."""
    whole = Records(reader, Privacy(), statements)
    score = complete(tuple(_item(item, whole) for item in ITEMS))
    records = Records(reader, Redacted(salt, whole.evaluators.values(), secret_texts(whole)), statements)
    records.quality = whole.quality  # the same numbers; what is told of them differs
    return _disclosure(records, tuple(_item(item, records) for item in ITEMS), score)


def _disclosure(records: Records, items: tuple[DisclosureItem, ...], unredacted: int) -> Disclosure:
    return Disclosure(
        run=records.privacy.name(records.reader.run.manifest.name),
        redacted=records.privacy.redacting,
        complete=complete(items),
        items_by_status=items_by_status(items),
        complete_unredacted=unredacted,
        definition=DEFINITION,
        items=items,
    )


def _item(item: Item, records: Records) -> DisclosureItem:
    statement = records.statements.of(item.name)
    fields = tuple(_fields(item, records, statement))
    status, reason = status_of(fields), None
    if statement.counts and statement.reason:
        status, reason = "not_applicable", _told(statement.reason, statement, records)
    return DisclosureItem(
        number=item.number,
        name=item.name,
        title=item.title,
        question=item.question,
        filled_by=item.filled_by,
        status=status,
        reason=reason,
        remarks=tuple(_remarks(statement, records)),
        fields=fields,
    )


def _fields(item: Item, records: Records, statement: Statement) -> Iterator[DisclosureField]:
    """What the records say first; what they leave missing, and what only a person can say, from the statement."""
    questions = {question.name: question for question in item.questions}
    for field in item.from_run(records):
        question = questions.pop(field.name, None)
        if question is None or field.status != "missing":
            yield field
        else:
            stated = _stated(question, statement, records)
            missing = stated.status == "missing"
            reason = f"{(field.reason or '').rstrip('.')}; {stated.reason}" if missing else stated.reason
            yield stated.model_copy(update={"label": field.label, "reason": reason})
        if question is not None and field.status == "complete" and statement.counts and field.name in statement.answers:
            stated = _stated(question, statement, records)
            yield stated.model_copy(update={"name": f"{field.name}_stated", "label": f"{field.label}, as stated"})
    for question in questions.values():
        yield _stated(question, statement, records)


def _stated(question: Question, statement: Statement, records: Records) -> DisclosureField:
    """A question as a statement answers it, or leaves it."""
    field = DisclosureField(
        name=question.name, label=question.ask, status="missing", source="person", value=NOT_DISCLOSED, reason=UNSTATED
    )
    if not statement.counts:
        stated = question.name in statement.answers or question.name in statement.without or statement.reason
        if not (statement.lacking and stated):
            return field
        return field.model_copy(update={"reason": f"stated, and not counted: {statement.lacking}"})
    signed = {
        "signed_by": statement.signed_by,
        "signed_on": statement.signed_on,
        "evidence": (DisclosureEvidence(file=records.statements.file, sha256=records.statements.sha256),),
    }
    if (reason := statement.reason or statement.without.get(question.name, "")) != "":
        void = {"status": "not_applicable", "value": "not applicable", "reason": _told(reason, statement, records)}
        return field.model_copy(update=void | signed)
    if (answer := statement.answers.get(question.name)) is None:
        return field
    value = {"status": "complete", "reason": None, **_value(question, answer, statement, records)}
    return field.model_copy(update=value | signed)


def _value(question: Question, answer: Answer, statement: Statement, records: Records) -> dict[str, object]:
    """The value as it is printed, with the number of it."""
    if isinstance(answer, float):
        currency = str(statement.answers.get("currency", "")) if question.kind == "money" else ""
        unit = " ".join(part for part in (currency, question.unit) if part)
        shown = f"{answer:.1%}" if question.kind == "share" else f"{answer:,.2f} {unit}".strip()
        return {"value": shown, "amount": answer, "unit": unit or None}
    if not records.privacy.redacting or question.kind == "currency":
        return {"value": answer}
    if question.kind == "contact" or not statement.public:
        reason = "contacts are left out" if question.kind == "contact" else "public = true would show it"
        return {"status": "withheld", "value": f"{WITHHELD}: {count(len(answer.split()), 'word')}", "reason": reason}
    told = records.privacy.name(answer)
    if told == WITHHELD:
        reason = "a pseudonym of an evaluator or a text of the ledger stands in it"
        return {"status": "withheld", "value": f"{WITHHELD}: {count(len(answer.split()), 'word')}", "reason": reason}
    return {"value": told}


def _told(reason: str, statement: Statement, records: Records) -> str:
    """A reason, which is words of a person too."""
    if records.privacy.redacting and not statement.public:
        return f"{WITHHELD}: {count(len(reason.split()), 'word')}"
    return records.privacy.name(reason)


def _remarks(statement: Statement, records: Records) -> Iterator[str]:
    """Why a statement was not counted, and what is odd about its date."""
    if statement.lacking:
        yield (
            f"What is stated here is not counted as disclosed: {statement.lacking}. Whoever states it writes signed_by "
            "and date."
        )
    made = records.reader.run.manifest.created[:10]  # days of ISO 8601 are in the order of their texts
    if statement.counts and statement.signed_on is not None and str(statement.signed_on) < made:
        yield f"Signed on {statement.signed_on}, before the run was made ({made})."
