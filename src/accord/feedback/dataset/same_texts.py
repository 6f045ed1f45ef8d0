"""Which records are the same text under another id: a file read twice under two names, a prompt with another source.

Two texts are the same where nothing but white space and the form of their characters differs (Unicode NFC: an accent as
a character of its own or not). Upper and lower case, and punctuation, are differences.
"""

import unicodedata
from collections.abc import Hashable, Mapping, Sequence

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
    same: dict[str, str] = {}
    first: dict[Hashable, str] = {}
    for name, prompt in prompts.items():
        conversation = _conversation(prompt.messages)
        if (earlier := first.setdefault(conversation, name)) != name:
            same[name] = earlier
    for name, completion in completions.items():
        prompt_id = same.get(completion.prompt, completion.prompt)
        turns = None if completion.turns is None else _conversation(completion.turns)
        if (earlier := first.setdefault((prompt_id, normalised(completion.text), turns), name)) != name:
            same[name] = earlier
    return same


def _conversation(messages: Sequence[Message]) -> Hashable:
    """What was said turn by turn: white space is no difference, tools that are called and what is attached are."""
    return tuple(message.model_copy(update={"content": normalised(message.content)}) for message in messages)
