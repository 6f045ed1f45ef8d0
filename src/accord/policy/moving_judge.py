"""A judge that is moved on between the steps of the policy that it judges, as where its reward learns anew meanwhile.

Whoever trains a policy tells it which step's texts are about to be scored, by which weights they were written, and when
the step's updates are over. What it does then is its own: a policy knows no reward.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from accord.interfaces import Judge, Scores
from accord.records import Completion, Prompt

__all__ = ["AtStep", "MovingJudge", "WrittenTexts"]


@dataclass(frozen=True)
class WrittenTexts:
    """The texts of a step, each with its prompt; `policy` gives a digest of the weights that wrote them."""

    step: int
    prompts: Sequence[Prompt]
    completions: Sequence[Completion]
    policy: Callable[[], str]


@runtime_checkable
class MovingJudge(Judge, Protocol):
    """A `Judge` that changes between steps, by what it is told of each.

    version   how often it was changed before it is what it is now
    labels    answers that were asked for up to now
    """

    @property
    def version(self) -> int: ...

    @property
    def labels(self) -> int: ...

    def take_up(self, step: int) -> None:
        """Be what it was after a step; 0 is before the first."""
        ...

    def before_scores(self, texts: WrittenTexts) -> None:
        """The texts of a step were written, and are scored next."""
        ...

    def after_update(self, step: int) -> None:
        """The policy's updates of a step are made."""
        ...

    def finish(self) -> None:
        """All steps are made."""
        ...


@dataclass(frozen=True)
class AtStep:
    """A `Judge` that tells a moving one of a step's texts before it has them scored by `scorer`."""

    moving: MovingJudge
    scorer: Judge
    step: int
    policy: Callable[[], str]

    @property
    def name(self) -> str:
        """The judge's."""
        return self.moving.name

    def score(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Scores:
        """The scores of the judge as it is then."""
        self.moving.before_scores(WrittenTexts(self.step, prompts, completions, self.policy))
        return self.scorer.score(prompts, completions)
