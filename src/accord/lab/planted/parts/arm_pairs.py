"""Pairs of texts of the start and of the policy, compared by people after the run."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from accord.artefacts import EVALUATION_SAMPLES
from accord.interfaces import Item
from accord.lab.planted.parts.base import Part
from accord.lab.planted.parts.deployment import draw_topics
from accord.lab.planted.planting import Planting
from accord.lab.settings import Settings
from accord.records import Completion, Prompt, Record

__all__ = ["STUDY", "ArmPairs", "ArmPairsSettings"]

STUDY = "texts of both arms"
TOPICS = {"film": 1.0, "travel": 1.0, "food": 1.0}


@dataclass(frozen=True)
class ArmPairsSettings(Settings):
    """How many prompts of either sort (as the run's own, or of topics), each with so many pairs of each arm, and how
    many people judge how many pairs each.
    """

    prompts: int = 20
    pairs: int = 4
    people: int = 24
    answers: int = 26


class ArmPairs(Part):
    """A study of its own in the ledger of the audit. Where the policy is a model, its texts are the evaluation's."""

    challenges: ClassVar = ("RG1", "RE1")
    reads_policy: ClassVar = True

    def after(self, planting: Planting) -> None:
        """Everybody judges some of all pairs, those of both arms mixed."""
        settings, random = planting.settings(ArmPairsSettings()), planting.random(STUDY)
        prompts = [Prompt.ask(f"Say something about the film, {3 + i // 10}-{i % 10}") for i in range(settings.prompts)]
        prompts += [prompt for _, prompt in draw_topics(TOPICS, settings.prompts, random)]
        writers = [(arm, _writer(planting, arm, random)) for arm in ("start", "policy")]
        items: list[Item] = []
        for prompt in prompts:
            for arm, write in writers * settings.pairs:
                first, second = (Completion(prompt=prompt.id, text=text, writer=arm) for text in write())
                items.append(Item(prompt, (first, second)))
        qualities = planting.qualities([text for item in items for text in item.completions])
        records: list[Record] = [*prompts, *(text for item in items for text in item.completions)]
        for i in range(settings.people):
            person = planting.person(f"both arms, evaluator {i}")
            own = [items[k] for k in random.permutation(len(items))[: settings.answers].tolist()]
            answers = person.bound(qualities).ask(own)
            records += [person.evaluator, *(answer.model_copy(update={"study": STUDY}) for answer in answers)]
        planting.notes[STUDY] = records
        planting.audit_ledger.extend(records)


def _writer(planting: Planting, arm: str, random: np.random.Generator) -> Callable[[], list[str]]:
    """Writes two texts of an arm at a time."""
    if planting.policies:
        policy = planting.start if arm == "start" else planting.policies[-1]
        return lambda: [policy.write(random)[0] for _ in range(2)]
    texts = [row.text for row in EVALUATION_SAMPLES.read(planting.run) if row.arm == arm]
    return lambda: [texts[i] for i in random.choice(len(texts), 2, replace=False).tolist()]
