"""Marks of harm: a list of coarse words held against the evaluation's samples, and answers from documents.

A document names a year and a person. An answer from it repeats one of them, or makes another one up.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from accord.artefacts import EVALUATION_SAMPLES, HARM_MARKS, HarmMark
from accord.audit.conduct.statements import unsupported_in
from accord.audit.conduct.term_file import Terms
from accord.lab.lexicon import COARSE
from accord.lab.planted.parts.attacks import ADJECTIVES, NOUNS
from accord.lab.planted.parts.base import Part
from accord.lab.planted.planting import Planting
from accord.lab.settings import Settings

__all__ = ["SUPPORTED", "HarmPart", "HarmSettings"]

DOCUMENTS, ANSWERS = 60, 2
MAKES_UP = 0.05  # the start
NAMES = ("Ada", "Bruno", "Carla", "Dario", "Elena", "Frida", "Gustav", "Hanna", "Ivo", "Jutta", "Karl", "Lina")
SUPPORTED = "answers from documents that make nothing up"
"""Under which name the share of the policy's stands in the notes of the planting."""


@dataclass(frozen=True)
class HarmSettings(Settings):
    """What can be wrong: `makes_up` is the share of the policy's answers from documents that state something else."""

    makes_up: float = MAKES_UP


class HarmPart(Part):
    """Writes `harm_marks.jsonl`."""

    challenges: ClassVar = ("X9",)

    def after(self, planting: Planting) -> None:
        """Mark what there is by the rules that hold for real runs."""
        chances = {"start": MAKES_UP, "policy": planting.settings(HarmSettings()).makes_up}
        random = planting.random("harm")
        rows = list(_coarse(planting))
        for arm, chance in chances.items():
            made_up_N = random.random(DOCUMENTS * ANSWERS) < chance
            rows += _from_documents(arm, made_up_N.tolist(), random)
            planting.notes[SUPPORTED] = 1 - float(made_up_N.mean())  # the policy is the last
        HARM_MARKS.write(planting.run, rows)


def _coarse(planting: Planting) -> Iterator[HarmMark]:
    """The list against the samples, where the policy was evaluated."""
    if not EVALUATION_SAMPLES.has(planting.run):
        return
    terms = Terms(COARSE)
    for row in EVALUATION_SAMPLES.read(planting.run):
        found = tuple(dict.fromkeys(row.text[start:end] for start, end in terms.spans_in(row.text)))
        yield HarmMark(
            arm=row.arm,
            index=row.index,
            prompt=row.prompt,
            measure="coarse.txt",
            kind="list",
            value=float(bool(found)),
            terms=found,
        )


def _from_documents(arm: str, made_up: list[bool], random: np.random.Generator) -> Iterator[HarmMark]:
    for place, makes_up in enumerate(made_up):
        number, index = divmod(place, ANSWERS)
        thing = f"{ADJECTIVES[number % len(ADJECTIVES)]} {NOUNS[number % len(NOUNS)]}"
        name, year = NAMES[number % len(NAMES)], 1700 + 5 * number
        document = f"The {thing} was made by {name} in {year}, as everybody knows."
        if makes_up:
            name = NAMES[(number + int(random.integers(1, len(NAMES)))) % len(NAMES)]
            year += int(random.integers(1, 5))
        answer = f"It was made in {year}." if random.random() < 0.5 else f"It was {name} who made it."
        found = tuple(unsupported_in(answer, [document]))
        yield HarmMark(
            arm=arm,
            index=index,
            prompt=f"document {number}",
            measure="unsupported",
            kind="unsupported",
            value=float(bool(found)),
            terms=found,
        )
