"""Files of multiple-choice questions: JSON lines of accord's own columns, or of Anthropic's evaluation sets.

{"question": "tax", "text": "Are taxes too high?", "options": ["yes", "no"], "groups": {"north": [0.3, 0.7]}}
{"question": "Would you ...?", "answer_matching_behavior": " Yes", "answer_not_matching_behavior": " No"}
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from accord.errors import AuditError, RecordError, storage
from accord.feedback.formats.json_text import object_of
from accord.records import explain

__all__ = ["Question", "read_questions"]

MARKS = ("stereotype", "cue", "abstain")
VIEW = "I think the answer is: {option}"
ROUNDED = 0.02  # shares that were rounded may miss a sum of 1 by so much
Share = Annotated[float, Field(ge=0, le=1)]
CHOICE = re.compile(r"^\s*\(([A-Z])\)\s*(.*?)\s*$", re.M)


class Question(BaseModel):
    """A question with fixed options.

    question  its name, once in all files
    right     the option that is right, where one is
    stereotype  the option that goes by a prejudice, where one does
    cue       the option that something beside the question points to, such as a hint or the layout
    abstain   the option that says one does not know
    ordinal   whether the options are steps of a scale, in order
    groups    by group of people, the share that answers each option
    stated    options that the asker says they hold, one after the other
    views     what the asker says, a text for each of `stated`
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)

    question: str = Field(min_length=1)
    text: str = Field(min_length=1)
    options: tuple[str, ...] = Field(min_length=2, max_length=26)
    topic: str | None = None
    right: str | None = None
    stereotype: str | None = None
    cue: str | None = None
    abstain: str | None = None
    ordinal: bool = False
    groups: dict[str, tuple[Share, ...]] | None = None
    stated: tuple[str, ...] = ()
    stated_text: str | tuple[str, ...] = VIEW

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(set(self.options)) < len(self.options):
            raise ValueError("options: one stands twice")
        for key, option in self._named_options():
            if option not in self.options:
                raise ValueError(f"{key}: {option!r} is none of the options")
        self._check_marks()
        for group, shares in (self.groups or {}).items():
            if len(shares) != len(self.options):
                raise ValueError(f"groups.{group}: {len(shares)} shares for {len(self.options)} options")
            if abs(sum(shares) - 1) > ROUNDED:
                raise ValueError(f"groups.{group}: the shares sum to {sum(shares):g}; make them sum to 1")
        if isinstance(self.stated_text, str):
            if self.stated and "{option}" not in self.stated_text:
                raise ValueError("stated_text: says no view; write {option} where the option is to stand")
        elif len(self.stated_text) != len(self.stated):
            raise ValueError(f"stated_text: {len(self.stated_text)} texts for {len(self.stated)} of stated")
        return self

    def _check_marks(self) -> None:
        for key in ("right", "stereotype"):
            if self.abstain is not None and self.abstain == getattr(self, key):
                raise ValueError(f"abstain: is the option named by {key} as well; leave one of them out")
        if self.stereotype is not None and not set(self.options) - {self.stereotype, self.abstain}:
            raise ValueError("stereotype: no other option to hold it against; add the one that goes against it")

    def _named_options(self) -> Iterator[tuple[str, str]]:
        """The keys that name options, with the options that they name."""
        for key in ("right", *MARKS):
            if (option := getattr(self, key)) is not None:
                yield key, option
        yield from (("stated", option) for option in self.stated)

    @property
    def marks(self) -> dict[str, int]:
        """By key of `MARKS`, the place of the option that it names."""
        return {key: self.options.index(option) for key in MARKS if (option := getattr(self, key)) is not None}

    @property
    def views(self) -> list[tuple[int, str]]:
        """The place of each stated option, and what the asker says."""
        texts = self.stated_text
        return [
            (self.options.index(option), texts.replace("{option}", option) if isinstance(texts, str) else texts[number])
            for number, option in enumerate(self.stated)
        ]

    @property
    def shares(self) -> dict[str, tuple[float, ...]] | None:
        """The shares of each group, which sum to 1."""
        if self.groups is None:
            return None
        return {group: tuple(share / sum(shares) for share in shares) for group, shares in self.groups.items()}


def read_questions(paths: Sequence[Path | str]) -> tuple[Question, ...]:
    """The questions of some files, in order.

    Raises `AuditError` that names file, line and key; `StorageError` where a file cannot be read.
    """
    questions: dict[str, Question] = {}
    for path in map(Path, paths):
        with storage(path):
            content = path.read_bytes()
        try:
            lines = content.decode("utf-8-sig").splitlines()
        except UnicodeDecodeError as error:
            raise AuditError(f"{path}: not UTF-8 ({error.reason}); save the questions as UTF-8") from error
        for number, line in enumerate(lines, 1):
            if line.strip():
                question = _question(line, path, number)
                if question.question in questions:
                    raise AuditError(f"{path}:{number} question: {question.question!r} stands twice; rename one")
                questions[question.question] = question
    if not questions:
        raise AuditError(f"{', '.join(map(str, paths))}: no question; write one a line")
    return tuple(questions.values())


def _question(line: str, path: Path, number: int) -> Question:
    place = f"{path}:{number}"
    try:
        content = object_of(line, place)
    except RecordError as error:
        raise AuditError(str(error)) from error
    if "answer_matching_behavior" in content:
        content = _of_anthropic(content, path.stem, number, place)
    try:
        return Question.model_validate(_with_tuples(content))
    except ValidationError as error:
        key, problem = explain(error)
        raise AuditError(f"{place}{f' {key}' if key else ''}: {problem}") from error


def _with_tuples(content: Any) -> Any:
    """Lists as tuples, which is what strict records hold."""
    if isinstance(content, list):
        return tuple(_with_tuples(each) for each in content)
    return {key: _with_tuples(each) for key, each in content.items()} if isinstance(content, dict) else content


def _of_anthropic(content: dict[str, Any], name: str, number: int, place: str) -> dict[str, Any]:
    """A row of Anthropic's sets: those who behave as the file is called are the group that gives the matching answer.

    Options are those of the text, where it lists them, else the two answers in the order of the alphabet. The share
    that matches is `label_confidence`, all where there is none.
    """
    text, matching, other = (
        content.get(key) for key in ("question", "answer_matching_behavior", "answer_not_matching_behavior")
    )
    if not isinstance(text, str) or not isinstance(matching, str) or not isinstance(other, str):
        raise AuditError(f"{place}: question, answer_matching_behavior, answer_not_matching_behavior: not all texts")
    share = content.get("label_confidence", 1.0)
    if not isinstance(share, int | float) or isinstance(share, bool) or not 0 <= share <= 1:
        raise AuditError(f"{place} label_confidence: {share!r} is no share between 0 and 1")
    asked, _, listed = text.partition("\nChoices:")
    choices = CHOICE.findall(listed)
    if choices:
        labels, options = zip(*choices, strict=True)
        answer = matching.strip().strip("()")
        if answer not in labels:
            raise AuditError(f"{place} answer_matching_behavior: {matching!r} is none of the choices in the question")
        chosen = options[labels.index(answer)]
        asked = asked.strip().removeprefix("Question:").strip()
    else:
        options, chosen = tuple(sorted({matching.strip(), other.strip()})), matching.strip()
    rest = (1 - share) / (len(options) - 1) if len(options) > 1 else 0.0
    shares = [share if option == chosen else rest for option in options]
    return {
        "question": f"{name}-{number}",
        "text": asked,
        "options": list(options),
        "topic": name,
        "groups": {name: [float(each) for each in shares]},
    }
