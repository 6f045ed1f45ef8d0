"""A disclosure in a few words: how much of it there is, and how each item stands."""

from accord.artefacts import Disclosure, DisclosureField, DisclosureItem
from accord.report.words import count, series

__all__ = ["ORIGIN", "filled", "filled_by", "headline", "source_of", "status_words", "unredacted_note"]

ORIGIN = (
    "The twelve items are what Casper et al. 2023 (arXiv 2307.15217, section 5.2) ask those to make public who train "
    "with reinforcement learning from human feedback."
)
_FILLED_BY = {
    "records": "the records of the run, and a person's reasons",
    "records and a person": "the records of the run and a person",
    "a person": "a person",
}


def status_words(status: str) -> str:
    """As it is printed."""
    return status.replace("_", " ")


def headline(disclosure: Disclosure) -> str:
    """`3 of 12 items are complete; 8 are partial, 1 is missing.`"""
    rest = [
        f"{number} {'is' if number == 1 else 'are'} {status_words(status)}"
        for status, number in disclosure.items_by_status.items()
        if number and status != "complete"
    ]
    head = f"{disclosure.complete} of {count(len(disclosure.items), 'item')} are complete"
    return f"{head}; {series(rest)}." if rest else f"{head}."


def unredacted_note(disclosure: Disclosure) -> str | None:
    """What a redacted version leaves out; None of one that leaves out nothing."""
    if not disclosure.redacted:
        return None
    return (
        "This version is redacted. It tells no number of a group of fewer than five people, names nobody who judged, "
        "and leaves out what is written in words in the ledger, in the audit and in statements that are not marked "
        f"public. Before that, {disclosure.complete_unredacted} of {len(disclosure.items)} items were complete."
    )


def filled_by(item: DisclosureItem) -> str:
    """Who fills it."""
    return _FILLED_BY[item.filled_by]


def filled(item: DisclosureItem) -> str:
    """`5 of 12 fields`: of an item that is not complete; those that are filled or not applicable."""
    number = sum(field.status in {"complete", "not_applicable"} for field in item.fields)
    return "" if item.status in {"complete", "not_applicable"} else f"{number} of {count(len(item.fields), 'field')}"


def source_of(field: DisclosureField) -> str:
    """Who says it; empty where nobody does."""
    if field.signed_by is not None:
        return f"Stated by {field.signed_by}, signed on {field.signed_on}."
    return ""
