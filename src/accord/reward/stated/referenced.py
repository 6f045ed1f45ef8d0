"""What rewards with references share: found and checked before anything learns, kept in the run, the file unchanged."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
from os.path import relpath
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import Field

from accord.deferred import deferred
from accord.errors import AccordError, ArtefactError, RecipeError
from accord.feedback import Dataset
from accord.interfaces import Step
from accord.records import Prompt
from accord.reward.settings import RewardSettings
from accord.reward.stated.judge import Outcome, RuleJudge
from accord.reward.stated.references import Line, References, check_names, of_demonstrations, of_file
from accord.run import InputEntry, RunDirectory, digest_of
from accord.verdicts.marks import UnusableReferenceError

with deferred():
    from accord.artefacts import REFERENCES, ReferenceRow

__all__ = ["DEMONSTRATIONS", "Grader", "ReferencedReward"]

DEMONSTRATIONS = "demonstrations"
Grader = Callable[[str, Any], Outcome]
"""What a text is worth beside a reference. Raises `UnusableReferenceError` where that is none, whatever the text."""


class ReferencedReward(RewardSettings):
    """Settings of a reward that holds completions against a reference of their prompt.

    A subclass has `keys` and `grader`.
    """

    keys: ClassVar[tuple[str, ...]]
    """The keys of a line of references that are for this kind."""

    references: str = Field(
        description='JSON lines, {"prompt": text or id, "answer": ...}; or "demonstrations" of the data set'
    )

    @abstractmethod
    def grader(self) -> Grader:
        """The function that grades; what is costly to set up is set up once."""

    def judge(self, name: str, references: References) -> RuleJudge:
        """The rule as a judge of that name. Its `score` raises `RecipeError` for a prompt without a reference."""
        grade = self.grader()

        def rule(prompt: Prompt, text: str) -> Outcome:
            try:
                return grade(text, references.of(prompt))
            except UnusableReferenceError as error:
                raise RecipeError(f"{references.origin}: prompt {prompt.id}: {error}") from error

        return RuleJudge(name, rule)

    def steps(self, data: Dataset, run: RunDirectory, *, split: str = "train", stage: str = "reward") -> Iterator[Step]:
        """Keep the references in the run, and note the file among its inputs; there is nothing to learn.

        Raises `RecipeError` where a prompt of the data set has none or two that differ, or one cannot be used; it names
        prompt, place and remedy.
        """
        lines = of_demonstrations(data) if self._by_demonstrations else of_file(Path(self.references), self.keys)
        self._check(lines)
        check_names(lines, data.prompts.values())
        References({line.prompt: line.reference for line in lines}, self.references).check_all(data.prompts)
        if not self._by_demonstrations:
            file = Path(self.references)
            run.record_input(
                self._input(stage), InputEntry(digest_of(file), relpath(file.resolve(), run.path.resolve()))
            )
        rows = (ReferenceRow(prompt=line.prompt, reference=line.reference) for line in lines)
        REFERENCES.write(run, rows, stage=stage)
        yield from ()

    def load(self, run: RunDirectory, *, stage: str = "reward") -> RuleJudge:
        """The rule with the references that the stage kept.

        Raises `ArtefactError` where they are missing, or the file is there and is not the one that the stage noted.
        """
        by_prompt = {row.prompt: row.reference for row in REFERENCES.read(run, stage)}
        file, noted = Path(self.references), run.manifest.inputs.get(self._input(stage))
        if not self._by_demonstrations and noted is not None and file.is_file() and digest_of(file) != noted.digest:
            raise ArtefactError(
                f"{file}: not the file that the stage '{stage}' of {run.path} noted; put that one back, or use a new "
                "folder"
            )
        return self.judge(stage, References(by_prompt, self.references))

    def trained(self, run: RunDirectory, *, stage: str = "reward") -> bool:
        """Whether the stage has kept its references."""
        return REFERENCES.has(run, stage)

    def anchored(self, folder: Path) -> Self:
        """The same with the file's path made absolute."""
        if self._by_demonstrations:
            return self
        return self.model_copy(update={"references": str(folder / self.references)})

    def problems(self) -> list[str]:
        """That the file is not there, cannot be read, or holds a reference that cannot be used."""
        if self._by_demonstrations:
            return []
        if not Path(self.references).is_file():
            return [f"references: no file {self.references}"]
        try:
            self._check(of_file(Path(self.references), self.keys))
        except AccordError as error:
            return [f"references: {error}"]
        return []

    @property
    def _by_demonstrations(self) -> bool:
        return self.references == DEMONSTRATIONS

    def _check(self, lines: Iterable[Line]) -> None:
        grade = self.grader()
        for line in lines:
            try:
                grade("", line.reference)
            except UnusableReferenceError as error:
                raise RecipeError(f"{line.place}: {error}") from error

    def _input(self, stage: str) -> str:
        return f"{stage}: {Path(self.references).name}"
