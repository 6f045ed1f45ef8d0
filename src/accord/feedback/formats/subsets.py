"""A part of a data set as the source of its prompts: `<source>/<part>`."""

from collections.abc import Sequence

from accord.feedback.formats.reading import Reading
from accord.records import Message, Prompt

__all__ = ["prompt_of_subset", "subset_of"]


def prompt_of_subset(reading: Reading, messages: Sequence[Message], subset: str | None) -> Prompt:
    """The prompt of these messages, under the name of the source and the part of it."""
    if subset is None:
        return reading.prompt(messages)
    return Prompt(messages=tuple(messages), source=f"{reading.source}/{subset}")


def subset_of(prompt: Prompt, form: str) -> str | None:
    """The part of its source that a prompt is of; where it names none, the source itself, unless that is the format."""
    source, _, subset = (prompt.source or "").partition("/")
    return subset or (None if source in ("", form) else source)
