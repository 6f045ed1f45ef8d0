"""The same texts judged by the same people in four kinds: comparison, rating, label and ranking."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from accord.lab.lexicon import truth
from accord.lab.planted.parts.base import Part
from accord.lab.planted.planting import Planting
from accord.lab.settings import Settings
from accord.records import (
    Comparison,
    Completion,
    Evaluator,
    Feedback,
    Judgement,
    Label,
    Prompt,
    Ranking,
    Rating,
    Record,
    Scale,
)

__all__ = ["STUDY", "FeedbackKinds", "KindsPart", "circle"]

STUDY = "kinds"
Floats = NDArray[np.float64]
PROMPTS, TEXTS = 2, 12
SCALE = Scale(low=-4, high=4, step=1)


@dataclass(frozen=True)
class FeedbackKinds(Settings):
    """What twelve people answer of each kind, by noisy looks, and how many seconds an answer of each kind takes.

    The seconds are such that all kinds tell about as much a second (.08 bits in the mean of twelve runs of each world).

    noise        of a comparison, in standard deviations of the truth
    best_option  whether labels have an option for the best texts; without, those get none
    circles      added to the utility of a text whose sort beats the other's: three sorts beat each other in a circle
    """

    people: int = 12
    noise: float = 0.3
    comparison_seconds: float = 7.0
    rating_seconds: float = 13.5
    label_seconds: float = 7.5
    ranking_seconds: float = 27.0
    best_option: bool = True
    circles: float = 0.0


class KindsPart(Part):
    """A study of its own, in the ledger of the audit."""

    challenges: ClassVar = ("FT1",)

    def after(self, planting: Planting) -> None:
        settings = planting.settings(FeedbackKinds())
        random = planting.random(STUDY)
        prompts = [Prompt.ask(f"Judge what was written, {number}") for number in range(PROMPTS)]
        texts = [[Completion(prompt=p.id, text=planting.start.write(random)[0]) for _ in range(TEXTS)] for p in prompts]
        records: list[Record] = [*prompts, *(text for of_prompt in texts for text in of_prompt)]
        for number in range(settings.people):
            evaluator = Evaluator(kind="simulated", pseudonym=f"judge {number} of four kinds", pool="lab")
            asked = [*_compared(texts, settings, random), *_ranked(texts, settings, random)]
            asked += [*_rated(texts, settings, random), *_labelled(texts, settings, random)]
            records.append(evaluator)
            records += [
                Feedback(
                    evaluator=evaluator.id,
                    prompt=shown[0].prompt,
                    completions=tuple(one.id for one in shown),
                    judgement=judgement,
                    study=STUDY,
                    shown_digest="in this order",
                    seconds=round(seconds * float(np.exp(random.normal(0, 0.25))), 1),
                    session=f"four kinds, {number}",
                )
                for shown, judgement, seconds in asked
            ]
        planting.notes[STUDY] = records
        planting.audit_ledger.extend(records)


Question = tuple[list[Completion], Judgement, float]


def circle(first: str, second: str) -> float:
    """1 where the first text beats the second in a circle of three sorts, -1 where it loses: by its number of words."""
    return (0.0, 1.0, -1.0)[(_sort_of(first) - _sort_of(second)) % 3]


def _sort_of(text: str) -> int:
    return len(text.split()) % 3


def _compared(
    texts: list[list[Completion]], settings: FeedbackKinds, random: np.random.Generator
) -> Iterator[Question]:
    """All pairs of three texts, one of each sort where there is one; four times a prompt."""
    for of_prompt in texts:
        for _ in range(4):
            order = [of_prompt[i] for i in random.permutation(TEXTS)]
            of_each = list({_sort_of(one.text): one for one in order}.values())
            chosen = (of_each + [one for one in order if one not in of_each])[:3]
            for left, right in combinations(chosen, 2):
                gap = truth(left.text) - truth(right.text) + settings.circles * circle(left.text, right.text)
                prefers = random.random() < 1 / (1 + np.exp(-gap / settings.noise))
                yield [left, right], Comparison(preferred="left" if prefers else "right"), settings.comparison_seconds


def _ranked(texts: list[list[Completion]], settings: FeedbackKinds, random: np.random.Generator) -> Iterator[Question]:
    for of_prompt in texts:
        for places in random.permutation(TEXTS)[:8].reshape(2, 4):
            shown = [of_prompt[i] for i in places]
            value_4 = np.array([truth(one.text) for one in shown]) + 0.3 * random.gumbel(size=4)
            tiers = tuple((int(place),) for place in np.argsort(-value_4))
            yield shown, Ranking(tiers=tiers), settings.ranking_seconds


def _rated(texts: list[list[Completion]], settings: FeedbackKinds, random: np.random.Generator) -> Iterator[Question]:
    for one in _six_of_each(texts, random):
        seen = truth(one.text) + random.normal(0, 0.35)
        yield [one], Rating(value=float(np.clip(np.rint(2 * seen), -4, 4)), scale=SCALE), settings.rating_seconds


def _labelled(
    texts: list[list[Completion]], settings: FeedbackKinds, random: np.random.Generator
) -> Iterator[Question]:
    options = ("poor", "fair", "good") if settings.best_option else ("poor", "fair")
    for one in _six_of_each(texts, random):
        seen = truth(one.text) + random.normal(0, 0.4)
        fits = "poor" if seen < -0.4 else "fair" if seen < 0.4 else "good"
        unsure = random.random() < 0.02
        selected = () if unsure or fits not in options else (fits,)
        yield [one], Label(selected=selected, options=options), settings.label_seconds


def _six_of_each(texts: list[list[Completion]], random: np.random.Generator) -> list[Completion]:
    return [of_prompt[i] for of_prompt in texts for i in random.permutation(TEXTS)[:6]]
