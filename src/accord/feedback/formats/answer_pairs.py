"""A prompt with two answers, or with one, in all the ways in which TRL's data sets and their like write them.

prompt      answers     the prompt is                                    an answer is
text        texts       the text                                         the text, without a repeated prompt
text        messages    the text, or the shared beginning that holds it  what follows it
messages    texts       the messages                                     the text
messages    messages    the messages                                     the messages, without a repeated prompt
nothing     texts       the words that both begin with                   what follows them
nothing     messages    the messages that both begin with                what follows them
"""

from dataclasses import dataclass

from accord.feedback.formats.conversations import Answer, answer_of, messages_of, shared, without_prompt
from accord.feedback.formats.json_text import value_in
from accord.feedback.formats.rows import SourceRow
from accord.records import Message

__all__ = ["AnswerPair", "content_of", "pair_of", "prompt_and_answer", "refuse_tools"]

Messages = tuple[Message, ...]


@dataclass(frozen=True)
class AnswerPair:
    """A prompt and two answers to it that differ."""

    prompt: Messages
    chosen: Answer
    rejected: Answer


def pair_of(row: SourceRow, prompt: str = "prompt", chosen: str = "chosen", rejected: str = "rejected") -> AnswerPair:
    """The prompt and the answers in these columns. Raises `RecordError` that names place and column."""
    prompt_content = content_of(row, prompt) if row.has(prompt) else None
    better, worse = content_of(row, chosen), content_of(row, rejected)
    if isinstance(better, str) and isinstance(worse, str):
        parts: tuple[Messages, str | Messages, str | Messages] = _of_texts(prompt_content, better, worse)
    elif isinstance(better, tuple) and isinstance(worse, tuple):
        parts = _of_messages(prompt_content, better, worse, shared(better, worse), row, chosen)
    else:
        raise row.bad(rejected, f"expected {_shape(better)} as in {chosen}, not {_shape(worse)}")
    messages = parts[0]
    _check_prompt(row, messages, prompt, implicit=prompt_content is None)
    first, second = _answer(row, parts[1], chosen), _answer(row, parts[2], rejected)
    if first == second:
        raise row.bad(rejected, f"the same as {chosen}, so it is no preference")
    return AnswerPair(messages, first, second)


def _of_texts(asked: str | Messages | None, better: str, worse: str) -> tuple[Messages, str, str]:
    """The prompt and two texts that answer it."""
    if isinstance(asked, tuple):
        return asked, better, worse
    return _shared_words(better, worse) if asked is None else (_asking(asked), *_without_text(asked, better, worse))


def _of_messages(
    asked: str | Messages | None, better: Messages, worse: Messages, cut: int, row: SourceRow, column: str
) -> tuple[Messages, Messages, Messages]:
    """The prompt and two lists of messages that answer it; the first `cut` messages are the same in both."""
    if isinstance(asked, tuple):
        return asked, without_prompt(better, asked), without_prompt(worse, asked)
    if isinstance(asked, str) and not _holds_prompt(row, asked, better[:cut], column):
        return _asking(asked), better, worse
    return better[:cut], better[cut:], worse[cut:]


def prompt_and_answer(row: SourceRow, prompt: str = "prompt", answer: str = "completion") -> tuple[Messages, Answer]:
    """The prompt and the one answer in these columns. Raises `RecordError` that names place and column."""
    prompt_content, content = content_of(row, prompt), content_of(row, answer)
    messages = _asking(prompt_content) if isinstance(prompt_content, str) else prompt_content
    if isinstance(content, tuple):
        content = without_prompt(content, messages)
    _check_prompt(row, messages, prompt)
    return messages, _answer(row, content, answer)


def content_of(row: SourceRow, column: str) -> str | Messages:
    """A column as a text, or as messages where it lists some (in a file of cells, as JSON).

    Raises `RecordError` that names place and column.
    """
    value = row.value(column)
    if isinstance(value, str):
        value = _listed(value)
    return value if isinstance(value, str) else messages_of(value, f"{row.place} {column}")


def _listed(text: str) -> object:
    """The messages that a cell holds as JSON; else the text, whatever brackets it begins with."""
    if text.lstrip()[:1] != "[":
        return text
    value = value_in(text)
    is_messages = isinstance(value, list) and value and all(isinstance(each, dict) for each in value)
    return value if is_messages and all("role" in each or "from" in each for each in value) else text


def _asking(text: str) -> Messages:
    return (Message(role="user", content=text),)


def _shape(content: str | Messages) -> str:
    return "a text" if isinstance(content, str) else "a list of messages"


def _shared_words(first: str, second: str) -> tuple[Messages, str, str]:
    """Two texts cut after the last word that both begin with."""
    cut = shared(first, second)
    goes_on = first[cut : cut + 1] + second[cut : cut + 1]
    if cut < min(len(first), len(second)) or (first[:cut][-1:].isalnum() and goes_on[:1].isalnum()):
        cut = max(first.rfind(" ", 0, cut), first.rfind("\n", 0, cut)) + 1
    return _asking(first[:cut].strip()), first[cut:].strip(), second[cut:].strip()


def _holds_prompt(row: SourceRow, prompt: str, beginning: Messages, column: str) -> bool:
    """Whether the prompt is one of the messages that both answers begin with. Raises `RecordError` for another one."""
    users = [message.content.strip() for message in beginning if message.role == "user"]
    if users and prompt.strip() not in users:
        raise row.bad(column, f"both answers begin with {users[0]!r:.60}, which is not the prompt")
    return bool(users)


def _without_text(prompt: str, first: str, second: str) -> tuple[str, str]:
    """Both texts without the prompt where both repeat it as words of their own; a single word is no repetition."""
    if len(prompt.split()) < 2 or not (first.startswith(prompt) and second.startswith(prompt)):
        return first, second
    rests = first[len(prompt) :], second[len(prompt) :]
    if prompt[-1].isalnum() and any(rest[:1].isalnum() for rest in rests):
        return first, second
    return rests[0].lstrip(), rests[1].lstrip()


def _check_prompt(row: SourceRow, messages: Messages, column: str, *, implicit: bool = False) -> None:
    if not any(message.content.strip() or not message.plain for message in messages):
        raise row.bad(column, "empty, and chosen and rejected share no beginning" if implicit else "empty")


def _answer(row: SourceRow, content: str | Messages, column: str) -> Answer:
    return Answer(content) if isinstance(content, str) else answer_of(content, f"{row.place} {column}")


def refuse_tools(row: SourceRow, column: str = "tools") -> None:
    """Raises `RecordError` where the row defines tools: a prompt that loses them is another prompt."""
    if row.has(column) and row.structure(column):
        raise row.bad(column, "a prompt here holds no definitions of tools; --ignore tools reads without them")
