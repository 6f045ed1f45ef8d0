"""A function of the user's own as a reward, or as the judge of an evaluation.

    def score(prompts, completions):          # accord.records.Prompt and Completion, one prompt a completion
        return [-len(completion.text) for completion in completions]

It returns a finite number for each completion, higher is better, or `accord.interfaces.Scores`. Nothing is trained; the
stage notes the digest of the file, and a run goes on only with the same file.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from os.path import relpath
from pathlib import Path
from typing import Literal, Self

import numpy as np
from pydantic import field_validator

from accord.errors import ArtefactError, ExtensionError, nearest
from accord.extensions import blamed, load_extensions
from accord.feedback import Dataset
from accord.interfaces import Scores, Step
from accord.records import Completion, Prompt
from accord.reward.settings import RewardSettings
from accord.run import InputEntry, RunDirectory

__all__ = ["FunctionJudge", "PythonReward"]


class PythonReward(RewardSettings):
    """Settings of a reward that is a function in a Python file."""

    kind: Literal["python"] = "python"
    path: str

    @field_validator("path")
    @classmethod
    def _file_and_function(cls, path: str) -> str:
        if not re.fullmatch(r".+\.py:[^\W\d]\w*", path):
            raise ValueError(f"'{path}' does not name a file and a function; write it as my_reward.py:score")
        return path

    @property
    def file(self) -> Path:
        """The file."""
        return Path(self.path.rpartition(":")[0])

    @property
    def function(self) -> str:
        """The name of the function in it."""
        return self.path.rpartition(":")[2]

    def steps(self, data: Dataset, run: RunDirectory, *, split: str = "train", stage: str = "reward") -> Iterator[Step]:
        """Note the file among the inputs of the run; there is nothing to learn."""
        (extension,) = load_extensions([self.file], Path())
        self._found(extension.module)
        place = relpath(self.file.resolve(), run.path.resolve())
        run.record_input(self._input(stage), InputEntry(digest=extension.sha256, path=place))
        yield from ()

    def load(self, run: RunDirectory, *, stage: str = "reward") -> "FunctionJudge":
        """The function as a judge. Raises `ArtefactError` where the file is not the one that the stage noted."""
        (extension,) = load_extensions([self.file], Path())
        noted = run.manifest.inputs.get(self._input(stage))
        if noted is None:
            raise ArtefactError(f"{run.path}: the stage '{stage}' has not noted {self.file}; run it first")
        if noted.digest != extension.sha256:
            raise ArtefactError(
                f"{self.file}: not the file that the stage '{stage}' of {run.path} noted; put that one back, or use a "
                "new folder"
            )
        return FunctionJudge(stage, self.file, self._found(extension.module))

    def trained(self, run: RunDirectory, *, stage: str = "reward") -> bool:
        """Whether the stage has noted the file."""
        return self._input(stage) in run.manifest.inputs

    def anchored(self, folder: Path) -> Self:
        """The same with the file's path made absolute."""
        return self.model_copy(update={"path": str(folder / self.path)})

    def problems(self) -> list[str]:
        """That the file is not there, cannot be loaded, or has no such function; it is executed to see."""
        if not self.file.is_file():
            return [f"path: no file {self.file}"]
        try:
            (extension,) = load_extensions([self.file], Path())
            self._found(extension.module)
        except ExtensionError as error:
            return [f"path: {error}"]
        return []

    def _input(self, stage: str) -> str:
        return f"{stage}: {self.file.name}"

    def _found(self, module: object) -> Callable[[list[Prompt], list[Completion]], object]:
        function = getattr(module, self.function, None)
        if not callable(function):
            known = [name for name, value in vars(module).items() if callable(value)]
            raise ExtensionError(f"{self.file}: no function '{self.function}'{nearest(self.function, known)}")
        return function  # type: ignore[no-any-return]


@dataclass(frozen=True)
class FunctionJudge:
    """A `Judge` that is a function of prompts and completions, defined in `file`."""

    name: str
    file: Path
    function: Callable[[list[Prompt], list[Completion]], object]

    def score(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Scores:
        """What the function makes of them.

        Raises `ExtensionError` that names file and line where it raises, or returns something else than a finite number
        for each completion.
        """
        with blamed(self.file):
            returned = self.function(list(prompts), list(completions))
        try:
            return _scores(returned, len(completions))
        except (TypeError, ValueError) as error:
            raise ExtensionError(
                f"{self._place}: what the function returned cannot be used ({error}); return a finite number for each "
                "completion"
            ) from error

    @property
    def _place(self) -> str:
        code = getattr(self.function, "__code__", None)
        return f"{self.file}:{code.co_firstlineno}" if code is not None else str(self.file)


def _scores(returned: object, n: int) -> Scores:
    scores = returned if isinstance(returned, Scores) else Scores(np.asarray(returned, dtype=np.float64))
    if scores.value_N.shape != (n,):
        raise ValueError(f"numbers of shape {scores.value_N.shape} for {n} completions")
    return scores
