"""A reward model that others trained: a sequence classifier of transformers with one label, in a folder or on the hub.

Nothing is trained. The stage notes the digest of the folder, or the commit of the hub, and every later stage opens
just that.
"""

from collections.abc import Iterator
from os.path import relpath
from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import Field

from accord.deferred import deferred
from accord.errors import ArtefactError
from accord.feedback import Dataset
from accord.interfaces import Step
from accord.lm.settings import ModelForm
from accord.reward.settings import RewardSettings
from accord.run import InputEntry, RunDirectory, digest_of_folder

with deferred():
    from accord.lm.classifier import SequenceClassifier, load_classifier, read_classifier_tokenizer
    from accord.lm.inspection import problem_with_classifier
    from accord.lm.loading import commit_of, place_of

__all__ = ["Classifier"]


class Classifier(RewardSettings, ModelForm):
    """Settings of a reward that is a sequence classifier with one label."""

    objective: ClassVar[str] = "the score of a published sequence classifier with one label; nothing is learnt here"

    kind: Literal["classifier"] = "classifier"
    model: str = Field(description="folder or hub id of a model saved as ...ForSequenceClassification, num_labels 1")

    def steps(self, data: Dataset, run: RunDirectory, *, split: str = "train", stage: str = "reward") -> Iterator[Step]:
        """Note among the inputs of the run which model it is; there is nothing to learn."""
        place = Path(place_of(self.model))
        if place.is_dir():
            entry = InputEntry(digest_of_folder(place), relpath(place, run.path.resolve()))
        else:
            commit = commit_of(self.model, self.revision)
            read_classifier_tokenizer(self.model, self, revision=commit)
            entry = InputEntry(commit)
        run.record_input(self._input(stage), entry)
        yield from ()

    def load(self, run: RunDirectory, *, stage: str = "reward") -> SequenceClassifier:
        """The model that the stage noted. Raises `ArtefactError` where its folder is gone, or not what it was."""
        noted = run.manifest.inputs.get(self._input(stage))
        if noted is None:
            raise ArtefactError(f"{run.path}: the stage '{stage}' has not noted {self.model}; run it first")
        if noted.path is None:
            return load_classifier(self.model, self, name=stage, revision=noted.digest)
        for folder in (run.path / noted.path, Path(self.model).expanduser()):  # either may have moved alone
            if folder.is_dir() and digest_of_folder(folder) == noted.digest:
                return load_classifier(str(folder.resolve()), self, name=stage)
        raise ArtefactError(
            f"{self.model}: not the model that the stage '{stage}' of {run.path} noted; put that one back, or use a "
            "new folder"
        )

    def trained(self, run: RunDirectory, *, stage: str = "reward") -> bool:
        """Whether the stage has noted the model."""
        return self._input(stage) in run.manifest.inputs

    def anchored(self, folder: Path) -> Self:
        """The same with the text of its chat template for the file, which is meant from `folder`."""
        return ModelForm.anchored(self, folder)

    def problems(self) -> list[str]:
        """That there is no such model, or none that scores; what would have to be fetched to see is not looked at."""
        problem = problem_with_classifier(self.model, self)
        return [problem] if problem else []

    def _input(self, stage: str) -> str:
        return f"{stage}: {Path(self.model).name}"
