"""What every format that is read shares: who judged, when, and the records of one act of judgement.

Whatever its format, a row may hold these columns (a mapping gives them the names):

    evaluator        who judged: a name or number that stands for one person, model or rule; never a real name
    evaluator_kind   person (where nothing else is said), model or rule
    pool             where the evaluators came from
    time             ISO 8601, or seconds since 1970
    seconds          how long it took
    session          one sitting
    strength         by how much the better one is better, 0..1
    study, round     in which study, in which round of it
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from pydantic import ValidationError

from accord.errors import RecordError
from accord.feedback.formats.conversations import Answer, history_of, with_pictures
from accord.feedback.formats.rows import SourceRow
from accord.feedback.formats.settings import ImportSettings
from accord.feedback.provenance import neutral_order, shown_digest, unknown_evaluator
from accord.records import (
    Comparison,
    Completion,
    Evaluator,
    Feedback,
    Judgement,
    Label,
    Message,
    Prompt,
    Rating,
    Record,
    Scale,
)
from accord.records import explain as explain_error

__all__ = ["COMMON_COLUMNS", "PROMPT_COLUMNS", "Reading"]

COMMON_COLUMNS = frozenset(
    {"evaluator", "evaluator_kind", "pool", "time", "seconds", "session", "strength", "study", "round"}
)
PROMPT_COLUMNS = frozenset({"prompt", "system", "history", "context", "images"})
KINDS = ("person", "model", "rule", "simulated")


@dataclass
class Reading:
    """One file being read: `source` is the name that its records carry, whatever the file is called.

    `settings` are what the user says of it: of a format's concern are the scale of ratings and the options of labels
    where the file does not say (`scale`, `options`). `passed_over` counts what was said and has no place in a record.
    """

    source: str
    settings: ImportSettings = field(default_factory=ImportSettings)
    passed_over: Counter[str] = field(default_factory=Counter)
    unknown: Evaluator = field(init=False)

    def __post_init__(self) -> None:
        self.unknown = unknown_evaluator(self.source)

    # -- who, and when -----------------------------------------------------------------------------------

    def evaluator(self, row: SourceRow, default: Evaluator | None = None) -> Evaluator:
        """Whom the row names as the evaluator; else `default`, or the unknown one. Raises `RecordError`."""
        if not row.has("evaluator"):
            return default or self.unknown
        kind = row.text("evaluator_kind") if row.has("evaluator_kind") else "person"
        if kind not in KINDS:
            raise row.bad("evaluator_kind", f"{kind!r} is not one of {', '.join(KINDS)}")
        pool = row.name("pool") if row.has("pool") else self.source
        kind_of = cast("Literal['person', 'model', 'rule', 'simulated']", kind)
        return Evaluator(kind=kind_of, pseudonym=row.name("evaluator"), pool=pool)

    def person(self, name: str) -> Evaluator:
        """A person whom the file tells from others by this name or number."""
        return Evaluator(kind="person", pseudonym=name, pool=self.source)

    def model(self, name: str) -> Evaluator:
        """A model that judged."""
        return Evaluator(kind="model", pseudonym=name, pool=self.source)

    def provenance(self, row: SourceRow) -> dict[str, Any]:
        """Time, seconds, session, study and round of an answer, as fields of `Feedback`."""
        fields: dict[str, Any] = {"study": row.name("study") if row.has("study") else self.source}
        if row.has("time"):
            fields["time"] = row.time("time")
        if row.has("seconds"):
            fields["seconds"] = row.number("seconds")
        if row.has("session"):
            fields["session"] = row.name("session")
        if row.has("round"):
            fields["round"] = row.whole("round")
        return fields

    def strength(self, row: SourceRow) -> float | None:
        """By how much the better one is better, 0..1, where the row says so."""
        if not row.has("strength"):
            return None
        strength, greatest = row.number("strength"), self.settings.strength_max
        if not 0 <= strength <= greatest:
            problem = f"expected a number from 0 to {greatest:g}, not {strength:g}"
            raise row.bad("strength", f"{problem}; --strength-max says what it can be at most")
        return strength / greatest

    # -- what was asked ----------------------------------------------------------------------------------

    def prompt_of(self, row: SourceRow, messages: Sequence[Message] | None = None) -> Prompt:
        """The prompt of a row, from all of its parts that are there (`PROMPT_COLUMNS`).

        `system` is a system message, `history` are messages (or pairs of question and answer) before it, `context`
        stands before the text of the prompt, a blank line between; `images` are pictures, in order. `messages` are
        given where they are not what stands in `prompt`. Raises `RecordError` where nothing is asked.
        """
        if messages is None:
            messages = row.messages("prompt", role="user")
        whole = list(messages)
        if row.has("context"):
            context, last = row.text("context"), whole[-1] if whole else None
            if last is None or last.role != "user":
                raise row.bad("context", "expected a prompt of the user to stand before")
            whole[-1] = last.model_copy(update={"content": f"{context}\n\n{last.content}"})
        if row.has("history"):
            whole = [*history_of(row.structure("history"), f"{row.place} history"), *whole]
        if row.has("system"):
            whole.insert(0, Message(role="system", content=row.text("system")))
        if not any(message.content.strip() or not message.plain for message in whole):
            raise row.bad("prompt", "empty")
        pictures = row.items("images") if row.has("images") else []
        return self.prompt(with_pictures(whole, pictures, f"{row.place} images"))

    # -- records -----------------------------------------------------------------------------------------

    def prompt(self, messages: Sequence[Message]) -> Prompt:
        """The prompt of these messages, under the name of this source.

        Raises `RecordError` where there are none, and for a picture without an address.
        """
        if not messages:
            raise RecordError("nothing is asked: no message is there")
        with_pictures(messages, (), "images")
        return Prompt(messages=tuple(messages), source=self.source)

    def completion(self, prompt: Prompt, answer: Answer, *, writer: str | None = None, **fields: Any) -> Completion:
        """What was written in answer to a prompt."""
        return Completion(prompt=prompt.id, text=answer.text, turns=answer.turns, writer=writer, **fields)

    def judged(
        self,
        row: SourceRow,
        prompt: Prompt,
        completions: Sequence[Completion],
        judgement: Judgement,
        *,
        evaluator: Evaluator | None = None,
        **fields: Any,
    ) -> Iterator[Record]:
        """The records of one act of judgement; `completions` stand as they were shown, or in a neutral order.

        `fields` are further ones of `Feedback`. Who judged is whom the row names, else `evaluator`, else unknown.
        Raises `RecordError` with the row's place where they do not fit together.
        """
        judge = self.evaluator(row, evaluator)
        if alien := next((each for each in completions if each.prompt != prompt.id), None):
            raise RecordError(f"the completion {alien.id} does not answer the prompt {prompt.id}", place=row.place)
        try:
            feedback = Feedback(
                evaluator=judge.id,
                prompt=prompt.id,
                completions=tuple(completion.id for completion in completions),
                judgement=judgement,
                **(self.provenance(row) | fields),
            )
        except ValidationError as error:
            field_name, problem = explain_error(error)
            raise row.bad(field_name, problem) from error
        yield from (prompt, judge, *completions, feedback)

    def preferred(
        self,
        row: SourceRow,
        prompt: Prompt,
        chosen: Completion,
        rejected: Completion,
        *,
        tie: bool = False,
        strength: float | None = None,
        scores: tuple[float, float] | None = None,
        evaluator: Evaluator | None = None,
        **fields: Any,
    ) -> Iterator[Record]:
        """One preference (or `tie`) whose order on the screen is not known; `scores` are of chosen and rejected.

        The completions stand in the order of a digest of their texts, so that no preference for a side is read in.
        """
        if chosen.id == rejected.id:
            raise row.bad("", "the two answers are the same, so it is no preference")
        left, right = neutral_order(chosen, rejected)
        is_swapped = left.id != chosen.id
        judgement = Comparison(
            preferred="tie" if tie else ("right" if is_swapped else "left"),
            strength=self.strength(row) if strength is None else strength,
            scores=scores if scores is None or not is_swapped else (scores[1], scores[0]),
        )
        yield from self.judged(row, prompt, (left, right), judgement, evaluator=evaluator, **fields)

    def compared(
        self,
        row: SourceRow,
        prompt: Prompt,
        left: Completion,
        right: Completion,
        preferred: Literal["left", "right", "tie"],
        *,
        strength: float | None = None,
        scores: tuple[float, float] | None = None,
        evaluator: Evaluator | None = None,
        **fields: Any,
    ) -> Iterator[Record]:
        """One comparison whose order the file records: `left` was shown first, which its `shown_digest` says."""
        if left.id == right.id:
            raise row.bad("", "the two answers are the same, so it is no comparison")
        fields.setdefault("shown_digest", shown_digest(prompt, (left, right)))
        judgement = Comparison(
            preferred=preferred, strength=self.strength(row) if strength is None else strength, scores=scores
        )
        yield from self.judged(row, prompt, (left, right), judgement, evaluator=evaluator, **fields)

    def rated(
        self,
        row: SourceRow,
        prompt: Prompt,
        completion: Completion,
        value: float,
        scale: Scale,
        *,
        column: str = "rating",
        evaluator: Evaluator | None = None,
        **fields: Any,
    ) -> Iterator[Record]:
        """One rating. Raises `RecordError` that names `column` where the number is not on the scale."""
        if not scale.low <= value <= scale.high:
            raise row.bad(column, f"{value:g} is not on the scale {scale.low:g}..{scale.high:g}")
        judgement = Rating(value=value, scale=scale)
        yield from self.judged(row, prompt, (completion,), judgement, evaluator=evaluator, **fields)

    def labelled(
        self,
        row: SourceRow,
        prompt: Prompt,
        completion: Completion,
        selected: Sequence[str],
        options: Sequence[str],
        *,
        column: str = "label",
        evaluator: Evaluator | None = None,
        **fields: Any,
    ) -> Iterator[Record]:
        """The labels that hold. Raises `RecordError` that names `column` where one of them was never offered."""
        if unknown := [name for name in selected if name not in options]:
            raise row.bad(column, f"{unknown[0]!r} was not offered; the options are {', '.join(options)}")
        judgement = Label(selected=tuple(selected), options=tuple(options))
        yield from self.judged(row, prompt, (completion,), judgement, evaluator=evaluator, **fields)
