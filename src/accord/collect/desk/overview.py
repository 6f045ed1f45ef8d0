"""What the one who runs the study sees: frozen values, all times aware."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from accord.collect.study import AnyQuestion
from accord.records import Completion, Prompt
from accord.stats import Estimate

__all__ = [
    "DisputedItem",
    "Flag",
    "GroupShare",
    "ItemProgress",
    "ItemTotals",
    "Note",
    "PersonProgress",
    "QuestionProgress",
    "StudyProgress",
]


@dataclass(frozen=True)
class ItemTotals:
    """How many items there are by purpose, how many of them are new, and how many are not asked any more.

    `remarks` say of lines (`file:line`) what may be a mistake and is none by itself: the same item twice, texts that
    differ in blanks or Unicode forms alone.
    """

    items: int
    gold: int
    practice: int
    new: int
    withdrawn: int = 0
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Note:
    """Something that whoever runs the study should know: a writer that failed, a clock that jumped back, a pause."""

    time: datetime
    kind: str
    person: str | None
    message: str


@dataclass(frozen=True)
class ItemProgress:
    """How far an item is, with the answers of experts, which are beside the `overlap`.

    `closed` says why the crowd is asked no more: "", "full", "decided", "unsettled" (it waits for an expert), "expert"
    (it waits no more) or "withdrawn".
    """

    item: str
    prompt: str
    answered: int
    open: int
    overlap: int
    declined: int
    closed: str
    disagreement: float | None


@dataclass(frozen=True)
class Flag:
    """Something to talk to a person about: the numbers behind it, and what to ask."""

    name: Literal["too fast", "gold low", "side bias", "pasted", "repeats differ", "declines often"]
    message: str


@dataclass(frozen=True)
class PersonProgress:
    """One person's numbers. `hours` are the sum of the times on items; None estimates: nothing to go by.

    `left_out` says what a share leaves out, by its name; `excluded` whether training is to leave their answers out.
    """

    pseudonym: str
    status: str
    expert: bool
    attributes: Mapping[str, str]
    answered: int
    declined: int
    seconds: Estimate | None
    hours: float
    paid: float
    gold: Estimate | None
    repeats: Estimate | None
    left: Estimate | None
    left_p: float | None
    pasted: Estimate | None
    flags: tuple[Flag, ...]
    seen_at: datetime
    left_out: Mapping[str, str] = field(default_factory=dict)
    excluded: bool = False


@dataclass(frozen=True)
class GroupShare:
    """A group's share of the answers beside its target (None: no quota)."""

    attribute: str
    group: str
    answers: int
    share: Estimate
    target: float | None


@dataclass(frozen=True)
class QuestionProgress:
    """One of several questions: its answers that stand on items, how many declined it, and how they agree.

    `left_out` says what `seconds` and `gold` leave out, by their names; nothing where they leave nothing out.
    """

    name: str
    text: str
    answers: int
    declined: int
    seconds: Estimate | None
    gold: Estimate | None
    agreement: Estimate | None
    alpha: Estimate | None
    left_out: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class DisputedItem:
    """An item that people disagree on: its answers by vote, or in words where the kind has no votes.

    `question` is the one that they answered differently, `completions` are those that it is about. `difference` is how
    far two people's answers lie apart on average, in [0, 1]; `disagreement` the expected disagreement in bits (None for
    kinds without votes).
    """

    item: str
    question: AnyQuestion
    prompt: Prompt
    completions: tuple[Completion, ...]
    votes: Mapping[str, int]
    difference: float
    disagreement: float | None
    adjudicated: bool


@dataclass(frozen=True)
class StudyProgress:
    """The state of a study. Counts of records in the ledger add up to `rows` (the study's feedback there).

    Of several questions the counts are of items that were answered, each with the records of all of its questions;
    `questions` has how each one stands, and `agreement` and `alpha`, which are of one question, are None.
    `target` is how many answers there are to be, `unsettled` how many items wait for an expert.
    """

    rows: int
    items: tuple[ItemProgress, ...]
    answers: int
    target: int
    unsettled: int
    gold_answers: int
    repeats: int
    declined: int
    replaced: int
    surplus: int
    adjudicated: int
    drafts: int
    seconds: Estimate | None
    gold: Estimate | None
    agreement: Estimate | None
    alpha: Estimate | None
    questions: tuple[QuestionProgress, ...]
    composition: tuple[GroupShare, ...]
    people: tuple[PersonProgress, ...]
    hours: float
    paid: float
    paid_per_label: float | None
    currency: str
    notes: tuple[Note, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)
