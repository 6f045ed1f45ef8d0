"""Pairs of texts of the start and of the policy, compared by people after the run."""

from dataclasses import dataclass
from typing import ClassVar

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
    """A study of its own in the ledger of the audit. Where the policy is a model, whose texts take long, none."""

    challenges: ClassVar = ("RG1", "RE1")

    def after(self, planting: Planting) -> None:
        """Everybody judges some of all pairs, those of both arms mixed."""
        if not planting.policies:
            return
        settings, random = planting.settings(ArmPairsSettings()), planting.random(STUDY)
        prompts = [Prompt.ask(f"Say something about the film, {3 + i // 10}-{i % 10}") for i in range(settings.prompts)]
        prompts += [prompt for _, prompt in draw_topics(TOPICS, settings.prompts, random)]
        items: list[Item] = []
        for prompt in prompts:
            for arm, writer in (("start", planting.start), ("policy", planting.policies[-1])) * settings.pairs:
                first, second = (
                    Completion(prompt=prompt.id, text=writer.write(random)[0], writer=arm) for _ in range(2)
                )
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
