"""What is handed to `train`, as files that lie beside the run: prompts, judged rows, the reward."""

import json
from collections.abc import Callable, Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from accord.errors import RecipeError, storage
from accord.feedback import open_feedback
from accord.feedback.formats.containers import rows_of
from accord.feedback.formats.rows import SourceRow
from accord.loop.from_python.function_source import function_source
from accord.run import write_whole

__all__ = ["InputFiles", "Reward", "Rows"]

Rows = Iterable[str | Mapping[str, Any] | Iterable[Mapping[str, Any]]] | str | PathLike[str]
"""Texts, dictionaries, conversations, or a `datasets.Dataset`; or a file, or the name of a data set on the hub."""

Reward = Callable[..., object] | Mapping[str, Any] | str
"""A function, the settings of a kind of reward, or `my_file.py:function`."""


class InputFiles:
    """The files of one run, in a folder beside it. A file that is there already must hold the same."""

    def __init__(self, run: Path) -> None:
        self.folder = run.with_name(f"{run.name}-inputs")

    def prompts(self, rows: Rows) -> str:
        """The file of prompts. Raises `RecipeError` for a row that is none, with its place."""
        if isinstance(rows, str | PathLike) and Path(rows).exists():
            return str(Path(rows).resolve())
        asked = _of_hub(rows) if isinstance(rows, str | PathLike) else rows
        return self._write("prompts.jsonl", "".join(_line(_prompt(row, at)) for at, row in enumerate(asked)))

    def feedback(self, rows: Rows) -> dict[str, str]:
        """The keys of `[data]` for judged rows: a file, or the hub's, and the format that it was recognised as.

        Raises `LedgerError` where no format recognises it.
        """
        if isinstance(rows, str | PathLike) and Path(rows).exists():
            place = str(Path(rows).resolve())
        else:
            judged = _of_hub(rows) if isinstance(rows, str | PathLike) else rows
            place = self._write("feedback.jsonl", "".join(_line(_judged(row, at)) for at, row in enumerate(judged)))
        return {"source": place, "format": open_feedback(Path(place)).recognised.format.name}

    def reward(self, reward: Reward, name: str) -> dict[str, Any]:
        """The settings of a reward or judge. Raises `RecipeError` for a function that cannot be kept."""
        if isinstance(reward, Mapping):
            return dict(reward)
        if isinstance(reward, str):
            file, _, function = reward.rpartition(":")
            return {"kind": "python", "path": f"{Path(file).resolve()}:{function}"}
        path = self._write(f"{name}.py", function_source(reward))
        return {"kind": "python", "path": f"{path}:{reward.__name__}"}

    def _write(self, name: str, text: str) -> str:
        path = self.folder / name
        with storage(path):
            before = path.read_text(encoding="utf-8") if path.exists() else None
        if before is not None and before != text:
            raise RecipeError(f"{path}: the run beside it was begun with another one; choose another folder (out=)")
        if before is None:
            with storage(path):
                self.folder.mkdir(parents=True, exist_ok=True)
            write_whole(path, text.encode())
        return str(path.resolve())


def _of_hub(name: str | PathLike[str]) -> list[Any]:
    """The rows of the part `train` of a data set on the hub. Raises `StorageError` where it cannot be had."""
    return [row.content for row in rows_of(Path(name), "train") if isinstance(row, SourceRow)]


def _line(row: Mapping[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False) + "\n"


def _prompt(row: Any, at: int) -> dict[str, Any]:
    """As a line of a file of prompts: a text, or messages."""
    if isinstance(row, str):
        return {"prompt": row}
    if isinstance(row, Mapping):
        asked = row.get("prompt", row.get("messages"))
        if asked is None:
            raise RecipeError(
                f"prompts[{at}]: has no 'prompt' and no 'messages', but {', '.join(map(str, row)) or 'nothing'}"
            )
        return _prompt(asked, at)
    if isinstance(row, Iterable) and (messages := list(row)) and all(isinstance(each, Mapping) for each in messages):
        return {"messages": [dict(each) for each in messages]}
    raise RecipeError(f"prompts[{at}]: a {type(row).__name__}; give a text, a list of messages or a dictionary")


def _judged(row: Any, at: int) -> dict[str, Any]:
    if not isinstance(row, Mapping):
        raise RecipeError(f"data[{at}]: a {type(row).__name__}; give dictionaries, such as prompt, chosen and rejected")
    return dict(row)
