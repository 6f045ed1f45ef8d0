"""A function of the user's own as a reward, or as the judge of an evaluation.

    def score(prompts, completions):          # accord.records.Prompt and Completion, one prompt a completion
        return [-len(completion.text) for completion in completions]

    def score(texts):                         # or the completions' texts alone
        return [-len(text) for text in texts]

It returns a finite number for each completion, higher is better, or `accord.interfaces.Scores`. Nothing is trained; the
stage notes the digest of the file, and a run goes on only with the same file.

What it does wrong ends the run with an error that names the file; what was trained is kept, and `--resume` goes on from
the last checkpoint. With `timeout` a call is given so many seconds. Python cannot end a thread: the call is left alone
in its own, and ends with the process. Code in C that does not let go of the interpreter cannot be interrupted at all.
"""

import inspect
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from os.path import relpath
from pathlib import Path
from typing import ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

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

    objective: ClassVar[str] = "a function of the user's own gives each text a number; nothing is learnt"

    kind: Literal["python"] = "python"
    path: str
    timeout: float | None = Field(
        default=None, gt=0, allow_inf_nan=False, description="seconds that a call may take; unset: any"
    )

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
        return FunctionJudge(stage, self.file, self._found(extension.module), self.timeout)

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

    def _found(self, module: object) -> Callable[..., object]:
        function = getattr(module, self.function, None)
        if not callable(function):
            known = [name for name, value in vars(module).items() if callable(value)]
            raise ExtensionError(f"{self.file}: no function '{self.function}'{nearest(self.function, known)}")
        return function  # type: ignore[no-any-return]


@dataclass(frozen=True)
class FunctionJudge:
    """A `Judge` that is a function of prompts and completions, or of texts alone, defined in `file`."""

    name: str
    file: Path
    function: Callable[..., object]
    timeout: float | None = None

    def score(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Scores:
        """What the function makes of them.

        Raises `ExtensionError` that names file and line where it raises, takes longer than `timeout` seconds, or
        returns something else than a finite number for each completion; with prompt and text where one is not finite.
        """
        returned = self._called(list(prompts), list(completions))
        if inspect.iscoroutine(returned):
            returned.close()
            raise ExtensionError(f"{self._place}: an async function; write def, and asyncio.run(...) inside of it")
        try:
            return _scores(returned, prompts, completions)
        except (TypeError, ValueError, OverflowError, RuntimeError) as error:  # the last: a tensor with a gradient
            raise ExtensionError(
                f"{self._place}: what the function returned cannot be used ({error}); return a finite number for each "
                "completion"
            ) from error

    def _called(self, prompts: list[Prompt], completions: list[Completion]) -> object:
        """What the function returns. Raises `ExtensionError` where it raises, or takes too long."""
        if self.timeout is None:
            with blamed(self.file):
                return self._asked(prompts, completions)
        outcome: list[object] = []
        failure: list[ExtensionError] = []

        def call() -> None:
            try:
                with blamed(self.file):
                    outcome.append(self._asked(prompts, completions))
            except ExtensionError as error:
                failure.append(error)

        thread = threading.Thread(target=call, name=f"reward {self.name}", daemon=True)
        thread.start()
        thread.join(self.timeout)
        if failure:
            raise failure[0]
        if not outcome:
            raise ExtensionError(
                f"{self._place}: took longer than {self.timeout:g} s for {len(completions)} completions; make it "
                "faster, or give it more (timeout)"
            )
        return outcome[0]

    def _asked(self, prompts: list[Prompt], completions: list[Completion]) -> object:
        """What the function returns; one of a single parameter is handed the texts."""
        if _takes_texts(self.function):
            return self.function([completion.text for completion in completions])
        return self.function(prompts, completions)

    @property
    def _place(self) -> str:
        code = getattr(self.function, "__code__", None)
        return f"{self.file}:{code.co_firstlineno}" if code is not None else str(self.file)


def _takes_texts(function: Callable[..., object]) -> bool:
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # one that does not say, such as some in C
        return False
    return len(parameters) == 1 and parameters[0].kind in {
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
    }


def _scores(returned: object, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Scores:
    if not isinstance(returned, Scores):
        return Scores(_finite(returned, prompts, completions))
    if returned.value_N.shape != (len(completions),):
        raise ValueError(f"numbers of shape {returned.value_N.shape} for {len(completions)} completions")
    return returned


def _finite(returned: object, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> NDArray[np.float64]:
    """The numbers returned. Raises `ValueError` for texts, and names the completion whose number is not finite."""
    kind = np.asarray(returned).dtype.kind
    if kind in "USmM":
        raise ValueError(f"texts or times, not numbers: {returned!r:.80}")
    if kind == "c" or np.ma.is_masked(returned):
        raise ValueError("complex numbers" if kind == "c" else "numbers that are masked in part")
    value_N = np.asarray(returned, dtype=np.float64)
    if value_N.shape != (len(completions),):
        raise ValueError(f"numbers of shape {value_N.shape} for {len(completions)} completions")
    if not np.isfinite(value_N).all():
        bad = np.flatnonzero(~np.isfinite(value_N))
        first = int(bad[0])
        raise ValueError(
            f"{value_N[first]} for the text {completions[first].text[:80]!r} of prompt {prompts[first].id} "
            f"({prompts[first].text[:80]!r}): scores {[int(each) for each in bad[:5]]} are not finite"
        )
    return value_N
