"""A run at one moment, as its files tell it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from accord.artefacts import AskingRow, CurvePoint, Finding, PolicyEvaluation, RewardCard, RoundsSummary
from accord.run import Holder, Manifest
from accord.watch.live_log import StepRow

__all__ = ["FollowedPrompt", "LabelCount", "SampleText", "Snapshot", "split_stage"]


@dataclass(frozen=True)
class SampleText:
    """What the policy wrote at a step, and its score by parts, the whole first; None where it was not scored."""

    step: int
    text: str
    scores: Mapping[str, float]
    cut: bool = False


@dataclass(frozen=True)
class FollowedPrompt:
    """A prompt that is followed along the steps; `text` is its id where the run does not hold its text."""

    id: str
    text: str
    samples: tuple[SampleText, ...]


@dataclass(frozen=True)
class LabelCount:
    """What people were asked for by a reward that is theirs, against what may be asked for.

    section    of the recipe
    requested  ratings asked for so far
    answered   of them, how many were given; None where the ledger is not looked into
    budget     ratings that may be asked for in all
    """

    section: str
    requested: int
    answered: int | None
    budget: int


@dataclass(frozen=True)
class Snapshot:
    """What the files of a run said at a moment.

    path       the folder
    prefix     what stands before the stages that are meant (`rounds/03`)
    moment     when it was looked at, seconds of the epoch
    manifest   None where it cannot be read; `problem` then says why
    holder     the process that works on the run
    noted      when the manifest was written, seconds of the epoch
    recipe     the settings as nested dictionaries; empty where there are none
    metrics    the steps of each stage that trains, by its full name; the newest alone where that was asked for
    asking     what a round asked before it learnt
    summary    what came of the rounds of a run in rounds
    problems   what is wrong with other files
    """

    path: Path
    prefix: str
    moment: float
    manifest: Manifest | None
    problem: str = ""
    holder: Holder | None = None
    noted: float = 0.0
    recipe: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Sequence[StepRow]] = field(default_factory=dict)
    samples: Sequence[FollowedPrompt] = ()
    asking: AskingRow | None = None
    summary: RoundsSummary | None = None
    curve: Sequence[CurvePoint] = ()
    evaluation: PolicyEvaluation | None = None
    cards: Mapping[str, RewardCard] = field(default_factory=dict)
    findings: Sequence[Finding] = ()
    labels: Sequence[LabelCount] = ()
    problems: Sequence[str] = ()

    def full(self, stage: str) -> str:
        """The full name of a stage below the prefix."""
        return f"{self.prefix}/{stage}" if self.prefix else stage

    def own(self, stage: str) -> bool:
        """Whether a stage, by its full name, stands directly below the prefix."""
        return split_stage(stage)[0] == self.prefix


def split_stage(full: str) -> tuple[str, str]:
    """A stage's prefix and its name below it: `rounds/03/policy`, `rounds/03/rewards/helpful`."""
    parts = full.split("/")
    cut = 2 if len(parts) > 1 and parts[-2] == "rewards" else 1
    return "/".join(parts[:-cut]), "/".join(parts[-cut:])
