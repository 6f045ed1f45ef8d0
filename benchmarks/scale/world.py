"""Records of a ledger of any size, made as they are asked for: the same ones for the same number, and none is kept.

Four people compare (or rate, label, mark, correct) the two answers to each prompt. Who answers grows with the records:
a person answers 400 times, in sessions of twenty, and changes now and then what they said.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from accord.feedback.provenance import shown_digest
from accord.records import (
    Comparison,
    Completion,
    Correction,
    Demonstration,
    Evaluator,
    Feedback,
    Judgement,
    Label,
    Prompt,
    Rating,
    Record,
    Scale,
    Telemetry,
)

__all__ = ["ACTS", "RECORDS", "acts_of", "records"]

ACTS = 4  # of judgement on each item
RECORDS = ACTS + 3  # of an item: its prompt and two answers too
EACH = 400  # answers of a person
SITTING = 20  # answers of a session
TEXT = (
    "it depends on what is asked of it and by whom there is more than one way to say so because a short answer leaves "
    "out what a long one repeats while most people stop reading where they have understood enough to go on alone"
)
WORDS = TEXT.split()
BEGAN = datetime(2026, 1, 5, 9, tzinfo=UTC)
SCALE = Scale(low=1, high=5, step=1)
OPTIONS = ("correct", "polite", "too long")


def acts_of(size: int) -> int:
    """The acts of judgement in a ledger of so many records."""
    return size // RECORDS * ACTS


def records(acts: int, first: int = 0) -> Iterator[Record]:
    """All records of the items from `first` on, with `acts` acts of judgement of all items together."""
    for item in range(first, acts // ACTS):
        yield from _item(item)


def _text(seed: int, words: int) -> str:
    """Some words that no other seed gives in this order."""
    chosen = [WORDS[(seed * 7919 + place * (31 + seed % 17)) % len(WORDS)] for place in range(words)]
    return f"{' '.join(chosen)} {seed:x}."


def _item(item: int) -> Iterator[Record]:
    prompt = Prompt.ask(f"Question {item}: {_text(item, 12)}?", source="scale")
    left, right = (
        Completion(prompt=prompt.id, text=_text(2 * item + side, 30 + item % 21), writer="m") for side in (0, 1)
    )
    yield from (prompt, left, right)
    digest = shown_digest(prompt, (left, right))
    for turn in range(ACTS):
        number = item * ACTS + turn
        group, turn_of_group = divmod(number // ACTS, EACH)
        person = Evaluator(kind="person", pseudonym=f"P{group * ACTS + turn}", pool=f"pool {group % 3}")
        if turn_of_group == 0:
            yield person
        judgement, shown = _judgement(item, turn, left, right)
        yield Feedback(
            evaluator=person.id,
            prompt=prompt.id,
            completions=shown,
            judgement=judgement,
            study=f"study {item % 2}",
            shown_digest=digest,
            time=BEGAN + timedelta(seconds=11 * number),
            seconds=8.0 + number % 37,
            session=f"{person.pseudonym}/{turn_of_group // SITTING}",
            position_in_session=turn_of_group % SITTING,
            telemetry=Telemetry(pasted=0, keystrokes=number % 5, focus_lost=0),
        )


def _judgement(item: int, turn: int, left: Completion, right: Completion) -> tuple[Judgement, tuple[str, ...]]:
    """Most items are compared; of twenty two are rated, one is labelled, one corrected, one answered anew."""
    noise = (item * 2654435761 + turn * 40503) >> 7
    match item % 20:
        case 3 | 13:
            value = float(1 + (item + noise % 2) % 5)
            return Rating(value=value, scale=SCALE), ((left, right)[noise % 2].id,)
        case 7:
            return Label(selected=OPTIONS[: noise % 3], options=OPTIONS), (left.id,)
        case 11:
            return Correction(text=_text(3 * item + turn, 25)), (right.id,)
        case 17:
            return Demonstration(text=_text(5 * item + turn, 25)), ()
        case _:
            better = "tie" if noise % 11 == 0 else "left" if (item + (noise % 5 == 0)) % 2 else "right"
            return Comparison(preferred=better), (left.id, right.id)
