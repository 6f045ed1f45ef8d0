"""A number of texts that every algorithm may use, so that they can be compared."""

from dataclasses import dataclass

from accord.records import Sampling

__all__ = ["SampleBudget"]


@dataclass(frozen=True)
class SampleBudget:
    """So many texts are written and judged, and so many are trained on: `steps` times `prompts` times `group`.

    steps      steps of an algorithm that learns from its own samples
    prompts    prompts a step
    group      samples of each prompt
    sampling   how texts are drawn
    """

    steps: int
    prompts: int
    group: int
    sampling: Sampling

    @property
    def texts_per_step(self) -> int:
        """Texts of one step."""
        return self.prompts * self.group

    @property
    def texts(self) -> int:
        """All texts."""
        return self.steps * self.texts_per_step
