"""What one person of a panel is asked in one go or several: items, control questions, and items once more."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from accord.collect.sources.simulated import BoundEvaluator
from accord.interfaces import Item
from accord.lab.lexicon import BAD, GOOD, PLAIN
from accord.lab.planted.planting import Planting
from accord.lab.planted.visibility import as_shown_in_part
from accord.lab.settings import Settings
from accord.records import Comparison, Completion, Feedback, Prompt

__all__ = ["Controls", "Sitting", "Sittings", "answers_of", "control_questions"]

CONTROLS, REPEATED_PAIRS, REPEATED_RATINGS = 4, 3, 1


@dataclass(frozen=True)
class Sittings(Settings):
    """How people are asked.

    length   answers before a break; None: no break
    weary    share of random answers where an item is asked again
    """

    length: int | None = None
    weary: float = 0.0


@dataclass(frozen=True)
class Controls:
    """Control questions: pairs of which one side is right, whatever one likes, and which side that is."""

    prompts: Sequence[Prompt] = ()
    completions: Sequence[Completion] = ()
    items: Sequence[Item] = ()
    sides: Sequence[Comparison] = ()


@dataclass(frozen=True)
class Sitting:
    """What one person is asked; `in_part` where a part of each item is shown."""

    items: Sequence[Item]
    controls: Controls = field(default_factory=Controls)
    in_part: bool = False


def control_questions(planting: Planting, panel: int, random: np.random.Generator) -> Controls:
    """The same few for a whole panel, of texts that nothing is learnt from."""
    prompts = [Prompt.ask(f"Say something about a short film, {panel}-{i}") for i in range(CONTROLS)]
    items, sides = [], []
    for prompt in prompts:
        texts = [
            Completion(prompt=prompt.id, text=" ".join([*random.choice(words, 4), *random.choice(PLAIN, 4)]) + ".")
            for words in (GOOD, BAD)
        ]
        left_is_good = bool(random.random() < 0.5)
        items.append(Item(prompt, tuple(texts if left_is_good else texts[::-1])))
        sides.append(Comparison(preferred="left" if left_is_good else "right"))
    return Controls(prompts, [text for item in items for text in item.completions], items, sides)


def answers_of(evaluator: BoundEvaluator, sitting: Sitting, settings: Sittings) -> list[Feedback]:
    """Items in their order, then control questions and the first of the items again."""
    items = list(sitting.items)
    mark = as_shown_in_part if sitting.in_part else list
    first = mark(_with_breaks(evaluator, items, settings.length))
    controls = [
        answer.model_copy(update={"gold": side})
        for answer, side in zip(evaluator.ask_facts(sitting.controls.items), sitting.controls.sides, strict=True)
    ]
    pairs = next(place for place, item in enumerate(items) if len(item.completions) == 2)
    repeated = [*range(REPEATED_RATINGS), *range(pairs, pairs + REPEATED_PAIRS)]
    if settings.weary:
        evaluator.become(lapse=settings.weary, tired_lapse=None)
    again = mark(evaluator.ask([items[place] for place in repeated]))
    return [
        *first,
        *controls,
        *(
            answer.model_copy(update={"repeat_of": first[place].id})
            for answer, place in zip(again, repeated, strict=True)
        ),
    ]


def _with_breaks(evaluator: BoundEvaluator, items: Sequence[Item], length: int | None) -> list[Feedback]:
    """One answer an item, with a break after so many."""
    if length is None:
        return evaluator.ask(items)
    answers: list[Feedback] = []
    for start in range(0, len(items), length):
        if start:
            evaluator.rest()
        answers += evaluator.ask(items[start : start + length])
    return answers
