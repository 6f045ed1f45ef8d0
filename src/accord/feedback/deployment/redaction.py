"""Patterns that are taken out of texts before anything is kept of them."""

import re
from collections.abc import Iterable
from functools import cached_property
from typing import Annotated

from pydantic import Field, field_validator

from accord.records import Message, Prompt, Value

__all__ = ["Redaction", "redact_prompt", "redact_text"]


class Redaction(Value):
    """What is taken out: whatever the regular expression `pattern` finds becomes `[name]`."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9 _-]{0,39}$")]
    pattern: Annotated[str, Field(min_length=1, max_length=1_000)]

    @field_validator("pattern")
    @classmethod
    def _finds_something(cls, pattern: str) -> str:
        """Refuse what is no regular expression, and one that finds the empty text, which is everywhere."""
        try:
            compiled = re.compile(pattern)
        except (re.error, RecursionError, OverflowError) as error:
            raise ValueError(f"no regular expression ({error})") from error
        if compiled.search(""):
            raise ValueError("finds the empty text, which stands between any two letters")
        return pattern

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        return re.compile(self.pattern)

    def applied(self, text: str) -> tuple[str, int]:
        """The text without it, and how often it stood there."""
        return self._compiled.subn(lambda _: f"[{self.name}]", text)


def redact_text(text: str, redactions: Iterable[Redaction]) -> tuple[str, int]:
    """A text after all patterns, one after the other, and how many places were changed."""
    changed = 0
    for one in redactions:
        text, count = one.applied(text)
        changed += count
    return text, changed


def redact_prompt(prompt: Prompt, redactions: Iterable[Redaction]) -> tuple[Prompt, int]:
    """A prompt whose messages went through all patterns, and how many places were changed."""
    patterns = tuple(redactions)
    if not patterns:
        return prompt, 0
    messages: list[Message] = []
    total = 0
    for message in prompt.messages:
        text, changed = redact_text(message.content, patterns)
        messages.append(message if text == message.content else message.model_copy(update={"content": text}))
        total += changed
    return (prompt if not total else prompt.model_copy(update={"messages": tuple(messages)})), total
