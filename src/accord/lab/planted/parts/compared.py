"""References with changes of known effect, and a comparator that reads them word by word, or not every word."""

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from accord.artefacts import COMPARED_TEXTS, ComparedText
from accord.lab.planted.parts.base import Part
from accord.lab.settings import Settings
from accord.records import Prompt
from accord.reward.comparator.edits import EDITS
from accord.reward.comparator.words import NUMBER_WORDS

if TYPE_CHECKING:
    from accord.lab.planted.planting import Planting

__all__ = ["ComparedPart", "ComparedSettings"]

REFERENCES = 50
KINDS = ("number", "negation", "name", "antonym", "unit", "punctuation")
SURE, SPREAD = 4.0, 1.5  # log-odds for the same of equal texts, and the spread of what a comparator adds to them
DIFFERENT = 6.0  # log-odds that a difference in words takes
PEOPLE = ("Anna", "Boris", "Clara", "Dmitri", "Elena", "Farid")
TEXTS = (
    "In {year} the bridge was {long} metres long, and {name} said that it was open.",
    "The mill was old when {name} bought it, and it has {number} large wheels.",
    "The harbour is {long} kilometres away, and {name} was there in {year}.",
    "There were {number} boats on the river, and the water was high, said {name}.",
)


@dataclass(frozen=True)
class ComparedSettings(Settings):
    """What can be wrong with the comparator.

    unread   share of numbers and negations that it passes over
    rounds   of adversarial pairs that it has learnt from: each leaves a tenth of what it passed over
    """

    unread: float = 0.0
    rounds: int = 0


class ComparedPart(Part):
    """References of sentences with numbers, names and verbs, each changed in every way that applies."""

    challenges: ClassVar = ("X4",)

    def after(self, planting: "Planting") -> None:
        settings = planting.settings(ComparedSettings())
        random = planting.random("compared")
        rows = [row for number in range(REFERENCES) for row in _changed(number, settings, random)]
        COMPARED_TEXTS.write(planting.run, rows)


def _changed(number: int, settings: ComparedSettings, random: np.random.Generator) -> list[ComparedText]:
    """A reference in every way that applies to it, as the comparator takes it."""
    reference = TEXTS[number % len(TEXTS)].format(
        year=int(random.integers(1950, 2020)),
        long=int(random.integers(20, 900)),
        number=str(random.choice(NUMBER_WORDS[2:])),
        name=str(random.choice(PEOPLE)),
    )
    draw = Random(int(random.integers(2**31)))
    rows = []
    for kind in KINDS:
        edits = [edit for edit in EDITS if edit.kind == kind]
        draw.shuffle(edits)
        changes = ((edit, edit.change(reference, draw, ())) for edit in edits)
        edit, text = next((each for each in changes if each[1] is not None and each[1] != reference), (None, None))
        passed_over = kind in {"number", "negation"} and random.random() < settings.unread * 0.1**settings.rounds
        noise = SPREAD * random.standard_normal()
        if edit is None or text is None:
            continue
        same = edit.effect == "same"
        logit = SURE + noise - (0.0 if same or passed_over else SURE + DIFFERENT - 2 * SPREAD)
        rows.append(
            ComparedText(
                prompt=Prompt.ask(f"What is known of case {number}?").id,
                kind=kind,
                reference=reference,
                text=text,
                same=same,
                taken_for_same=round(float(1 / (1 + np.exp(-logit))), 6),
            )
        )
    return rows
