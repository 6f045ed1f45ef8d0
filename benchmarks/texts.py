"""The work: natural text of fixed lengths, as conversations that both sides tokenize with the model's own template."""

from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any

from accord.feedback.formats import ratings_archive
from accord.fetch import fetch
from accord.records import Completion, Prompt
from benchmarks.stages import CHARACTERS

__all__ = ["Item", "items", "pairs"]


@dataclass(frozen=True)
class Item:
    """A prompt and some answers to it."""

    prompt: str
    answers: tuple[str, ...]

    def records(self) -> tuple[Prompt, list[Completion]]:
        """As accord keeps them."""
        prompt = Prompt.ask(self.prompt)
        return prompt, [Completion(prompt=prompt.id, text=answer) for answer in self.answers]

    def turns(self) -> tuple[list[dict[str, str]], list[list[dict[str, str]]]]:
        """As TRL takes them: messages."""
        prompt = [{"role": "user", "content": self.prompt}]
        return prompt, [[{"role": "assistant", "content": answer}] for answer in self.answers]


@cache
def _snippets() -> tuple[str, ...]:
    records = ratings_archive.read(fetch(ratings_archive.ARCHIVE))
    return tuple(dict.fromkeys(record.text for record in records if isinstance(record, Completion)))


def _passage(random: Random) -> str:
    """Snippets one after the other, to a drawn length."""
    length = random.randint(*CHARACTERS)
    text = ""
    while len(text) < length:
        text += random.choice(_snippets()) + " "
    return text[:length].rsplit(" ", 1)[0]


def items(count: int, *, answers: int, seed: int) -> list[Item]:
    """Passages to continue, each with so many continuations."""
    random = Random(seed)
    return [Item("Go on: " + _passage(random), tuple(_passage(random) for _ in range(answers))) for _ in range(count)]


def pairs(count: int, *, seed: int) -> list[Item]:
    """Items of two answers, the first of which is to be preferred."""
    return items(count, answers=2, seed=seed)


def rows(items: list[Item]) -> list[dict[str, Any]]:
    """Preference rows for TRL, the prompt explicit."""
    table = []
    for item in items:
        prompt, (chosen, rejected) = item.turns()
        table.append({"prompt": prompt, "chosen": chosen, "rejected": rejected})
    return table
