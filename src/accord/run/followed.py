"""A run as the processes see it that help the first one to train: they read what is there, and write nothing."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from accord.run.directory import RunDirectory
from accord.run.growing_log import GrowingLog, LogMark
from accord.run.manifest import InputEntry

__all__ = ["FollowedRun"]


class FollowedRun(RunDirectory):
    """A run that another process works on, opened with `write=False`.

    What a stage notes, logs and keeps while it trains is the other process's to write, and is passed over here.
    Whatever else would write raises `ArtefactError`, as in any run that was opened for reading.
    """

    def record_input(self, name: str, entry: InputEntry) -> None:
        """The first process notes it."""

    def plan(self, stage: str, steps: int) -> None:
        """The first process notes it."""

    def save_checkpoint(self, stage: str, step: int, write: Callable[[Path], None]) -> None:
        """The first process keeps it."""

    def log(self, name: str) -> GrowingLog:
        """A log that nothing is written to."""
        return _SilentLog(self.path / name)


class _SilentLog(GrowingLog):
    def append(self, *rows: str | dict[str, Any]) -> None:
        """The first process writes them."""

    def cut_back(self, mark: LogMark | None) -> None:
        """The first process does it."""
