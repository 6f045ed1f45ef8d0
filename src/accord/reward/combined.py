"""Several rewards as one judge: `[reward]` gives the score, and each `[rewards.NAME]` is a component of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from accord.errors import RecipeError
from accord.interfaces import Judge, Scores
from accord.records import Completion, Prompt

__all__ = ["CombinedJudge"]


@dataclass(frozen=True)
class CombinedJudge:
    """A `Judge` whose score is that of `main`, with the scores of `components` as components by name.

    Without `main` the score is their mean.
    """

    name: str
    main: Judge | None
    components: Mapping[str, Judge]

    def score(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Scores:
        """Raises `RecipeError` where one of them is called like a component of `main`."""
        components = {name: judge.score(prompts, completions) for name, judge in self.components.items()}
        if self.main is None:
            value_N = np.mean([component.value_N for component in components.values()], axis=0)
            return Scores(value_N, components=components)
        scores = self.main.score(prompts, completions)
        if doubled := sorted(scores.components.keys() & components.keys()):
            raise RecipeError(f"recipe.rewards.{doubled[0]}: [reward] has a component of this name; choose another")
        return replace(scores, components={**scores.components, **components})
