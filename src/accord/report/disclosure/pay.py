"""What an hour was paid, by the records of evaluators and the time of their answers."""

import re
from collections import defaultdict
from dataclasses import dataclass
from math import isfinite

from accord.report.disclosure.records import Records

__all__ = ["Hourly", "hourly_pay", "hours_of"]

_RATE = re.compile(r"(?P<amount>\d+(?:\.\d+)?(?:e[+-]?\d+)?) (?P<currency>\S+) an (?P<unit>hour|item)", re.IGNORECASE)
"""As the desk of `accord collect` notes it: `12 EUR an hour`, `0.05 EUR an item and 9 EUR an hour`."""


@dataclass(frozen=True)
class Hourly:
    """What one person was paid an hour; `by_piece` says that answers were paid, whose time is known."""

    amount: float
    by_piece: bool


def hourly_pay(records: Records) -> dict[str, list[Hourly]]:
    """By currency, of each person of whom it is known. Pay by the answer needs the time of every answer."""
    hours, paid = hours_of(records), defaultdict[str, list[Hourly]](list)
    for name, one in records.people.items():
        rates = [rate for rate in _RATE.finditer(one.payment or "") if isfinite(float(rate["amount"]))]
        currencies = {rate["currency"] for rate in rates}
        if len(currencies) != 1:
            continue
        by_hour = sum(float(rate["amount"]) for rate in rates if rate["unit"].lower() == "hour")
        by_item = sum(float(rate["amount"]) for rate in rates if rate["unit"].lower() == "item")
        if by_item and name not in hours:
            continue
        pieces = by_item * records.answers_of[name] / hours[name] if by_item else 0.0
        paid[currencies.pop()].append(Hourly(by_hour + pieces, bool(by_item)))
    return dict(sorted(paid.items()))


def hours_of(records: Records) -> dict[str, float]:
    """By person, the hours from handing out to sending; those of whom a time is missing are left out."""
    seconds: dict[str, float] = defaultdict(float)
    missing = set()
    for said in records.feedback:
        if said.evaluator in records.people:
            if said.seconds is None:
                missing.add(said.evaluator)
            else:
                seconds[said.evaluator] += said.seconds
    return {name: total / 3600 for name, total in seconds.items() if name not in missing and total > 0}
