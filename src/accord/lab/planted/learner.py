"""How the policy of a planted run learns: by what it is rewarded for, where groups of rollouts differ in that."""

from collections.abc import Sequence
from dataclasses import dataclass

from accord.lab.settings import Settings

__all__ = ["Learner"]


@dataclass(frozen=True)
class Learner(Settings):
    """What can be wrong with what the policy is rewarded for, and with what it makes of that.

    bar      a text whose score reaches it is rewarded with 1, any other with 0; None: with its score
    settled  how often the policy writes again the first good text that it tried
    """

    bar: float | None = None
    settled: float = 0.0

    def reward(self, score: float) -> float:
        """What a text of that score is rewarded with."""
        return score if self.bar is None else float(score >= self.bar)

    def lesson(self, prompts: Sequence[str], rewards: Sequence[float]) -> float:
        """The share of a step's groups (rollouts of one prompt) whose rewards differ: only these have advantages.

        Scores always differ.
        """
        if self.bar is None:
            return 1.0
        of_prompt: dict[str, set[float]] = {}
        for prompt, reward in zip(prompts, rewards, strict=True):
            of_prompt.setdefault(prompt, set()).add(reward)
        return sum(len(different) > 1 for different in of_prompt.values()) / len(of_prompt)
