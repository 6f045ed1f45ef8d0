"""12: who bore the work, and what they got for it."""

from collections.abc import Iterator

from accord.artefacts import EVALUATORS, DisclosureField, DisclosureLine
from accord.report.disclosure.fields import known, line, number, table, unknown, withheld
from accord.report.disclosure.item import Item
from accord.report.disclosure.pay import Hourly, hourly_pay, hours_of
from accord.report.disclosure.privacy import FEWER
from accord.report.disclosure.questions import Question
from accord.report.disclosure.records import Records
from accord.report.disclosure.small_cells import FEW
from accord.report.words import count
from accord.stats import mean, proportion

__all__ = ["EQUITY_ITEM"]


def _fields(records: Records) -> Iterator[DisclosureField]:
    yield _pay(records)
    yield _hours(records)


def _pay(records: Records) -> DisclosureField:
    """Pay an hour by currency: its mean over people, its least, and of how many it is known."""
    label = "Pay an hour, as far as it is on record"
    by_currency = hourly_pay(records)
    if not by_currency:
        return unknown("pay_per_hour", label, "no evaluator's record says what an hour is paid")
    known_of = sum(len(each) for each in by_currency.values())
    lines = [each for currency, paid in by_currency.items() for each in _lines(records, currency, paid)]
    value = "On record for a part of the people."
    if records.privacy.tells(len(records.people) - known_of) and records.privacy.tells(known_of):
        value = f"On record for {known_of:,} of {count(len(records.people), 'person', 'people')}."
    evidence = [records.evidence(EVALUATORS), *records.answers_evidence()]
    return known("pay_per_hour", label, value, evidence, lines=table(("what", "value"), lines))


def _lines(records: Records, currency: str, paid: list[Hourly]) -> Iterator[DisclosureLine]:
    average = mean([each.amount for each in paid])
    told = records.privacy.name(currency)
    if not records.privacy.tells(len(paid)):
        yield line(f"{told} an hour", f"of {FEWER} people, and not told")
        return
    yield line(f"{told} an hour, mean over people", number(average, 2), estimate=average)
    amounts = sorted(each.amount for each in paid)
    if records.privacy.redacting:
        yield line(f"{told} an hour, mean of the {FEW} who got least", f"{sum(amounts[:FEW]) / FEW:,.2f}")
    else:
        yield line(f"{told} an hour, least", f"{amounts[0]:,.2f}")
    yield from _below_floor(records, told, currency, amounts)
    by_piece = sum(each.by_piece for each in paid)
    if by_piece:
        yield line(f"{told}: paid by the answer, by the hours on record", records.privacy.people(by_piece))


def _below_floor(records: Records, told: str, currency: str, amounts: list[float]) -> Iterator[DisclosureLine]:
    """The share of people who get less than the floor that was stated, where it is in the same currency."""
    stated = records.statements.of("systemic.equity")
    floor = stated.amount("pay_floor")
    if floor is None or stated.answers.get("currency") != currency:
        return
    below = sum(amount < floor for amount in amounts)
    cells = records.privacy.cells({"below": below, "not below": len(amounts) - below})
    share = proportion(below, len(amounts))
    name = f"share of people below the stated floor of {floor:,.2f} {told} an hour"
    if cells.together:
        yield line(name, f"not told: it would be of {FEWER} people")
    else:
        yield line(name, number(share), estimate=share)


def _hours(records: Records) -> DisclosureField:
    """Hours from handing out to sending, of people, all together and the most of one."""
    label = "Hours of work on record"
    hours = hours_of(records)
    if not hours:
        return unknown("hours", label, "no seconds of people's answers were recorded")
    if not records.privacy.tells(len(hours)):
        return withheld("hours", label, f"they are of {FEWER} people", records.answers_evidence())
    total = sum(hours.values())
    lines = [line("all people together", f"{total:,.2f}"), line("people", records.privacy.people(len(hours)))]
    if not records.privacy.redacting:
        lines.append(line("the most of one person", f"{max(hours.values()):,.2f}"))
    value = f"{total:,.2f} hours from handing out to sending; reading instructions and waiting are not in it."
    return known("hours", label, value, records.answers_evidence(), lines=table(("of what", "hours"), lines))


EQUITY_ITEM = Item(
    12,
    "systemic.equity",
    "People behind it",
    "Were those who did the work paid fairly and kept from harm, and who shares the gain and the cost?",
    "a person",
    _fields,
    (
        Question("text", "On which terms did people work: consent, breaks, a right to say no?"),
        Question("made_by", "Who trained the model, and on whose behalf?"),
        Question("currency", "In which currency are the amounts here?", "currency"),
        Question("pay_per_hour", "What was an hour paid, on average?", "money", "an hour"),
        Question("lowest_pay_per_hour", "What did those get for an hour who got least?", "money", "an hour"),
        Question("convenience", "Were people asked because they were easy to get, and what does that leave out?"),
        Question("pay_floor", "Below which amount an hour shall nobody be paid?", "money", "an hour"),
        Question("hours", "How many hours did people work, all together?", "amount", "hours"),
        Question("harmful_share", "Which share of a person's items was harmful or disturbing, on average?", "share"),
        Question("support", "What was done for people who read harmful texts?"),
        Question("benefit", "Who gains by the model, who bears its costs, and how do those share who judged?"),
        Question("contact", "To whom can those turn who worked on it, or who want to report a wrong?", "contact"),
    ),
)
