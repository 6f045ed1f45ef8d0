"""The people of a planted run: three panels of simulated evaluators, with prompts and texts of their own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from accord.interfaces import Item
from accord.lab.planted.planting import Planting
from accord.lab.planted.screening import Screening, items_given
from accord.lab.planted.sittings import Sitting, Sittings, answers_of, control_questions
from accord.lab.planted.visibility import Visibility, seen_qualities
from accord.lab.planted.worlds import World
from accord.records import Completion, Prompt, Record

__all__ = ["GROUPS", "ask_panels", "group_of"]

MODES = ("text", "creative")
GROUPS: Mapping[str, float] = {"north": 0.5, "south": 0.3, "west": 0.2}
"""The groups of the target population, and their shares."""


@dataclass(frozen=True)
class _Material:
    """What a panel judges: its prompts, and the texts of each by the prompt's id."""

    prompts: Sequence[Prompt]
    texts: Mapping[str, Sequence[Completion]]

    @property
    def completions(self) -> list[Completion]:
        return [completion for texts in self.texts.values() for completion in texts]


def ask_panels(planting: Planting) -> None:
    """Write what every panel was asked and what it answered into the ledger."""
    random, again = planting.random("panels"), planting.random("asked again")
    screening, screened = planting.settings(Screening()), planting.random("screening")
    hidden_errors, sittings = planting.settings(Visibility()).hidden_errors, planting.settings(Sittings())
    for panel, size in enumerate(planting.world.panels):
        material = _material(planting, panel, random)
        controls = control_questions(planting, panel, again)
        completions = [*material.completions, *controls.completions]
        qualities, biases = seen_qualities(planting, completions, hidden_errors), planting.biases(completions)
        records: list[Record] = [*material.prompts, *controls.prompts, *completions]
        healthy = [
            planting.person(f"panel {panel}, evaluator {i}", group=group_of(i, size, GROUPS)) for i in range(size)
        ]
        for evaluator in planting.fault.evaluators(healthy):
            items = items_given(_session(planting.world, material, random), evaluator, screening, screened)
            asked = Sitting(items, controls, in_part=hidden_errors > 0)
            answers = answers_of(evaluator.bound(qualities, biases), asked, sittings)
            records += [evaluator.evaluator, *answers]
        planting.ledger.extend(records)


def group_of(place: int, size: int, shares: Mapping[str, float]) -> str:
    """The group of one of `size` people of whom each group has its share, spread over the places.

    Places run through the groups in turn, so that a fault that changes the first few people does not meet one group.
    """
    ends = np.cumsum(list(shares.values())) / sum(shares.values())
    spread = (place * 0.6180339887498949 + 0.5 / size) % 1.0  # the golden section: even over 0..1 for every size
    return list(shares)[int(np.searchsorted(ends, spread, side="right").clip(max=len(shares) - 1))]


def _material(planting: Planting, panel: int, random: np.random.Generator) -> _Material:
    world = planting.world
    asked = [Prompt.ask(f"Say something about the film, {panel}-{i}") for i in range(world.prompts)]
    prompts = [prompt.model_copy(update={"mode": MODES[i % 2]}) for i, prompt in enumerate(asked)]
    texts = {
        p.id: [Completion(prompt=p.id, text=planting.start.write(random)[0]) for _ in range(world.texts)]
        for p in prompts
    }
    return _Material(prompts, texts)


def _session(world: World, material: _Material, random: np.random.Generator) -> list[Item]:
    """Some texts a prompt to rate, in one random order, then two pairs a prompt to compare."""
    texts = material.texts
    rate = [
        Item(p, (texts[p.id][i],)) for p in material.prompts for i in random.permutation(world.texts)[: world.rated]
    ]
    compare = [
        Item(p, (texts[p.id][i], texts[p.id][j]))
        for p in material.prompts
        for i, j in random.permutation(world.texts)[:4].reshape(2, 2)
    ]
    ratings_in_order = [rate[i] for i in random.permutation(len(rate))]
    return ratings_in_order + [compare[i] for i in random.permutation(len(compare))]
