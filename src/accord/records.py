"""What somebody said about what a model wrote.

Every record is frozen and strict: an unknown field, a string where a number belongs or a naive time is an
error, never a guess. Its `id` is the SHA-256 of its content (fields left unset do not enter, so that the schema
can grow without renaming what is already stored): the same text has the same name everywhere.

    Prompt, Completion          what was asked and what was written
    Evaluator                   who judged, under a pseudonym
    Feedback                    one act of judgement, holding one of the ten kinds of `Judgement`
    Pair, Example               training examples drawn from feedback, which name the feedback they come from
    Sample                      token ids as they were sampled, and how sampling stopped; text is a view of it
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar, get_args

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from accord.errors import RecordError

__all__ = [
    "JUDGEMENT_KINDS",
    "Assistance",
    "Attachment",
    "Comparison",
    "Completion",
    "Correction",
    "Critique",
    "Declined",
    "Demonstration",
    "Evaluator",
    "Example",
    "Feedback",
    "FinishReason",
    "Judgement",
    "JudgementKind",
    "Label",
    "Message",
    "Pair",
    "Prompt",
    "Ranking",
    "Rating",
    "Record",
    "Sample",
    "Sampling",
    "Scale",
    "Span",
    "Spans",
    "Steps",
    "Telemetry",
    "ToolCall",
    "Usage",
    "parse",
    "share_fields_set",
]

Unit = Annotated[float, Field(ge=0.0, le=1.0)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Seconds = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
Name = Annotated[str, Field(min_length=1)]
Place = Annotated[int, Field(ge=0)]
R = TypeVar("R", bound=BaseModel)


class Value(BaseModel):
    """A part of a record: frozen, strict, no unknown fields.

    A field that was renamed keeps its first name as its alias: ids and ledgers are written with it, everything else
    with the field's own name, and both are read.
    """

    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", populate_by_name=True, loc_by_alias=False, defer_build=True
    )


class Record(Value):
    """A record with a content-addressed `id`: prefix and the first 20 hexadecimal digits of a SHA-256."""

    prefix: ClassVar[str]

    @cached_property
    def id(self) -> str:
        """The record's name: the same content has the same id, whoever computes it and whenever."""
        return self.name_of(self.canonical())

    def canonical(self) -> str:
        """The content as JSON in one fixed form: what is set, under the fields' first names, in order of name."""
        content = self.model_dump(mode="json", exclude_none=True, by_alias=True)
        return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    @classmethod
    def name_of(cls, canonical: str) -> str:
        """The id of the record that has this canonical content."""
        try:
            return cls.prefix + hashlib.sha256(canonical.encode()).hexdigest()[:20]
        except UnicodeEncodeError as error:
            problem = f"{canonical!r:.80} holds half a character (a lone surrogate); decode the text as UTF-8"
            raise RecordError(problem) from error

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy, with the fields in `update` replaced (unchecked, as pydantic has it), under its own id."""
        copied = super().model_copy(update=update, deep=deep)
        copied.__dict__.pop("id", None)  # the original's, where it was asked for before
        return copied


class ToolCall(Value):
    """A call of a tool by the assistant; `arguments` are the text that it wrote, JSON in most cases."""

    name: Name
    arguments: str = ""
    id: Name | None = None


class Attachment(Value):
    """What a message holds beside its text: where it is found, never its content.

    `place` is the character of the message's text before which it stands.
    """

    kind: Literal["image", "audio", "video", "file"]
    uri: Name
    place: Place = 0


class Message(Value):
    """One turn of a conversation. A message of a tool answers the call `tool_call_id`; `name` is whoever speaks."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    name: Name | None = None
    tool_calls: Annotated[tuple[ToolCall, ...], Field(min_length=1)] | None = None
    tool_call_id: Name | None = None
    attachments: Annotated[tuple[Attachment, ...], Field(min_length=1)] | None = None

    @property
    def plain(self) -> bool:
        """Whether it is a role and a text, and nothing else."""
        return self == Message(role=self.role, content=self.content)


class Prompt(Record):
    """What the writer was asked: a conversation that ends where the completion begins.

    `mode` is what kind of answer is expected (about a given text, from knowledge, or free invention).
    """

    prefix = "p-"

    messages: Annotated[tuple[Message, ...], Field(min_length=1)]
    source: Name | None = None
    mode: Literal["text", "knowledge", "creative"] | None = None

    @classmethod
    def ask(cls, text: str, *, system: str | None = None, source: str | None = None) -> Self:
        """A prompt of one user message, after a system message where one is given."""
        head = () if system is None else (Message(role="system", content=system),)
        return cls(messages=(*head, Message(role="user", content=text)), source=source)

    def with_system(self, text: str) -> Self:
        """The same prompt with a system text in front; before its own where it has one."""
        first, *rest = self.messages
        if first.role == "system":
            text, others = f"{text}\n\n{first.content}", tuple(rest)
        else:
            others = self.messages
        return type(self)(messages=(Message(role="system", content=text), *others), source=self.source, mode=self.mode)

    @property
    def text(self) -> str:
        """The last message: what a person reads as the question."""
        return self.messages[-1].content


class Sampling(Value):
    """How a completion was sampled. Temperature 0 is greedy; a text ends before the first of the strings in `stop`."""

    temperature: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] = 1.0
    top_p: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    top_k: Place = 0
    max_tokens: Annotated[int, Field(ge=1)] = 64
    seed: int | None = None
    stop: Annotated[tuple[Name, ...], Field(min_length=1)] | None = None

    @property
    def whole(self) -> bool:
        """Whether tokens are drawn from the whole distribution at the temperature.

        What greedy draws, `top_p` and `top_k` leave is another one, whose entropy and KL are others.
        """
        return self.temperature > 0 and self.top_p == 1 and self.top_k == 0

    @field_validator("stop", mode="before")
    @classmethod
    def _listed(cls, stop: Any) -> Any:
        """A list, as TOML has it, for a tuple."""
        return tuple(stop) if isinstance(stop, list) else stop


FinishReason = Literal["eos", "length", "stop"]


class Completion(Record):
    """What was written in answer to the prompt `prompt` (its id), by `writer`.

    `step_starts` are the places in the text at which its steps begin, where whoever wrote it says so; a step goes on
    to the next one's start. `finish_reason` is why the text ended, as in `Sample`: what the limit cut off is learnt
    without an end.
    """

    prefix = "c-"

    prompt: Name
    text: str
    token_ids: tuple[Place, ...] | None = None
    writer: Name | None = None
    sampling: Sampling | None = None
    step_starts: Annotated[tuple[Place, ...], Field(min_length=1)] | None = None
    finish_reason: FinishReason | None = None
    turns: Annotated[tuple[Message, ...], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _steps_in_order(self) -> Self:
        if self.step_starts is None:
            return self
        places = (*self.step_starts, len(self.text))
        if any(start >= end or not self.text[start:end].strip() for start, end in pairwise(places)):
            raise ValueError(f"the steps from {list(self.step_starts)} are not in order, or one of them is blank")
        if self.text[: places[0]].strip():
            raise ValueError(f"the first step begins at {places[0]}, and what stands before it belongs to none")
        return self


class Sample(Value):
    """Token ids as sampled (with the end-of-sequence token where it was sampled) and their log-probabilities.

    `writer` is who wrote it, where that is another model than the one that these are tokens of. `values` are what a
    value head read from the state before each token, where one was read.

    `finish_reason` is "eos" where the model ended the text itself, "stop" where a stop string did (whose tokens are the
    last) and "length" where the limit did.
    """

    token_ids: tuple[Place, ...]
    logprobs: tuple[float, ...]
    finish_reason: FinishReason
    writer: Name | None = None
    values: tuple[float, ...] | None = None

    @model_validator(mode="after")
    def _same_length(self) -> Self:
        if len(self.token_ids) != len(self.logprobs):
            raise ValueError(f"{len(self.token_ids)} token ids but {len(self.logprobs)} log-probabilities")
        if self.values is not None and len(self.token_ids) != len(self.values):
            raise ValueError(f"{len(self.token_ids)} token ids but {len(self.values)} values")
        return self


class Evaluator(Record):
    """Who judged. Names and contact data are never part of it: it carries a pseudonym.

    `attributes` are those the evaluator chose to give; `recruitment`, `payment` and `training` say how they came to
    the work. `inferred` says that the identity was concluded from the shape of the data, not recorded with it.
    """

    prefix = "e-"

    kind: Literal["person", "model", "rule", "simulated"]
    pseudonym: Name
    pool: Name | None = None
    attributes: dict[str, str] | None = None
    recruitment: str | None = Field(default=None, alias="recruited")
    payment: str | None = Field(default=None, alias="paid")
    training: str | None = Field(default=None, alias="trained")
    inferred: bool | None = Field(default=None, alias="derived")


class Scale(Value):
    """The scale of a rating, its ends included. `low_label` and `high_label` are what was printed at the ends."""

    low: Finite
    high: Finite
    step: Annotated[float, Field(gt=0.0)] | None = None
    low_label: str | None = None
    high_label: str | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"the low end {self.low} is not below the high end {self.high}")
        return self


class Comparison(Value):
    """Which of two completions is better. Left and right are places on the screen, not quality.

    `scores` are the numbers of left and right, where the preference was concluded from two numbers.
    """

    kind: Literal["comparison"] = "comparison"
    preferred: Literal["left", "right", "tie"]
    strength: Unit | None = None
    scores: tuple[Finite, Finite] | None = None


class Ranking(Value):
    """Tiers of completion places (0 is the first of the feedback's completions), best tier first."""

    kind: Literal["ranking"] = "ranking"
    tiers: Annotated[tuple[Annotated[tuple[Place, ...], Field(min_length=1)], ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        places = [place for tier in self.tiers for place in tier]
        if sorted(places) != list(range(len(places))):
            raise ValueError(f"the tiers must name each of the places 0..{len(places) - 1} once, not {places}")
        return self


class Rating(Value):
    """A number on a stated scale; the scale travels with it."""

    kind: Literal["rating"] = "rating"
    value: Finite
    scale: Scale

    @model_validator(mode="after")
    def _on_scale(self) -> Self:
        if not self.scale.low <= self.value <= self.scale.high:
            raise ValueError(f"{self.value} is not on the scale {self.scale.low}..{self.scale.high}")
        return self


class Label(Value):
    """The options that hold, of all that there were. None of them is an answer: an empty `selected`."""

    kind: Literal["label"] = "label"
    selected: tuple[Name, ...] = Field(alias="chosen")
    options: tuple[Name, ...] = Field(alias="offered", min_length=1)

    @model_validator(mode="after")
    def _among_options(self) -> Self:
        if unknown := [name for name in self.selected if name not in self.options]:
            raise ValueError(f"{unknown} is not among the options; they are {list(self.options)}")
        return self


class Span(Value):
    """Characters [start, end) of the completion, and what is the matter with them."""

    start: Place
    end: Place
    type: Name
    note: str | None = None

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.end <= self.start:
            raise ValueError(f"the span {self.start}..{self.end} is empty")
        return self


class Spans(Value):
    """Marked stretches of one completion; none at all is an answer."""

    kind: Literal["spans"] = "spans"
    spans: tuple[Span, ...]


class Steps(Value):
    """A verdict on each step in order, and the first wrong one (None where all are right)."""

    kind: Literal["steps"] = "steps"
    verdicts: Annotated[tuple[Literal["right", "wrong", "unsure"], ...], Field(min_length=1)]

    @property
    def first_wrong(self) -> int | None:
        """The place of the first step that was judged wrong."""
        return self.verdicts.index("wrong") if "wrong" in self.verdicts else None


class Correction(Value):
    """The completion as the evaluator would have it."""

    kind: Literal["correction"] = "correction"
    text: str


class Critique(Value):
    """What the evaluator says about the whole, or about the characters [start, end)."""

    kind: Literal["critique"] = "critique"
    text: Name
    start: Place | None = None
    end: Place | None = None


class Demonstration(Value):
    """What the evaluator would answer to the prompt."""

    kind: Literal["demonstration"] = "demonstration"
    text: Name


class Declined(Value):
    """'I can't judge this' is an answer."""

    kind: Literal["declined"] = "declined"
    reason: str | None = None


JudgementKind = Literal[
    "comparison",
    "ranking",
    "rating",
    "label",
    "spans",
    "steps",
    "correction",
    "critique",
    "demonstration",
    "declined",
]
JUDGEMENT_KINDS: frozenset[str] = frozenset(get_args(JudgementKind))
Judgement = Annotated[
    Comparison | Ranking | Rating | Label | Spans | Steps | Correction | Critique | Demonstration | Declined,
    Field(discriminator="kind"),
]


class Telemetry(Value):
    """What the page counted; evaluators are told that it counts.

    `active_seconds` are those in which the page was in front and somebody did something now and then, of the seconds
    from handing out to sending (`Feedback.seconds`); the others are of the writing of a text.
    """

    pasted: Place | None = None
    keystrokes: Place | None = None
    focus_lost: Place | None = None
    active_seconds: Seconds | None = None


class Assistance(Value):
    """A machine's remark on the item, or an answer that it suggests; the page offered it (`shown`) or by lot did not.

    `by` is the evaluator that made it (its id); `digest` names the records of what it said, their ids joined by `+`
    where it is several, or is a digest of it where there are no records. Of a suggestion, `suggested` is the answer,
    about the completions in the order of the feedback that it stands in.
    """

    kind: Literal["critique", "spans", "suggestion"]
    by: Name
    shown: bool
    digest: Name | None = None
    suggested: Judgement | None = None


class Usage(Value):
    """What an answer of a machine cost: tokens over all `requests`, and money where prices are known."""

    input_tokens: Place
    output_tokens: Place
    requests: Annotated[int, Field(ge=1)] = 1
    cost: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] | None = None
    currency: Name | None = None


class Feedback(Record):
    """One act of judgement: who, about what, shown how, when, and what they said.

    `evaluator`, `prompt` and `completions` are ids; `completions` stand in the order in which they were shown.
    `shown_digest` and `available_digest` are those of what the evaluator saw and of all there was to see.
    `gold` names the answer known to be right where this was a control question, and `repeat_of` the earlier
    feedback where the same item was asked twice. `replaces` names an earlier record that this one takes back.
    `conversation` names the dialogue that the judged turn is of, `principle` the one that a model was told to judge by,
    where it was drawn from several. `occurrence` tells votes apart that are otherwise
    equal, where their source does not say who cast them: unset for the first, then 1, 2, ... `comment` is what the
    evaluator added in words of their own, and `language` that of the page on which they answered (BCP 47).
    """

    prefix = "f-"

    evaluator: Name
    prompt: Name
    completions: tuple[Name, ...]
    judgement: Judgement
    study: Name | None = None
    instructions: Name | None = None
    shown_digest: Name | None = Field(default=None, alias="shown")
    available_digest: Name | None = Field(default=None, alias="available")
    time: AwareDatetime | None = None
    seconds: Seconds | None = None
    session: Name | None = None
    position_in_session: Place | None = Field(default=None, alias="place_in_session")
    round: Place | None = None
    gold: Judgement | None = None
    repeat_of: Name | None = None
    telemetry: Telemetry | None = None
    replaces: Name | None = None
    assistance: Assistance | None = None
    usage: Usage | None = None
    conversation: Name | None = None
    principle: Name | None = None
    comment: Annotated[str, Field(min_length=1)] | None = None
    occurrence: Annotated[int, Field(ge=1)] | None = None
    language: Name | None = None

    @field_validator("time")
    @classmethod
    def _fixed_offset(cls, time: datetime | None) -> datetime | None:
        """The zone as its offset, which is all that is written: what is read back is then equal to it."""
        offset = None if time is None else time.utcoffset()
        if time is None or offset is None:
            return time
        # Local times of the days before zones are off by seconds, which no written offset can say.
        return time.astimezone(UTC) if offset % timedelta(minutes=1) else time.replace(tzinfo=timezone(offset), fold=0)

    @model_validator(mode="after")
    def _right_number(self) -> Self:
        match self.judgement:
            case Comparison():
                number = 2
            case Ranking(tiers=tiers):
                number = sum(len(tier) for tier in tiers)
            case Rating() | Label() | Spans() | Steps() | Correction() | Critique():
                number = 1
            case Demonstration():
                number = 0
            case Declined():
                number = len(self.completions)
        if len(self.completions) != number:
            kind = self.judgement.kind
            raise ValueError(f"a {kind} is about {number} completions, not {len(self.completions)}")
        return self


class Pair(Value):
    """A training example: `chosen` was preferred to `rejected`, or neither was (`tie`), by `evaluator`.

    `feedback_ids` names the feedback it was drawn from, so that every example can be traced to somebody's answer.
    `margin` is by how much, in units of the scale's width where it came from ratings (0..1). `session` is the unit
    of collection (one sitting, one sheet of items) that splits and intervals respect.
    """

    prompt: Name
    chosen: Name
    rejected: Name
    tie: bool = False
    evaluator: Name | None = None
    session: Name | None = Field(default=None, alias="batch")
    weight: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] = 1.0
    margin: Unit | None = None
    feedback_ids: tuple[Name, ...] = Field(default=(), alias="because")


class Example(Value):
    """A supervised training example: `completion` answers `prompt`, and `source` says why it is learnt from.

    chosen          preferred to another completion of its prompt
    compared        compared with another one, better or worse
    demonstration   what an evaluator would answer
    correction      a completion as an evaluator would have it

    `evaluators` said so, in `feedback_ids`; both stand in the order in which it was said.
    """

    prompt: Name
    completion: Name
    source: Literal["chosen", "compared", "demonstration", "correction"]
    evaluators: tuple[Name, ...] = ()
    feedback_ids: tuple[Name, ...] = ()
    weight: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] = 1.0


_FIELDS_SETS: dict[frozenset[str], set[str]] = {}


def share_fields_set(record: R) -> R:
    """The same record, holding one set of the names of its set fields with all others that have the same set.

    pydantic makes one for each, 728 bytes where more than four fields are set: a third of what a `Feedback` takes.
    Records are frozen, so nothing writes to it; a copy has its own.
    """
    names = record.__pydantic_fields_set__
    object.__setattr__(record, "__pydantic_fields_set__", _FIELDS_SETS.setdefault(frozenset(names), names))
    return record


def parse(kind: type[R], text: str | bytes, *, place: str = "") -> R:
    """Read one record from JSON.

    Raises `RecordError` that names the place, the field, what was found and what was expected.
    """
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        field, problem = explain(error)
        raise RecordError(problem, place=" ".join(part for part in (place, field) if part)) from error


def explain(error: ValidationError) -> tuple[str, str]:
    """The first thing that is wrong: its field, what was expected there, and how many more there are."""
    problems = error.errors(include_url=False)
    first = problems[0]
    field = ".".join(str(part) for part in first["loc"] if part not in JUDGEMENT_KINDS)
    value = f"{first.get('input')!r:.80}"
    context = first.get("ctx", {})
    match first["type"]:
        case "literal_error":
            message = f"{value} is not one of " + str(context["expected"]).replace(" or ", ", ").replace("'", "")
        case "union_tag_invalid":
            tag, kinds = context["tag"], str(context["expected_tags"]).replace("'", "")
            field, message = f"{field}.kind", f"'{tag}' is not one of {kinds}"
        case "union_tag_not_found":
            field, message = f"{field}.kind", "Field required"
        case "missing" | "json_invalid" | "extra_forbidden":
            message = str(first["msg"])
        case "value_error":
            message = str(context["error"])
        case _:
            message = f"{first['msg']}, not {value}"
    return field, message + (f" (and {len(problems) - 1} more)" if len(problems) > 1 else "")
