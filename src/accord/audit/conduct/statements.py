"""Numbers and names of an answer that stand neither in its prompt nor in its reference. Pure functions of text."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from accord.errors import AuditError, RecordError, storage
from accord.feedback.formats.json_text import object_of

__all__ = ["read_references", "unsupported_in"]

NUMBER = re.compile(r"(?<![\w.])\d+(?:[.,]\d+)*")
NAME = re.compile(r"(?<=[^.!?:;\n\"'(\[\s*#>-])[ \t]+([A-Z][^\W\d_]+(?:['-][^\W\d_]+)*)")
SOURCE_WORD = re.compile(r"[^\W_]+(?:['-][^\W_]+)*")
FEW = frozenset(str(number) for number in range(11))
"""Numbers that count what an answer says itself: three reasons, step 2."""
NO_NAMES = frozenset({"i", "i'm", "i'll", "i've", "i'd", "ok"})


def unsupported_in(answer: str, sources: Iterable[str]) -> list[str]:
    """The numbers and names of an answer that no source holds, each once, as they stand in the answer.

    A number is one of digits, compared without commas between thousands and zeros behind; those up to 10 are left out.
    A name is a word with a capital within a sentence; it is supported where a source holds the word in any case of
    letters, with a possessive or without.
    """
    texts = list(sources)
    numbers = {_plain_number(each) for text in texts for each in NUMBER.findall(text)} | FEW
    words = {_plain_name(each) for text in texts for each in SOURCE_WORD.findall(text)} | NO_NAMES
    words |= {part for word in words for part in word.split("-")}
    stated = [each for each in NUMBER.findall(answer) if _plain_number(each) not in numbers]
    named = [each for each in NAME.findall(answer) if _plain_name(each) not in words]
    return list(dict.fromkeys([*stated, *named]))


def read_references(paths: Sequence[Path | str]) -> Mapping[str, tuple[str, ...]]:
    """By the words of a prompt, the references that stand for it in the files.

    Raises `AuditError` that names the line where one is malformed, `StorageError` where a file cannot be read.
    """
    references: dict[str, tuple[str, ...]] = {}
    for path in map(Path, paths):
        with storage(path):
            content = path.read_bytes()
        try:
            lines = content.decode("utf-8-sig").split("\n")
        except UnicodeDecodeError as error:
            raise AuditError(f"{path}: not UTF-8 ({error.reason}); save the references as UTF-8") from error
        for number, line in enumerate(lines, 1):
            if line.strip():
                prompt, reference = _reference(line, f"{path}:{number}")
                references[prompt] = (*references.get(prompt, ()), reference)
    return references


def _reference(line: str, place: str) -> tuple[str, str]:
    try:
        row = object_of(line, place)
    except RecordError as error:
        raise AuditError(str(error)) from error
    prompt, reference = row.get("prompt"), row.get("reference")
    if set(row) != {"prompt", "reference"} or not isinstance(prompt, str) or not isinstance(reference, str):
        raise AuditError(f'{place}: is not {{"prompt": "...", "reference": "..."}}')
    return prompt.strip(), reference


def _plain_number(text: str) -> str:
    """Without commas between thousands; decimals without zeros behind."""
    plain = re.sub(r",(?=\d{3}(?:\D|$))", "", text).replace(",", ".")
    whole, point, decimals = plain.partition(".")
    decimals = decimals.rstrip("0")
    return (whole.lstrip("0") or "0") + (point + decimals if decimals else "")


def _plain_name(text: str) -> str:
    return text.lower().removesuffix("'s").strip("'-")
