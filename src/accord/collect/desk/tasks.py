"""What is next for a person, and what becomes of their answer: frozen values, all times aware."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from accord.collect.study import AnyQuestion, Ending
from accord.records import Completion, Critique, Judgement, Message, Prompt, Spans

__all__ = [
    "Break",
    "ClientTelemetry",
    "DialoguePlace",
    "Done",
    "EarlierAnswer",
    "NextStep",
    "Paused",
    "Practice",
    "PracticePart",
    "PracticeResult",
    "Receipt",
    "Remark",
    "Speaking",
    "Task",
    "TaskPart",
]


@dataclass(frozen=True)
class DialoguePlace:
    """Where in a dialogue a person is: its topic ("" where that is theirs), turn `number` from 1, of at most `most`.

    `may_end` is whether it may be ended here, `over` whether nothing more can be said.
    """

    topic: str
    number: int
    most: int
    may_end: bool
    over: bool


@dataclass(frozen=True)
class Remark:
    """What a machine says of the completion at `place` of those shown."""

    place: int
    judgement: Critique | Spans


@dataclass(frozen=True)
class TaskPart:
    """One of several questions on a page, with the completions that it is about.

    `number` is which of the item's completions it is about, from 1 in the order shown; None where all.
    """

    question: AnyQuestion
    completions: tuple[Completion, ...]
    number: int | None


@dataclass(frozen=True)
class EarlierAnswer:
    """What a person answered to an earlier question about the item, in words."""

    question: AnyQuestion
    words: str


@dataclass(frozen=True)
class Task:
    """One item in a person's hands. `completions` stand in the order in which they are to be shown.

    `draft` is the form as it was saved last, or as it was submitted where the answer was taken back (`redo`).
    `number` counts the person's answers from 1; `position_in_session` those of the session from 0. `remarks` are those
    of a machine that stand beside it.

    Of several questions that are asked in turn, `question` is number `step` of `steps`, `completions` are those that it
    is about, and `earlier` is what was answered before. Of several on one page, `parts` are all of them.

    `suggested` is whether what is filled in is what a machine suggests, `metadata` are those of the item's that are
    shown, and `left` is how many items there are for the person in all, this one among them; None in practice.
    """

    reservation: str
    item: str
    prompt: Prompt
    completions: tuple[Completion, ...]
    question: AnyQuestion
    warning: str
    session: str
    position_in_session: int
    number: int
    issued_at: datetime
    expires_at: datetime
    draft: Mapping[str, str] | None = None
    redo: bool = False
    practice: bool = False
    dialogue: DialoguePlace | None = None
    remarks: tuple[Remark, ...] = ()
    parts: tuple[TaskPart, ...] = ()
    step: int = 1
    steps: int = 1
    earlier: tuple[EarlierAnswer, ...] = ()
    suggested: bool = False
    metadata: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    left: int | None = None


@dataclass(frozen=True)
class Speaking:
    """A person's turn to say something, after `messages`; `reservation` is the turn's own name.

    `problem` says why what they said before was not answered (it is then the `draft`). `room` is how many characters
    the writer can still read, about, where it knows and they are few.
    """

    reservation: str
    messages: tuple[Message, ...]
    place: DialoguePlace
    question: AnyQuestion
    warning: str
    session: str
    position_in_session: int
    issued_at: datetime
    expires_at: datetime
    draft: str = ""
    problem: str = ""
    room: int | None = None


@dataclass(frozen=True)
class Practice:
    """A task of the practice round: number `number` of `total`. An answer is explained, and never becomes data."""

    task: Task
    number: int
    total: int


@dataclass(frozen=True)
class Break:
    """Nothing until `until`: a pause after a session, the day's items done, all in others' hands, no writer."""

    until: datetime
    reason: Literal["session", "daily", "waiting", "writer"]
    message: str


@dataclass(frozen=True)
class Done:
    """Nothing more for this person: all is answered, their part is done, the places of their group are taken, or they
    were screened out. `ending` is what they take back to a platform."""

    reason: Literal["all", "quota", "budget", "complete", "screened"]
    message: str
    ending: Ending | None = None


@dataclass(frozen=True)
class Paused:
    """Whoever runs the study has paused this person."""

    message: str


NextStep = Task | Speaking | Practice | Break | Done | Paused


@dataclass(frozen=True)
class ClientTelemetry:
    """What the page measured beside an answer; a count is None where nothing was written.

    `shown` is the digest of what the page put before the person (`study.shown_digest`). `seconds` are those in which
    the page was in front and somebody gave a sign of life within `pay.idle_minutes`; None where no script counted them.
    `language` is that of the page's own texts.
    """

    seconds: float | None = None
    pasted: int | None = None
    keystrokes: int | None = None
    focus_lost: int | None = None
    shown: str | None = None
    language: str | None = None


@dataclass(frozen=True)
class PracticePart:
    """One question of a practice item: what was answered, in words, and what was expected; None where nothing is."""

    question: AnyQuestion
    answer: str
    correct: bool | None
    expected: str | None


@dataclass(frozen=True)
class PracticeResult:
    """What a person is told of a practice answer: whether it was as expected (None where nothing is), and why.

    `expected` is of the first question; `parts` are all that were answered.
    """

    correct: bool | None
    expected: Judgement | None
    explanation: str
    parts: tuple[PracticePart, ...] = ()


@dataclass(frozen=True)
class Receipt:
    """An answer that is kept. `feedback` is its id in the ledger; None for practice, which never goes there.

    Of several questions all `records` enter at once, with the last of them, and `feedback` is the first; until then
    there are `more_questions`, and nothing is in the ledger. `surplus`: the reservation had expired and the item
    meanwhile had all its answers; this one is kept besides.
    """

    reservation: str
    feedback: str | None
    practice: PracticeResult | None = None
    surplus: bool = False
    message: str = ""
    records: tuple[str, ...] = ()
    more_questions: bool = False
