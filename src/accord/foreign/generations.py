"""What verl writes down of its generations: a file `STEP.jsonl` a step, an answer a line.

    input, output   the prompt as the model read it, and the answer, both without special tokens
    gts             the reference answer; not read
    score           what the answer was given
    step            the same as the file's name, which counts where a row has none
    <others>        whatever the reward function returned besides; in a validation `reward`, which is the score again

`trainer.rollout_data_dir` names the folder of what was learnt from, `trainer.validation_data_dir` that of validations,
whose first may be of step 0: before any training.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from accord.errors import ArtefactError, storage
from accord.feedback.formats.rows import SourceRow
from accord.foreign.cells import number_columns, number_in, step_in, text_in
from accord.foreign.running_lines import running_lines

__all__ = ["Generation", "Generations", "generation_folders", "read_generations", "told_apart"]

NAME = re.compile(r"(\d{1,18})\.jsonl")
NEEDED = ("input", "output", "score")
FIXED = (*NEEDED, "gts", "step", "reward", "request_id", "uid")


@dataclass(frozen=True)
class Generation:
    """An answer, and its number in each column of numbers beside its score; None where one is unknown."""

    step: int
    input: str
    output: str
    score: float | None
    scores: dict[str, float | None]


@dataclass(frozen=True)
class Generations:
    """The answers of a folder, by step. `columns` are those of numbers beside the score, `files` those that were read.

    unfinished   files whose last line is not whole and was left out
    """

    folder: Path
    rows: list[Generation]
    columns: tuple[str, ...]
    files: list[Path]
    is_validation: bool
    unfinished: int = 0

    @property
    def steps(self) -> list[int]:
        """In order."""
        return sorted({row.step for row in self.rows})


def generation_folders(folder: Path) -> list[Path]:
    """The folder itself and those in it that hold files of generations, by name."""
    with storage(folder):
        places = [folder, *sorted(path for path in folder.iterdir() if path.is_dir())]
    return [place for place in places if _files(place)]


def _files(folder: Path) -> list[Path]:
    """The files of a folder that are called as steps are, and begin as generations do; by step."""
    with storage(folder):
        found = [(NAME.fullmatch(path.name), path) for path in folder.iterdir()]
    files = [path for _, path in sorted((int(match[1]), path) for match, path in found if match and path.is_file())]
    return files if any(_begins_as_generation(path) for path in files) else []


def _begins_as_generation(path: Path) -> bool:
    with storage(path), path.open("rb") as file:
        start = file.read(4096)
    return b'"input"' in start and start.lstrip()[:1] == b"{"


def read_generations(folder: Path) -> Generations:
    """All files of a folder. Raises `RecordError` that names file, line and column where a row is malformed."""
    files = _files(folder)
    contents: list[SourceRow] = []
    unfinished = 0
    for file in files:
        rows, is_cut = running_lines(file)
        unfinished += is_cut
        contents += (SourceRow(row.place, {"step": int(file.stem)} | row.content) for row in rows)
        for row in rows:
            if row.content.get("step") not in {None, int(file.stem)}:
                raise row.bad("step", f"{row.content['step']!r:.40} is not the step that {file.name} is of")
    names = number_columns((row.content for row in contents), but=FIXED)
    again = bool(contents) and all("reward" in row.content for row in contents)
    again = again and all(_same(row) for row in contents)
    rows_read = [_row(row, names) for row in contents]
    return Generations(folder, rows_read, tuple(names), files, again or (folder / "0.jsonl").is_file(), unfinished)


def _same(row: SourceRow) -> bool:
    """Whether `reward` is the score again, as validations have it."""
    return number_in(row, "reward") == number_in(row, "score")


def _row(row: SourceRow, names: Iterable[str]) -> Generation:
    for name in NEEDED:
        if name not in row.content:
            raise row.bad(name, f"missing; its columns are {', '.join(row.content)}")
    return Generation(
        step_in(row),
        text_in(row, "input"),
        text_in(row, "output"),
        number_in(row, "score"),
        {name: number_in(row, name) for name in names},
    )


def told_apart(folders: Iterable[Generations]) -> tuple[Generations | None, Generations | None]:
    """Those that were learnt from, and those of validations. Raises `ArtefactError` where there are two of a kind."""
    kinds: dict[bool, Generations] = {}
    for each in folders:
        other = kinds.setdefault(each.is_validation, each)
        if other is not each:
            kind = "validations" if each.is_validation else "rollouts"
            raise ArtefactError(
                f"{each.folder} and {other.folder} both hold {kind} of verl; name a folder that holds those of one run"
            )
    return kinds.get(False), kinds.get(True)
