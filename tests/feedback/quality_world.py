"""A study by simulated evaluators, some of whom are careless, tire, lean to the left, are too fast or oppose the rest.

Texts are of words, each with a worth; the better one has the larger sum. Control questions are pairs far apart.
"""

from dataclasses import dataclass, field

import numpy as np

from accord.interfaces import Item
from accord.lab import SimulatedEvaluator
from accord.records import Comparison, Completion, Evaluator, Feedback, Prompt, Record

WORDS = [f"word{place}" for place in range(60)]


@dataclass
class StudyWorld:
    """People (settings by name, beside ordinary ones up to `size`) who compare pairs, some of them twice."""

    size: int = 20
    pairs: int = 120
    each: int = 40
    seed: int = 0
    people: dict[str, dict[str, object]] = field(default_factory=dict)
    young: float = 0.5

    def __post_init__(self) -> None:
        self.draw = np.random.default_rng(self.seed)
        worth = dict(zip(WORDS, self.draw.normal(size=len(WORDS)), strict=True))
        self.prompts = [Prompt.ask(f"What about {WORDS[place % 30]} and case {place}?") for place in range(self.pairs)]
        self.texts: list[tuple[Completion, Completion]] = []
        self.quality: dict[str, tuple[float, float]] = {}
        for prompt in self.prompts:
            both = [Completion(prompt=prompt.id, text=" ".join(self.draw.choice(WORDS, 12))) for _ in range(2)]
            self.texts.append((both[0], both[1]))
            for text in both:
                quality = sum(worth[word] for word in text.text.split()) / np.sqrt(12)
                self.quality[text.id] = (float(quality), float(self.draw.normal()))

    def records(self) -> list[Record]:
        """All of them, what is named first."""
        settings = [SimulatedEvaluator(name=name, weights=(1, 0), seed=self.seed) for name in self._names()]
        settings = [one.changed(**self.people.get(one.name, {})) for one in settings]
        attributes = ["young" if self.draw.random() < self.young else "old" for _ in settings]
        who = [
            Evaluator(kind="person", pseudonym=one.name, pool="study", attributes={"age": age})
            for one, age in zip(settings, attributes, strict=True)
        ]
        answers = [record for one, by in zip(settings, who, strict=True) for record in self._session(one, by)]
        return [*self.prompts, *(text for both in self.texts for text in both), *who, *answers]

    def _names(self) -> list[str]:
        return [*self.people, *(f"p{place:02}" for place in range(self.size - len(self.people)))]

    def _session(self, settings: SimulatedEvaluator, by: Evaluator) -> list[Feedback]:
        bound = settings.bound(self.quality)
        order = self.draw.permutation(self.pairs)[: self.each].tolist()
        again = order[:4]
        given: list[Feedback] = []
        for place in [*order, *again]:
            pair = self.texts[place]
            shown = pair if self.draw.random() < 0.5 else pair[::-1]
            (record,) = bound.ask([Item(self.prompts[place], shown)])
            gap = self.quality[shown[0].id][0] - self.quality[shown[1].id][0]
            gold = Comparison(preferred="left" if gap > 0 else "right") if place % 10 == 0 and abs(gap) > 0.5 else None
            first = given[order.index(place)].id if len(given) >= len(order) else None
            given.append(record.model_copy(update={"evaluator": by.id, "gold": gold, "repeat_of": first, "study": "s"}))
        return given
