"""Pairs of texts that a crowd and experts compare, and what is spent on whom."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from accord.lab.lexicon import truth
from accord.lab.planted.parts.base import Part
from accord.lab.planted.planting import Planting
from accord.lab.settings import Settings
from accord.records import Comparison, Completion, Evaluator, Feedback, Prompt, Record

__all__ = ["STUDY", "Allocation", "Tiers"]

STUDY = "tiers"
PEOPLE = {"crowd": 24, "experts": 12}
ACCURACY = {"crowd": 0.85, "experts": 0.93}
COST = {"crowd": 2, "experts": 8}
SECONDS = 4.0  # for each unit of cost
CONTROLS = {"crowd": 8, "experts": 10}  # questions with a known answer to each person


@dataclass(frozen=True)
class Allocation(Settings):
    """How 2,800 units are spent: `answers` of `pool` on each item, after what is spent on the others.

    again      of the items, those that one of the same pool answers once more
    by_expert  of the cost, what goes to items that an expert answers alone
    """

    budget: int = 2800
    pool: str = "crowd"
    answers: int = 1
    again: float = 0.15
    by_expert: float = 0.04


class Tiers(Part):
    """A study of its own, in the ledger of the audit; everybody answers control questions too."""

    challenges: ClassVar = ("DQ2",)

    def after(self, planting: Planting) -> None:
        random = planting.random(STUDY)
        people = {
            pool: [Evaluator(kind="simulated", pseudonym=f"{pool} {i}", pool=pool) for i in range(count)]
            for pool, count in PEOPLE.items()
        }
        records: list[Record] = [one for of_pool in people.values() for one in of_pool]
        for pool, of_pool in people.items():
            shown = [_pair(planting, random, f"control {pool} {i}") for i in range(CONTROLS[pool])]
            records += [one for item in shown for one in item]
            records += [_answer(one.id, pool, item, random, gold=True) for one in of_pool for item in shown]
        allocated = _allocated(planting.settings(Allocation()), random)
        for number, (pool, answers) in enumerate(allocated):
            item = _pair(planting, random, f"{number}")
            chosen = random.permutation(PEOPLE[pool])[:answers].tolist()
            records += [*item, *(_answer(people[pool][place].id, pool, item, random) for place in chosen)]
        planting.notes[STUDY] = records
        planting.audit_ledger.extend(records)


def _allocated(settings: Allocation, random: np.random.Generator) -> list[tuple[str, int]]:
    """The pool and the number of answers of each item, until the money is spent."""
    spent = round(settings.by_expert * settings.budget / COST["experts"]) * COST["experts"]
    items = [("experts", 1)] * (spent // COST["experts"])
    while True:
        answers = settings.answers + int(random.random() < settings.again)
        spent += answers * COST[settings.pool]
        if spent > settings.budget:
            return items
        items.append((settings.pool, answers))


def _pair(planting: Planting, random: np.random.Generator, name: str) -> tuple[Prompt, Completion, Completion]:
    prompt = Prompt.ask(f"Write about something, {name}")
    first, second = (
        Completion(prompt=prompt.id, text=planting.start.write(random)[0], writer=f"tiers {side}") for side in (1, 2)
    )
    return prompt, first, second


def _answer(
    who: str,
    pool: str,
    item: tuple[Prompt, Completion, Completion],
    random: np.random.Generator,
    *,
    gold: bool = False,
) -> Feedback:
    """By one coin: right with the probability of the pool."""
    prompt, first, second = item
    left = truth(first.text) >= truth(second.text)
    says_left = left == (random.random() < ACCURACY[pool])
    return Feedback(
        evaluator=who,
        prompt=prompt.id,
        completions=(first.id, second.id),
        judgement=Comparison(preferred="left" if says_left else "right"),
        study=STUDY,
        shown_digest="in this order",
        seconds=round(SECONDS * COST[pool] * float(np.exp(random.normal(0, 0.25))), 1),
        session=f"tiers, {who}",
        gold=Comparison(preferred="left" if left else "right") if gold else None,
    )
