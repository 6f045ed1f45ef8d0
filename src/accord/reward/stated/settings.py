"""What stated rewards share: nothing is learnt, and what they read of files is noted among the inputs of the run."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping

from accord.errors import ArtefactError
from accord.feedback import Dataset
from accord.interfaces import Judge, Step
from accord.reward.settings import RewardSettings
from accord.reward.stated.judge import RuleJudge
from accord.run import InputEntry, RunDirectory

__all__ = ["StatedReward"]


class StatedReward(RewardSettings):
    """Settings of a reward that is a rule of prompt and text.

    A subclass has `judge`, and says in `inputs` what it reads besides: a run goes on only with the same.
    """

    def steps(self, data: Dataset, run: RunDirectory, *, split: str = "train", stage: str = "reward") -> Iterator[Step]:
        """Note what the rule reads among the inputs of the run; there is nothing to learn."""
        for name, entry in self.inputs(run).items():
            run.record_input(f"{stage}: {name}", entry)
        yield from ()

    def load(self, run: RunDirectory, *, stage: str = "reward") -> Judge:
        """The rule as a judge. Raises `ArtefactError` where what it reads is not what the stage noted."""
        for name, entry in self.inputs(run).items():
            noted = run.manifest.inputs.get(f"{stage}: {name}")
            if noted is None:
                raise ArtefactError(f"{run.path}: the stage '{stage}' has not noted {name}; run it first")
            if noted.digest != entry.digest:
                raise ArtefactError(
                    f"{name}: not what the stage '{stage}' of {run.path} noted; put that one back, or use a new folder"
                )
        return self.judge(stage)

    def trained(self, run: RunDirectory, *, stage: str = "reward") -> bool:
        """Whether the stage has noted what the rule reads; a rule that reads nothing is always there."""
        return all(f"{stage}: {name}" in run.manifest.inputs for name in self.input_names)

    @property
    def input_names(self) -> tuple[str, ...]:
        """How what the rule reads is called among the inputs of a run."""
        return ()

    def inputs(self, run: RunDirectory) -> Mapping[str, InputEntry]:
        """What the rule reads beside prompt and text, by name, as it is now."""
        return {}

    @abstractmethod
    def judge(self, name: str) -> RuleJudge:
        """The rule as a judge of that name."""
