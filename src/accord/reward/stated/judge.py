"""A rule as a judge: what it makes of each completion, on its own."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from accord.interfaces import Scores
from accord.records import Completion, Prompt

__all__ = ["Outcome", "RuleJudge"]


@dataclass(frozen=True)
class Outcome:
    """What a rule makes of a completion: its worth, and the numbers that the worth is made of, by name."""

    value: float
    components: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class RuleJudge:
    """A `Judge` that is a function of a prompt and one completion's text; it has no doubt, so no `std_N`."""

    name: str
    rule: Callable[[Prompt, str], Outcome]

    def score(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Scores:
        """A number each, with the rule's components; what the rule raises names the prompt."""
        outcomes = [self.rule(prompt, each.text) for prompt, each in zip(prompts, completions, strict=True)]
        names = list(outcomes[0].components) if outcomes else []
        components = {name: Scores(_numbers(outcome.components[name] for outcome in outcomes)) for name in names}
        return Scores(_numbers(outcome.value for outcome in outcomes), components=components)


def _numbers(values: Iterable[float]) -> NDArray[np.float64]:
    return np.fromiter(values, dtype=np.float64)
