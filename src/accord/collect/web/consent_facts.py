"""What a study does with whoever takes part, in sentences for the consent page: what it does, not what it might."""

from collections.abc import Iterator

from accord.collect.study import Study
from accord.collect.study.phrases import Phrase, phrase

__all__ = ["consent_facts", "pay_words"]

TIMED = phrase("consent.timed")
WRITING = phrase("consent.writing")
DIALOGUE = phrase("consent.dialogue")
COMMENT = phrase("consent.comment")
GOLD = phrase("consent.gold")
REPEATS = phrase("consent.repeats")
ASSIST = phrase("consent.assist")
SUGGEST = phrase("consent.suggest")
ATTRIBUTES = phrase("consent.attributes")
LANGUAGES = phrase("consent.languages")


def consent_facts(study: Study) -> list[Phrase]:
    """The sentences, in the order in which they are to be read."""
    return list(_facts(study))


def _facts(study: Study) -> Iterator[Phrase]:
    yield TIMED
    if any(question.written for question in study.questions) or (study.dialogue and study.dialogue.edits):
        yield WRITING
    if study.dialogue is not None:
        yield DIALOGUE
    if study.comment:
        yield COMMENT
    if len(study.languages) > 1:
        yield LANGUAGES
    if study.practice_file is not None:
        yield _practice(study)
    if study.gold_file is not None and study.gold_share:
        yield GOLD
    if study.repeat_share:
        yield REPEATS
    if study.assist is not None:
        yield ASSIST
    if study.suggest is not None:
        yield SUGGEST
    if study.attributes:
        yield ATTRIBUTES


def _practice(study: Study) -> Phrase:
    practice = phrase("consent.practice")
    if study.screen_out is None:
        return practice
    if not study.screen_out.pay:
        return phrase("consent.screened", practice=practice)
    pay, currency = study.screen_out.pay, study.pay.currency
    return phrase("consent.screened_paid", practice=practice, pay=pay, currency=currency)


def pay_words(study: Study) -> Phrase | None:
    """What people are paid; None where they are paid nothing."""
    pay = study.pay
    parts = [
        phrase(key, amount=amount, currency=pay.currency)
        for amount, key in ((pay.per_item, "consent.per_item"), (pay.per_hour, "consent.per_hour"))
        if amount
    ]
    match parts:
        case [first, second]:
            return phrase("consent.paid_both", first=first, second=second)
        case [one]:
            return phrase("consent.paid", pay=one)
        case _:
            return None
