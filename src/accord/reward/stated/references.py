"""What completions are held against, by prompt: a file of JSON lines, or the demonstrations of the data set.

    {"prompt": "What is 6 times 7?", "answer": "42"}
    {"prompt": "p-0f1e2d3c4b5a69788796", "tests": ["assert double(2) == 4"]}
    {"schema": {"type": "object"}}

`prompt` is the text of the prompt's last message, or the prompt's id, which goes before where several prompts end in
that text; a line without holds for every prompt that has none of its own. What else a line holds is the reference;
several kinds of reward may read one file, each its own keys: a line that has none of a kind's is not for it.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accord.errors import RecipeError, storage
from accord.feedback import Dataset
from accord.records import Prompt

__all__ = ["Line", "References", "check_names", "of_demonstrations", "of_file"]


@dataclass(frozen=True)
class Line:
    """A reference, and the place where it stands."""

    prompt: str | None
    reference: Any
    place: str


@dataclass(frozen=True)
class References:
    """References by the id of their prompt, or its text; None stands for every other prompt."""

    by_prompt: Mapping[str | None, Any]
    origin: str

    def has(self, prompt: Prompt) -> bool:
        """Whether there is a reference for a prompt."""
        return not self.by_prompt.keys().isdisjoint(self._names(prompt))

    def of(self, prompt: Prompt) -> Any:
        """The reference of a prompt. Raises `RecipeError` that names it where there is none."""
        for name in self._names(prompt):
            if name in self.by_prompt:
                return self.by_prompt[name]
        raise RecipeError(f"{self.origin}: nothing for the prompt {_shown(prompt)}; add it there")

    def check_all(self, prompts: Mapping[str, Prompt]) -> None:
        """Raises `RecipeError` that names the first prompt without a reference, and says how many there are."""
        missing = [prompt for prompt in prompts.values() if not self.has(prompt)]
        if missing:
            raise RecipeError(
                f"{self.origin}: nothing for {len(missing)} of {len(prompts)} prompts, the first of them "
                f"{_shown(missing[0])}; add a line for each, or leave these prompts out of the data"
            )

    @staticmethod
    def _names(prompt: Prompt) -> tuple[str | None, ...]:
        return prompt.id, prompt.text, None


def of_file(file: Path, keys: Sequence[str]) -> list[Line]:
    """The lines of a file that have one of some keys.

    Raises `RecipeError` that names file and line where one is no JSON object with a reference, or says something else
    of a prompt than a line before it; `StorageError` where the file cannot be read.
    """
    lines: dict[str | None, Line] = {}
    for number, text in _rows(file):
        line = _parsed(text, f"{file}:{number}")
        if line.reference.keys().isdisjoint(keys):
            continue
        before = lines.setdefault(line.prompt, line)
        if not _same(before, line):
            raise RecipeError(
                f"{line.place}: says something else of the prompt of {before.place}; leave one of them out"
            )
    if not lines:
        raise RecipeError(
            f'{file}: no line with "{keys[0]}"; write {{"prompt": "...", "{keys[0]}": ...}}, a prompt a line'
        )
    return list(lines.values())


def check_names(lines: Iterable[Line], prompts: Iterable[Prompt]) -> None:
    """Raises `RecipeError` where lines say two things of a prompt, one by its id and one by a text that only it has."""
    line_of = {line.prompt: line for line in lines}
    of_text: dict[str, list[Prompt]] = {}
    for prompt in prompts:
        of_text.setdefault(prompt.text, []).append(prompt)
    for text, several in of_text.items():
        by_id, by_text = line_of.get(several[0].id), line_of.get(text)
        if len(several) == 1 and by_id is not None and by_text is not None and not _same(by_id, by_text):
            raise RecipeError(
                f"{by_text.place}: says something else of the prompt {_shown(several[0])} than {by_id.place} does by "
                "its id; leave one of them out"
            )


def of_demonstrations(data: Dataset) -> list[Line]:
    """All texts that evaluators would answer to a prompt, together its reference."""
    texts: dict[str, list[str]] = {}
    for split in data.feedback:
        for each in data.demonstrations(split):
            texts.setdefault(each.feedback.prompt, []).append(each.judgement.text)
    return [
        Line(prompt, {"reference": several}, f"the demonstrations of {prompt}") for prompt, several in texts.items()
    ]


def _rows(file: Path) -> Iterator[tuple[int, str]]:
    with storage(file):
        content = file.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise RecipeError(f"{file}:{line}: not UTF-8 ({error.reason}); save the file as UTF-8") from error
    yield from ((number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip())


def _parsed(text: str, place: str) -> Line:
    try:
        row = json.loads(text)
        _written(row).encode()
    except UnicodeEncodeError as error:
        raise RecipeError(f"{place}: holds half a character (a lone surrogate); write the whole of it") from error
    except (ValueError, RecursionError) as error:
        raise RecipeError(f"{place}: not JSON ({error}); write an object a line") from error
    if not isinstance(row, dict) or not row.keys() - {"prompt"} or not isinstance(row.get("prompt", ""), str):
        raise RecipeError(
            f"{place}: not an object with a prompt and what is held against it; write "
            '{"prompt": "...", "answer": "..."}'
        )
    prompt = row.pop("prompt", None)
    return Line(prompt, row, place)


def _same(line: Line, other: Line) -> bool:
    """Whether two lines hold the same JSON, in which 1, 1.0 and true are three things."""
    return _written(line.reference) == _written(other.reference)


def _written(value: Any) -> str:
    """The JSON of a value. Raises `ValueError` for what JSON has none for: NaN, infinity."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, allow_nan=False)


def _shown(prompt: Prompt) -> str:
    return f"{prompt.id} ({prompt.text[:80]!r})"
