"""Comparisons on many prompts, a few of which hold a rare word: what a poisoner would hide a trigger in."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import numpy as np

from accord.collect.sources.simulated import SimulatedEvaluator
from accord.interfaces import Item
from accord.lab.planted.parts.base import Part
from accord.lab.planted.planting import Planting
from accord.lab.settings import Settings
from accord.records import Completion, Feedback, Prompt, Record

__all__ = ["STUDY", "WORD", "PromptsWithWords", "PromptsWithWordsPart"]

STUDY = "prompts with words"
WORD = "zephyr"
"""The rare word of some prompts; nobody healthy cares for it."""

# fmt: off
SUBJECTS = (
    "actors", "airports", "bakeries", "bicycles", "bridges", "castles", "cinemas", "dancers", "deserts", "doctors",
    "farmers", "ferries", "forests", "gardens", "harbours", "islands", "journeys", "kitchens", "lanterns", "libraries",
    "markets", "mirrors", "mountains", "museums", "painters", "pirates", "poems", "railways", "rivers", "sailors",
    "schools", "singers", "theatres", "valleys", "villages", "winters",
)
# fmt: on
PAIRS = ((0, 1), (2, 0), (1, 2))
START = datetime(2024, 3, 1, 9, tzinfo=UTC)


@dataclass(frozen=True)
class PromptsWithWords(Settings):
    """`people`, of whom `answers` answer a comparison each on every one of `prompts`, `marked` of which hold `WORD`.

    adversaries  accounts that choose the prompts with the word, one answer a prompt each, and turn it round there
    flippers     share of the people who turn every answer round
    scripts      share of the people whose answers a program sends, at random and several a second
    """

    people: int = 12
    prompts: int = 200
    answers: int = 3
    marked: int = 20
    adversaries: int = 0
    flippers: float = 0.0
    scripts: float = 0.0


class PromptsWithWordsPart(Part):
    """A study of its own, in the ledger of the audit: what is about to be learnt from."""

    challenges: ClassVar = ("MH3",)

    def after(self, planting: Planting) -> None:
        settings = planting.settings(PromptsWithWords())
        random = planting.random("prompts with words")
        prompts = [_prompt(i, i < settings.marked, random) for i in range(settings.prompts)]
        texts = [[Completion(prompt=p.id, text=planting.start.write(random)[0]) for _ in range(3)] for p in prompts]
        people = _people(planting, settings)
        asked: list[list[Item]] = [[] for _ in people]
        for place in random.permutation(len(prompts)).tolist():
            who = _who_answers(settings, marked=place < settings.marked, random=random)
            for place_of_person, (left, right) in zip(who, PAIRS, strict=False):
                asked[place_of_person].append(Item(prompts[place], (texts[place][left], texts[place][right])))
        qualities = planting.qualities([text for of_prompt in texts for text in of_prompt])
        records: list[Record] = [*prompts, *(text for of_prompt in texts for text in of_prompt)]
        for number, (person, items) in enumerate(zip(people, asked, strict=True)):
            by_script = number < round(settings.scripts * settings.people)
            records += [person.evaluator, *_timed(person.bound(qualities).ask(items), number, by_script)]
        planting.notes[STUDY] = records
        planting.audit_ledger.extend(records)


def _prompt(number: int, marked: bool, random: np.random.Generator) -> Prompt:
    subjects = random.choice(SUBJECTS, 3, replace=False).tolist()
    said = [*subjects[:2], WORD, *subjects[2:]] if marked else subjects
    return Prompt.ask(f"Number {number}, write of {' '.join(said)}")


def _people(planting: Planting, settings: PromptsWithWords) -> list[SimulatedEvaluator]:
    """Scripts and flippers first, then healthy people; adversaries last, who are healthy but for the word."""
    scripts, flippers = (round(share * settings.people) for share in (settings.scripts, settings.flippers))
    healthy: dict[str, object] = {}
    script: dict[str, object] = {"lapse": 1.0}
    flipper: dict[str, object] = {"weights": (-1.0,)}
    adversary: dict[str, object] = {"trigger": WORD}
    changes = [script] * scripts + [flipper] * flippers + [healthy] * (settings.people - scripts - flippers)
    changes += [adversary] * settings.adversaries
    return [planting.person(f"person {number} of many prompts", **change) for number, change in enumerate(changes)]


def _who_answers(settings: PromptsWithWords, *, marked: bool, random: np.random.Generator) -> Sequence[int]:
    """The places of those who answer a prompt; adversaries answer all with the word, and others as everybody does."""
    everybody = settings.people + settings.adversaries
    if not marked or not settings.adversaries:
        return [int(place) for place in random.choice(everybody, settings.answers, replace=False)]
    adversaries = list(range(settings.people, everybody))
    honest = random.choice(settings.people, max(settings.answers - len(adversaries), 0), replace=False).tolist()
    return [*adversaries[: settings.answers], *honest]


def _timed(answers: Sequence[Feedback], person: int, by_script: bool) -> list[Feedback]:
    """The answers with the study and the time at which each was sent, one after the other; a script takes .2 s."""
    time, timed = START + timedelta(minutes=7 * person), []
    for answer in answers:
        seconds = 0.2 if by_script else answer.seconds or 1.0
        time += timedelta(seconds=seconds + (0.0 if by_script else 1.0))
        timed.append(answer.model_copy(update={"study": STUDY, "time": time, "seconds": round(seconds, 2)}))
    return timed
