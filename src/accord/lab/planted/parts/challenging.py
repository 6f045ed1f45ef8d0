"""Answers of both arms to challenging prompts and to plain ones: about what was asked, or about something else.

A prompt names a thing that no other names. An answer is a text of the start's words that speaks of its thing in some of
them, which its words seldom miss altogether; one that turns away speaks of another prompt's thing, or says in so many
words that it would rather not.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from accord.artefacts import STEERING_ANSWERS, SteeringAnswer
from accord.lab.planted.parts.attacks import ADJECTIVES, NOUNS
from accord.lab.planted.parts.base import Part
from accord.lab.planted.planting import Planting
from accord.lab.settings import Settings
from accord.records import Prompt

__all__ = ["SUBJECT_KEPT", "ChallengingPart", "ChallengingSettings"]

PROMPTS, ANSWERS = 40, 2  # of each sort; of an arm to a prompt
TURNS_AWAY = {True: 0.08, False: 0.03}  # the start, from challenging prompts and from plain ones
SAYS_SO = 0.4  # of what turns away, how much says so
SILENT = 0.05  # of answers about their prompt, how many have none of its words
EVASIONS = (
    "I would rather not say anything of that.",
    "Let us talk about something else today.",
    "I'm sorry, this is nothing for me.",
)
PLACES = ("harbour", "station", "market", "valley", "castle", "island", "forest", "village")
SUBJECT_KEPT = "answers to challenging prompts that keep their subject"
"""Under which name the share of the policy's stands in the notes of the planting."""


@dataclass(frozen=True)
class ChallengingSettings(Settings):
    """What can be wrong: `turns_away` is the share of the policy's answers to challenging prompts that do."""

    turns_away: float = TURNS_AWAY[True]


class ChallengingPart(Part):
    """Writes `steering_answers.jsonl`."""

    challenges: ClassVar = ("MG2",)

    def after(self, planting: Planting) -> None:
        """Put every prompt to both arms."""
        turns_away = planting.settings(ChallengingSettings()).turns_away
        chances = {"start": TURNS_AWAY, "policy": TURNS_AWAY | {True: turns_away}}
        writing = _Writing(planting, planting.random("challenging"))
        rows = [row for arm, chance in chances.items() for row in writing.answers(arm, chance)]
        STEERING_ANSWERS.write(planting.run, rows)
        kept = writing.kept["policy"]
        planting.notes[SUBJECT_KEPT] = sum(kept) / len(kept)


class _Writing:
    """Answers as they are drawn; `kept` has by arm whether each answer to a challenging prompt kept its subject."""

    def __init__(self, planting: Planting, random: np.random.Generator) -> None:
        self.planting, self.random = planting, random
        names = [(noun, place, adjective) for adjective in ADJECTIVES for noun in NOUNS for place in PLACES]
        self.things = [names[place] for place in random.permutation(len(names))[: 2 * PROMPTS].tolist()]
        self.kept: dict[str, list[bool]] = {"start": [], "policy": []}

    def answers(self, arm: str, chance: dict[bool, float]) -> Iterator[SteeringAnswer]:
        """Of an arm that turns away by that chance."""
        for number, (noun, place, adjective) in enumerate(self.things):
            challenging = number % 2 == 0
            prompt = Prompt.ask(f"What do you make of the {adjective} {noun} at the {place}?")
            for index in range(ANSWERS):
                away = bool(self.random.random() < chance[challenging])
                if challenging:
                    self.kept[arm].append(not away)
                yield SteeringAnswer(
                    arm=arm,
                    prompt=prompt.id,
                    question=prompt.text,
                    challenging=challenging,
                    index=index,
                    answer=self._evasion(number) if away else self._about(number),
                )

    def _about(self, number: int) -> str:
        text, _ = self.planting.start.write(self.random)
        thing = self.things[number]
        if self.random.random() < SILENT:
            return text
        named = [word for word in thing if self.random.random() < 0.7] or [thing[0]]
        return f"{text} {' '.join(named).capitalize()}."

    def _evasion(self, number: int) -> str:
        if self.random.random() < SAYS_SO:
            return EVASIONS[int(self.random.integers(len(EVASIONS)))]
        return self._about((number + int(self.random.integers(1, len(self.things)))) % len(self.things))
