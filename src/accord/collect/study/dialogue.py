"""A dialogue: what people talk about with a live writer, and how long.

An item is then a topic. Of its prompt the system text begins the conversation, and the message of the user is what the
person is told to talk about; the writer is not told that.
"""

from collections.abc import Iterator

from pydantic import Field

from accord.collect.study.items import StudyItem
from accord.collect.study.kinds import KINDS, Question
from accord.collect.study.section import Section
from accord.errors import StudyError
from accord.records import Prompt

__all__ = ["Dialogue", "check_topic", "topic_of"]


class Dialogue(Section):
    """Turns of a conversation with a live writer, each judged by the study's question.

    Where the question is about two answers, two are written a turn, and it goes on with the better one. Where it is
    about one, that can be put right where `edits` says so, and it then goes on as it was put right.
    """

    least: int = Field(default=1, ge=1, le=100, description="turns before a conversation may be ended")
    most: int = Field(default=8, ge=1, le=100, description="turns of a conversation")
    edits: bool = Field(default=False, description="whether an answer can be put right; each becomes a correction too")
    longest: int = Field(default=4_000, ge=1, le=20_000, description="characters of what a person says, or puts right")

    def problems(self, question: Question) -> Iterator[tuple[str, str]]:
        """Keys that do not go together, with what to do about it."""
        if not question.of_turns:
            kinds = ", ".join(kind for kind, known in KINDS.items() if known.of_turns)
            yield "dialogue", f'turns cannot be judged by kind = "{question.kind}"; ask for one of {kinds}'
        if self.edits and question.least > 1:
            yield "dialogue.edits", "needs one answer a turn; ask for a label or a rating, or leave it out"
        if self.least > self.most:
            yield "dialogue.least", f"is above most = {self.most}; raise most or lower it"


def topic_of(prompt: Prompt) -> str:
    """What the person is told to talk about; "" where that is theirs to choose."""
    last = prompt.messages[-1]
    return last.content if last.role == "user" else ""


def check_topic(item: StudyItem, *, has_writer: bool) -> StudyItem:
    """An item of a dialogue. Raises `StudyError` that names the line."""
    if not has_writer:
        raise StudyError(f"{item.place}: a dialogue needs somebody to talk with; name a writer (--writer)")
    if item.completions or item.line.gold is not None or item.line.known:
        raise StudyError(f"{item.place}: a dialogue begins without completions and gold; leave them out")
    *begin, last = item.prompt.messages
    if any(message.role != "system" for message in begin) or last.role not in {"system", "user"}:
        raise StudyError(f"{item.place} prompt: give a system text, what to talk about (as user), or both")
    if any(not message.plain for message in item.prompt.messages):
        raise StudyError(f"{item.place} prompt: holds more than texts; a dialogue begins with texts alone")
    return item
