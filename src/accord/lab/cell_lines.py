"""The cells of a reproduction that are done: `cells.jsonl`, a line each, bound to the code that worked it out.

A line ends with `code`, the digest of the reproduction's form and of all code that its cells rest on (`code_digest`),
and `digest`, that of the line before it. A line of other code is left where it is and counts as not done; one that was
altered is refused.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from accord.errors import RecipeError, storage
from accord.lab.cell import CellResult, Measurement
from accord.lab.code_digest import digest_of_code
from accord.lab.reproduce import Reproduction

__all__ = ["CellLines"]

M = TypeVar("M", bound=Measurement)


class CellLines:
    """The lines of one folder, for one reproduction in its short or whole form."""

    def __init__(self, reproduction: Reproduction[M], out: Path, *, short: bool) -> None:
        self.file = out / "cells.jsonl"
        self._reproduction, self._short = reproduction, short
        functions: list[Callable[..., object]] = [reproduction.work]
        if reproduction.prepare is not None:
            functions.append(reproduction.prepare)
        files = (*reproduction.reads, *reproduction.extensions)
        form = f"{reproduction.name}\0{short}\0{digest_of_code(functions, files)}"
        self.code = hashlib.sha256(form.encode()).hexdigest()

    def append(self, cell: CellResult[M]) -> None:
        """Add a cell that is done."""
        content = {**json.loads(cell.model_dump_json(exclude_none=True)), "code": self.code}
        content["digest"] = _digest_of(content)
        with storage(self.file), self.file.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(content) + "\n")

    def read(self) -> list[CellResult[Any]]:
        """The cells that are done, in the order of the reproduction. A last line that was cut off is left out.

        Raises `RecipeError` where the lines are of another reproduction, or of its other form, or were altered.
        """
        by_cell = {(cell.arm, cell.seed): cell for cell in self._current()}
        cells = [(cell.arm, cell.seed) for cell in self._reproduction.cells(self._short)]
        return [by_cell[cell] for cell in cells if cell in by_cell]

    def outdated(self) -> int:
        """How many cells of the reproduction are there by other code alone."""
        done = {(cell.arm, cell.seed) for cell in self._current()}
        wanted = {(cell.arm, cell.seed) for cell in self._reproduction.cells(self._short)}
        before = {(content["arm"], content["seed"]) for content, current in self._contents() if not current}
        return len(before & wanted - done)

    def drop_cut_line(self) -> None:
        """Take off what a kill left of a last line."""
        if not self.file.is_file():
            return
        with storage(self.file), self.file.open("r+b") as stream:
            stream.truncate(stream.read().rfind(b"\n") + 1)

    def _current(self) -> list[CellResult[Any]]:
        record = self._reproduction.record
        return [record.model_validate(content) for content, current in self._contents() if current]

    def _contents(self) -> Iterator[tuple[dict[str, Any], bool]]:
        """What each line holds, without its digests, and whether it is of this code."""
        if not self.file.is_file():
            return
        with storage(self.file):
            lines = self.file.read_text(encoding="utf-8").split("\n")
        for number, line in enumerate(lines[:-1], 1):
            content = self._checked(line, f"{self.file}:{number}")
            yield content, content.pop("code", "") == self.code

    def _checked(self, line: str, place: str) -> dict[str, Any]:
        """What a line holds. Raises `RecipeError` where it is no cell of this reproduction, or was altered."""
        try:
            content: dict[str, Any] = json.loads(line)
            form = content["name"], content["short"], content["arm"], content["seed"]
        except (ValueError, KeyError, TypeError) as error:
            raise RecipeError(f"{place}: not a cell; take the line away, and it is worked out again") from error
        if form[:2] != (self._reproduction.name, self._short):
            length = "short" if content["short"] else "whole"
            raise RecipeError(f"{place}: holds the {length} form of {content['name']}; choose another folder")
        if "code" in content and content.pop("digest", "") != _digest_of(content):
            raise RecipeError(
                f"{place}: was altered after it was written; take the line away, and the cell is worked out again"
            )
        return content


def _digest_of(content: dict[str, Any]) -> str:
    """Of a line without its digest."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
