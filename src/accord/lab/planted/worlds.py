"""The worlds of planted runs: the one that checks were built on, and others that they were not."""

from dataclasses import dataclass, replace

from accord.errors import AccordError
from accord.registry import Registry

__all__ = ["WORLDS", "World"]


@dataclass(frozen=True)
class World:
    """How large a planted run is and what its people and texts are like.

    panels       evaluators whose answers are for the reward model, the independent judge, and held out
    prompts      of a panel
    texts        of a prompt
    rated        of them by each evaluator
    step         of the scale -4..4: a coarse one has many ties
    temperature  of the evaluators' choices, in standard deviations of the truth
    lengths      of a text in words, the shortest and the longest
    pressure     of the last training step (1 / beta)
    rollouts     a training step
    samples      of a prompt in the evaluation
    transformer  whether the policy is a small transformer that RLOO trains; else it is the exact optimum
    faults       those that are planted there when all are; None: every one
    """

    name: str
    panels: tuple[int, int, int] = (16, 16, 32)
    prompts: int = 10
    texts: int = 8
    rated: int = 4
    step: float = 1.0
    temperature: float = 0.3
    lengths: tuple[int, int] = (8, 16)
    pressure: float = 1.5
    steps: int = 14
    rollouts: int = 96
    samples: int = 10
    transformer: bool = False
    faults: tuple[str, ...] | None = None

    def of_size(self, size: float) -> "World":
        """The same with `size` times as many evaluators: at least four in a panel."""
        if size <= 0:
            raise AccordError(f"a size of {size}; it is above 0")
        first, second, third = (max(4, round(size * people)) for people in self.panels)
        return replace(self, panels=(first, second, third))


WORLDS: Registry[World] = Registry("world", error=AccordError)
"""By name. Checks were built on `words`; `coarse` differs from it in everything that should not matter, and in `tinylm`
a model is trained."""

for _world in (
    World("words"),
    World(
        "coarse",
        panels=(12, 12, 20),
        prompts=4,
        texts=10,
        rated=8,
        step=2.0,
        temperature=0.5,
        lengths=(4, 30),
        pressure=1.0,
        steps=10,
        rollouts=72,
        samples=16,
    ),
    World(
        "tinylm",
        steps=12,
        rollouts=48,
        transformer=True,
        faults=("over-optimisation", "mode-collapse", "length", "leaky-split", "careless"),
    ),
):
    WORLDS.add(_world.name, _world)
