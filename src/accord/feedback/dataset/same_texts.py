"""Which records are the same text under another id: a file read twice under two names, a prompt with another source.

Two texts are the same where nothing but white space and the form of their characters differs (Unicode NFC: an accent as
a character of its own or not). Upper and lower case, and punctuation, are differences.
"""

import unicodedata
from array import array
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence

import numpy as np

from accord.records import Completion, Message, Prompt

__all__ = ["normalised", "same_texts"]


def normalised(text: str) -> str:
    """The text in NFC, every stretch of white space one space, none outside."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def same_texts(prompts: Mapping[str, Prompt], completions: Mapping[str, Completion]) -> dict[str, str]:
    """The first record that says the same, by the id of each later one. Records that nothing repeats are not in it.

    Prompts are the same by what was asked, turn by turn, with the tools that were called and what stands beside the
    texts; completions by their text and their turns, to the same prompt.
    """
    same = _repeated(lambda: ((name, _conversation(prompt.messages)) for name, prompt in prompts.items()))
    of_prompts = dict(same)

    def answers() -> Iterator[tuple[str, Hashable]]:
        for name, completion in completions.items():
            turns = None if completion.turns is None else _conversation(completion.turns)
            prompt = of_prompts.get(completion.prompt, completion.prompt)
            yield name, (prompt, normalised(completion.text), turns)

    return same | _repeated(answers)


def _repeated(read: Callable[[], Iterable[tuple[str, Hashable]]]) -> dict[str, str]:
    """The first name of the same content, by each later one. `read` gives names and contents, each time the same.

    Hashes are held, and contents of those alone whose hash is there twice: nearly nothing repeats another.
    """
    hash_N = np.frombuffer(array("q", (hash(content) for _, content in read())), dtype=np.int64)
    values, count_M = np.unique(hash_N, return_counts=True)
    twice = set(values[count_M > 1].tolist())
    same: dict[str, str] = {}
    first: dict[Hashable, str] = {}
    for name, content in read() if twice else ():
        if hash(content) in twice and (earlier := first.setdefault(content, name)) != name:
            same[name] = earlier
    return same


def _conversation(messages: Sequence[Message]) -> Hashable:
    """What was said turn by turn: white space is no difference, tools that are called and what is attached are."""
    return tuple(
        (normalised(message.content), message.role)
        if message.plain
        else message.model_copy(update={"content": normalised(message.content)})
        for message in messages
    )
