"""What every kind of reward says of itself: what it learns from, how it is trained, and the judge that comes of it."""

from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict

from accord.deferred import deferred
from accord.feedback import Dataset
from accord.interfaces import Judge, Step
from accord.run import RunDirectory

with deferred():
    from accord.artefacts import MODEL

__all__ = ["RewardSettings"]


class RewardSettings(BaseModel):
    """Settings of a reward, frozen; a recipe picks the class by its `kind`.

    A subclass gives `kind` a default, says in `learns_from` which kinds of judgement it learns from (those of
    `accord.records`; none where nothing is learnt), and has `steps` and `load`. Once `accord.reward.register` knows it,
    `[reward]`, `[rewards.NAME]` and `[evaluate.judge]` of a recipe take it. `probed` says whether the card may ask its
    judge about texts that nobody wrote, up to twice as many as were held out; `asks_people`, that its judge is people,
    who are asked for what the policy learns from alone; `changeable` names settings that change no outcome, so that a
    run goes on with others; `objective` is what a disclosure prints of it: what is learnt by which loss, or how a text
    is scored.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    objective: ClassVar[str] = ""
    learns_from: ClassVar[frozenset[str]] = frozenset()
    probed: ClassVar[bool] = True
    asks_people: ClassVar[bool] = False
    changeable: ClassVar[frozenset[str]] = frozenset()
    kind: str

    @property
    def reads(self) -> frozenset[str]:
        """The kinds of judgement whose texts are read under these settings: those that are learnt from, or more."""
        return self.learns_from

    @property
    def calibration_kind(self) -> Literal["none", "temperature", "isotonic"]:
        """How probabilities of the judge are set right after it was trained, on what was held out."""
        return "none"

    @abstractmethod
    def steps(self, data: Dataset, run: RunDirectory, *, split: str = "train", stage: str = "reward") -> Iterator[Step]:
        """Learn from the feedback of a split, step by step, and leave in the run what `load` needs."""

    @abstractmethod
    def load(self, run: RunDirectory, *, stage: str = "reward") -> Judge:
        """The judge that `steps` left in the run. Raises `ArtefactError` where it is missing or was altered."""

    def trained(self, run: RunDirectory, *, stage: str = "reward") -> bool:
        """Whether the run has what `load` needs."""
        return MODEL.has(run, stage)

    def anchored(self, folder: Path) -> Self:
        """The same with every path made absolute; paths are meant from the folder of the recipe."""
        return self

    def problems(self) -> list[str]:
        """What stands in the way of training, each as `key: what is wrong`; looked at before anything is started."""
        return []
