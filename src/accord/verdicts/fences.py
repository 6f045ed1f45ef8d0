"""The fenced blocks of a text in Markdown (CommonMark), as a model hands over code or data."""

from typing import NamedTuple

from markdown_it import MarkdownIt

__all__ = ["Block", "fenced_blocks"]

_MARKDOWN = MarkdownIt("commonmark").disable("inline")  # blocks are all that is asked for


class Block(NamedTuple):
    """A block: the first word behind its fence in small letters ("" where none is), and what stands in it."""

    language: str
    text: str


def fenced_blocks(text: str) -> list[Block]:
    """The blocks in order; one whose closing fence is missing goes on to the end."""
    tokens = _MARKDOWN.parse(text)
    return [Block(next(iter(t.info.lower().split()), ""), t.content) for t in tokens if t.type == "fence"]
