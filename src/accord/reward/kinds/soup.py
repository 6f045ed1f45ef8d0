"""The average of reward models that other runs trained, as one model (`accord.reward.soup`)."""

from collections.abc import Iterator
from os.path import relpath
from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import Field, field_validator

from accord.deferred import deferred
from accord.errors import RecipeError
from accord.feedback import Dataset
from accord.interfaces import Step
from accord.lm.dtypes import DType
from accord.reward.settings import RewardSettings
from accord.run import InputEntry, RunDirectory, digest_of_folder

with deferred():
    from accord.artefacts import MODEL
    from accord.lm.device import resolve_device
    from accord.lm.reward_model import ScalarHeadModel, is_reward_model
    from accord.lm.reward_model_files import load_reward_model
    from accord.reward.learnt import normalise
    from accord.reward.soups import soup

__all__ = ["Soup"]


class Soup(RewardSettings):
    """Settings of a soup. Its scores are placed and scaled anew on completions of the split it is made for."""

    objective: ClassVar[str] = (
        "the weighted average of the weights of reward models that other runs trained; nothing is learnt here"
    )

    kind: Literal["soup"] = "soup"
    models: tuple[str, ...] = Field(
        min_length=2, description="folders of reward models that share their start, or runs that hold one"
    )
    weights: tuple[float, ...] | None = Field(default=None, description="of each model, together 1; unset: equal")
    dtype: DType = "bfloat16"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    trust_remote_code: bool = False

    @field_validator("weights")
    @classmethod
    def _whole(cls, weights: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if weights is not None and not abs(sum(weights) - 1) <= 1e-6:  # NaN is not either
            raise ValueError(f"the weights {list(weights)} sum to {sum(weights):g}; make them sum to 1")
        return weights

    def steps(self, data: Dataset, run: RunDirectory, *, split: str = "train", stage: str = "reward") -> Iterator[Step]:
        """Average the models, note which they were, and keep the result as the stage's model.

        Raises `RecipeError` where the split has no completions to place the scores by, `ModelError` as `soup` does.
        """
        names = [name for name, each in data.completions.items() if data.split_of[each.prompt] == split]
        if not names:
            raise RecipeError(f"{stage}: the split '{split}' has no completions to place the scores by")
        folders = [_folder(each) for each in self.models]
        judge = soup(folders, self.weights, name=stage, trust_remote_code=self.trust_remote_code)
        normalise(judge, data, names)
        for number, folder in enumerate(folders, 1):
            place = relpath(folder.resolve(), run.path.resolve())
            run.record_input(f"{stage}: model {number}", InputEntry(digest_of_folder(folder), place))
        with MODEL.write(run, stage=stage) as kept:
            judge.save(kept)
        yield from ()

    def load(self, run: RunDirectory, *, stage: str = "reward") -> ScalarHeadModel:
        """The soup that the stage kept, its digest checked."""
        return load_reward_model(
            MODEL.verified(run, stage),
            name=stage,
            dtype=self.dtype,
            device=resolve_device(self.device),
            trust_remote_code=self.trust_remote_code,
        )

    def anchored(self, folder: Path) -> Self:
        """The same with the folders made absolute."""
        return self.model_copy(update={"models": tuple(str(folder / each) for each in self.models)})

    def problems(self) -> list[str]:
        """That a folder holds no reward model, or that there is not one weight a model."""
        if self.weights is not None and len(self.weights) != len(self.models):
            return [f"weights: {len(self.weights)} for {len(self.models)} models; give one each"]
        return [
            f"models: {each} holds no reward model, nor a run with one"
            for each in self.models
            if not is_reward_model(_folder(each))
        ]


def _folder(place: str) -> Path:
    """The folder of a reward model: itself, or what a run keeps of its reward."""
    folder = Path(place).expanduser()
    return folder if is_reward_model(folder) else folder / MODEL.path("reward")
