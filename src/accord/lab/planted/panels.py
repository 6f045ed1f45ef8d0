"""The people of a planted run: three panels of simulated evaluators, with prompts and texts of their own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from accord.feedback import Ledger
from accord.interfaces import Item
from accord.lab.evaluators import SimulatedEvaluator
from accord.lab.faults import Fault
from accord.lab.lexicon import Policy, WordJudge, truth
from accord.records import Completion, Prompt

__all__ = ["ask_panels"]

PANELS = (16, 16, 32)  # evaluators; the last is the held-out one
PROMPTS = 6
TEXTS = 8  # a prompt
RATED = 5  # of them, by each evaluator


@dataclass(frozen=True)
class _Material:
    """What a panel judges: its prompts, the texts of each by the prompt's id, and what each text is worth by its id."""

    prompts: Sequence[Prompt]
    texts: Mapping[str, Sequence[Completion]]

    @property
    def completions(self) -> list[Completion]:
        return [completion for texts in self.texts.values() for completion in texts]

    @property
    def qualities(self) -> dict[str, list[float]]:
        return {completion.id: [truth(completion.text)] for completion in self.completions}


def ask_panels(ledger: Ledger, fault: Fault, seed: int, random: np.random.Generator) -> None:
    """Write what every panel was asked and what it answered into the ledger."""
    start = Policy.tilted(WordJudge("start"), 0.0)
    for panel, size in enumerate(PANELS):
        material = _material(panel, start, random)
        qualities = material.qualities
        ledger.extend([*material.prompts, *material.completions])
        healthy = [SimulatedEvaluator(name=f"panel {panel}, evaluator {i}", seed=seed) for i in range(size)]
        for evaluator in fault.evaluators(healthy):
            answers = evaluator.bound(qualities).ask(_session(material, random))
            ledger.add(evaluator.evaluator, *answers)


def _material(panel: int, start: Policy, random: np.random.Generator) -> _Material:
    prompts = [Prompt.ask(f"Say something about the film, {panel}-{i}") for i in range(PROMPTS)]
    texts = {p.id: [Completion(prompt=p.id, text=start.write(random)[0]) for _ in range(TEXTS)] for p in prompts}
    return _Material(prompts, texts)


def _session(material: _Material, random: np.random.Generator) -> list[Item]:
    """Five texts a prompt to rate, in one random order, then two pairs a prompt to compare."""
    texts = material.texts
    rate = [Item(p, (texts[p.id][i],)) for p in material.prompts for i in random.permutation(TEXTS)[:RATED]]
    compare = [
        Item(p, (texts[p.id][i], texts[p.id][j]))
        for p in material.prompts
        for i, j in random.permutation(TEXTS)[:4].reshape(2, 2)
    ]
    ratings_in_order = [rate[i] for i in random.permutation(len(rate))]
    return ratings_in_order + [compare[i] for i in random.permutation(len(compare))]
