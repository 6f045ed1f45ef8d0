"""Items as annotation tools write them: the answers that were judged together, and what each question is called."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from accord.feedback.formats.annotation_answers import text_kind
from accord.feedback.formats.messages import dicts_of
from accord.feedback.formats.outgoing import JudgedItem, Outgoing
from accord.records import Completion, Correction, Critique, Demonstration, Feedback, Prompt

__all__ = ["WrittenItem", "items_of", "question_name"]


@dataclass(frozen=True)
class WrittenItem:
    """A prompt, the answers that were judged together in the order of their feedback, and that feedback."""

    number: int
    prompt: Prompt
    answers: tuple[Completion, ...]
    judged: list[JudgedItem]

    @property
    def names(self) -> list[str]:
        """The names of the fields of the answers."""
        if len(self.answers) == 1:
            return ["response"]
        return [f"response_{number}" for number in range(1, len(self.answers) + 1)]

    def fields(self) -> dict[str, Any]:
        """The prompt (a text, or a list of messages) and the answers."""
        (first, *rest) = self.prompt.messages
        plain = not rest and first.role == "user" and first.plain and first.content.strip()
        asked = {"prompt": first.content} if plain else {"messages": dicts_of(self.prompt.messages)}
        return asked | {name: answer.text for name, answer in zip(self.names, self.answers, strict=True)}


def items_of(outgoing: Outgoing) -> Iterator[WrittenItem]:
    """What stands in a ledger, item by item."""
    number = 0
    for prompt, judged in outgoing.by_prompt():
        groups: dict[tuple[str, ...], list[JudgedItem]] = {}
        for item in judged:
            groups.setdefault(item.feedback.completions, []).append(item)
        for group in groups.values():
            number += 1
            yield WrittenItem(number, prompt, group[0].completions, group)


def question_name(feedback: Feedback, form: str, outgoing: Outgoing) -> str:
    """What a question is called: what its study says behind the format's name, else the kind of the judgement.

    A study that is told in no other way, and a text whose question does not say what it is, are counted as lost.
    """
    kind, study = feedback.judgement.kind, feedback.study or ""
    name = study.removeprefix(f"{form}.") if study.startswith(f"{form}.") else ""
    text = isinstance(feedback.judgement, Correction | Critique | Demonstration)
    if name and (not text or (text_kind(name) or ("critique" if feedback.completions else "demonstration")) == kind):
        return name
    if study:
        outgoing.lose("study")
    return kind
