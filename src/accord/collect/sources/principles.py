"""Principles that a model judges by: a constitution, of which one is drawn for each prompt, or all are told.

Bai et al. 2022 (Constitutional AI, arXiv 2212.08073, sections 3.1 and 4.1) draw one principle at random for each item.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from accord.errors import StudyError, storage

__all__ = ["Principles"]

MAX_PRINCIPLE = 20_000


@dataclass(frozen=True)
class Principles:
    """Texts to judge by: one of them, drawn for each prompt (`draw`), or all in their order."""

    texts: tuple[str, ...]
    draw: bool = True

    @classmethod
    def load(cls, path: Path, *, draw: bool = True) -> Self:
        """Those of a file: its paragraphs, or its lines where no blank line parts them. Headings (`#`) are left out.

        Raises `StudyError` where it holds none or is not UTF-8, `StorageError` where it cannot be read.
        """
        with storage(path):
            raw = path.read_bytes()
        try:
            lines = raw.decode("utf-8-sig").splitlines()
        except UnicodeDecodeError as error:
            raise StudyError(f"{path}: not UTF-8 (byte {error.start}); save the file as UTF-8") from error
        text = "\n".join(line for line in lines if not line.startswith("#")).strip()
        parts = re.split(r"\n\s*\n" if re.search(r"\n\s*\n", text) else r"\n", text)
        texts = tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))
        if not texts:
            raise StudyError(f"{path}: holds no principle; write one a line, or one a paragraph")
        if long := next((part for part in texts if len(part) > MAX_PRINCIPLE or "\0" in part), None):
            raise StudyError(f"{path}: {long!r:.60} is no principle of at most {MAX_PRINCIPLE:,} characters")
        return cls(texts, draw)

    @property
    def digest(self) -> str:
        """The SHA-256 of the texts in their order, and of how many are told."""
        return hashlib.sha256("\x1f".join(("one" if self.draw else "all", *self.texts)).encode()).hexdigest()

    def for_prompt(self, seed: int, prompt: str) -> Sequence[str]:
        """Those that are told about a prompt (its id).

        The draw is the prompt's, so that answers to one prompt are judged by one principle and can be compared.
        """
        if not self.draw:
            return self.texts
        digest = hashlib.sha256(f"{seed}/principle/{prompt}".encode()).digest()
        return (self.texts[int.from_bytes(digest[:8], "big") % len(self.texts)],)
