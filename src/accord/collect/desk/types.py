"""What the desk hands out and takes in: frozen values that the pages show and the tests compare.

    Task, Practice, Break, Done, Paused      what is next for a person: `Next`
    Seen                                     what the page counted beside the answer
    Accepted, Practised                      what became of an answer
    Invite, Person, Login                    who may come in
    Progress and its parts                   what the one who runs the study sees

All times are aware.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from accord.collect.study import Question
from accord.records import Completion, Judgement, Prompt
from accord.stats import Estimate

__all__ = [
    "Accepted",
    "Break",
    "Disputed",
    "Done",
    "Flag",
    "Invite",
    "ItemProgress",
    "Loaded",
    "Login",
    "Next",
    "Note",
    "Paused",
    "Person",
    "PersonProgress",
    "Practice",
    "Practised",
    "Progress",
    "Seen",
    "Share",
    "Task",
]


@dataclass(frozen=True)
class Task:
    """One item in a person's hands. `completions` stand in the order in which they are to be shown.

    `draft` is the form as it was saved last, or as it was submitted where the answer was taken back (`redo`).
    `number` counts the person's answers from 1; `position_in_session` those of the session from 0.
    """

    reservation: str
    item: str
    prompt: Prompt
    completions: tuple[Completion, ...]
    question: Question
    warning: str
    session: str
    position_in_session: int
    number: int
    issued_at: datetime
    expires_at: datetime
    draft: Mapping[str, str] | None = None
    redo: bool = False
    practice: bool = False


@dataclass(frozen=True)
class Practice:
    """A task of the practice round: number `number` of `of`. What is said is explained, and never becomes data."""

    task: Task
    number: int
    of: int


@dataclass(frozen=True)
class Break:
    """Nothing until `until`: a pause after a session, the day's items done, all in others' hands, no writer."""

    until: datetime
    reason: Literal["session", "daily", "waiting", "writer"]
    message: str


@dataclass(frozen=True)
class Done:
    """Nothing more for this person: all is answered, or the places of their group are taken."""

    reason: Literal["all", "quota", "budget"]
    message: str


@dataclass(frozen=True)
class Paused:
    """Whoever runs the study has paused this person."""

    message: str


Next = Task | Practice | Break | Done | Paused


@dataclass(frozen=True)
class Seen:
    """What the page counted. `shown` is the digest of what it put before the person (`study.shown_digest`).

    Counts are None where nothing was written. `seconds` is the page's own time, kept beside the server's.
    """

    seconds: float | None = None
    pasted: int | None = None
    keystrokes: int | None = None
    focus_lost: int | None = None
    shown: str | None = None


@dataclass(frozen=True)
class Practised:
    """What a practice answer is told: whether it was as expected (None where none is), what was, and why."""

    right: bool | None
    expected: Judgement | None
    explanation: str


@dataclass(frozen=True)
class Accepted:
    """An answer that is kept. `feedback` is its id in the ledger; None for practice, which never goes there.

    `surplus`: the reservation had lapsed and the item meanwhile had all its answers; this one is kept besides.
    """

    reservation: str
    feedback: str | None
    practised: Practised | None = None
    surplus: bool = False
    message: str = ""


@dataclass(frozen=True)
class Loaded:
    """How many items there are, and how many of them are new, by purpose."""

    items: int
    gold: int
    practice: int
    new: int


@dataclass(frozen=True)
class Invite:
    """A link's signed token; whoever has it may use it once until `expires`."""

    token: str
    id: str
    expires: datetime


@dataclass(frozen=True)
class Person:
    """An evaluator as the desk knows them: a pseudonym, never a name. `done` counts answers that stand."""

    pseudonym: str
    evaluator: str
    study: str
    status: Literal["active", "paused", "erased"]
    why: str
    attributes: Mapping[str, str]
    practised: bool
    done: int
    session: str
    position_in_session: int
    joined_at: datetime
    seen_at: datetime


@dataclass(frozen=True)
class Login:
    """A signed-in session, kept on the server; the token itself is kept nowhere."""

    kind: Literal["person", "admin"]
    subject: str
    created_at: datetime
    expires_at: datetime
    data: Mapping[str, str] = field(default_factory=dict)


# -- what the one who runs the study sees ---------------------------------------------------------------------


@dataclass(frozen=True)
class Note:
    """Something that whoever runs the study should know: a writer that failed, a clock that jumped back, a pause."""

    time: datetime
    kind: str
    person: str | None
    message: str


@dataclass(frozen=True)
class ItemProgress:
    """How far an item is. `closed` says why it asks for no more: "", "full", "decided" or what is wrong with it."""

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
    """One person's numbers. `hours` are the sum of the times on items; None estimates: nothing to go by."""

    pseudonym: str
    status: str
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


@dataclass(frozen=True)
class Share:
    """A group's share of the answers beside its target (None: no quota)."""

    attribute: str
    group: str
    answers: int
    share: Estimate
    target: float | None


@dataclass(frozen=True)
class Disputed:
    """An item that people disagree on: its answers by what was said, and the expected disagreement in bits."""

    item: str
    prompt: Prompt
    completions: tuple[Completion, ...]
    answers: Mapping[str, int]
    disagreement: float
    adjudicated: bool


@dataclass(frozen=True)
class Progress:
    """The state of a study. Counts of records in the ledger add up to `rows` (the study's feedback there)."""

    rows: int
    items: tuple[ItemProgress, ...]
    answers: int
    wanted: int
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
    composition: tuple[Share, ...]
    people: tuple[PersonProgress, ...]
    hours: float
    paid: float
    paid_per_label: float | None
    currency: str
    notes: tuple[Note, ...]
