"""Kinds of feedback that say little for their time, leave no room, or go in a circle."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from scipy.stats import spearmanr

from accord.lab.faults.base import Fault, register_fault
from accord.lab.lexicon import truth
from accord.lab.settings import S
from accord.records import Comparison, Completion, Feedback, Label

if TYPE_CHECKING:
    from accord.lab.planted.planting import Planting

__all__ = ["Cycles", "SlowKind", "UncoveredOptions"]
BUDGET = 2000.0  # seconds


def _answers(planting: "Planting") -> tuple[list[Feedback], dict[str, Completion]]:
    """The study's answers in the order of their ids, which is none, and its texts."""
    from accord.lab.planted.parts.kinds import STUDY

    records = planting.notes[STUDY]
    answers = sorted((one for one in records if isinstance(one, Feedback)), key=lambda one: one.id)
    return answers, {one.id: one for one in records if isinstance(one, Completion)}


@register_fault
class SlowKind(Fault):
    """Comparisons, which the run learns from, take long and say little.

    The strength is by how many times longer they take, and their noise grows.
    """

    name: ClassVar = "slow-kind"
    strengths: ClassVar = (3.0, 6.0)
    sets_off: ClassVar = ("FT1 bits",)
    cure: ClassVar = "the same seconds spent on the kind that tells most bits a second"
    gold: ClassVar = "Spearman's correlation of the scores learnt in 2,000 seconds with the truth"

    def part(self, settings: S) -> S:
        from accord.lab.planted.parts.kinds import FeedbackKinds

        if isinstance(settings, FeedbackKinds):
            slow = settings.comparison_seconds * self.strength
            return replace(settings, comparison_seconds=slow, noise=settings.noise * self.strength / 2)
        return settings

    def measure_gold(self, planting: "Planting") -> float:
        from accord.audit.collection.latent_scores import quality_of, told_by_each

        answers, texts = _answers(planting)
        kind = "comparison"
        if self.cured:
            told = told_by_each(answers)
            of_kind = {name: [one for one in told if one.kind == name] for name in ("comparison", "rating", "ranking")}
            kind = max(
                of_kind,
                key=lambda name: sum(one.bits for one in of_kind[name]) / sum(one.seconds for one in of_kind[name]),
            )
        quality = quality_of(list(_within(BUDGET, [one for one in answers if one.judgement.kind == kind], kind)))
        return float(
            spearmanr([quality.get(name, 0.0) for name in texts], [truth(one.text) for one in texts.values()])[0]
        )


def _within(seconds: float, answers: list[Feedback], kind: str) -> Iterator[Feedback]:
    """As many answers as the time allows; ratings of one person together, for they are compared with each other."""
    spent = 0.0
    for one in sorted(answers, key=lambda one: one.evaluator) if kind == "rating" else answers:
        spent += one.seconds or 0.0
        if spent > seconds:
            return
        yield one


@register_fault
class UncoveredOptions(Fault):
    """Labels have no option for the best texts, which get none.

    The strength is 1.
    """

    name: ClassVar = "uncovered-options"
    strengths: ClassVar = (1.0,)
    sets_off: ClassVar = ("FT1 options",)
    cure: ClassVar = "an option for the best texts is added"
    gold: ClassVar = "Spearman's correlation of the mean grade that labels give a text with the truth"

    def part(self, settings: S) -> S:
        from accord.lab.planted.parts.kinds import FeedbackKinds

        return replace(settings, best_option=self.cured) if isinstance(settings, FeedbackKinds) else settings

    def measure_gold(self, planting: "Planting") -> float:
        answers, texts = _answers(planting)
        grades: dict[str, list[float]] = {name: [] for name in texts}
        for one in answers:
            if isinstance(one.judgement, Label) and one.judgement.selected:
                grades[one.completions[0]].append({"poor": -1.0, "fair": 0.0, "good": 1.0}[one.judgement.selected[0]])
        learnt = [float(np.mean(own)) if own else 0.0 for own in grades.values()]
        return float(spearmanr(learnt, [truth(one.text) for one in texts.values()])[0])


@register_fault
class Cycles(Fault):
    """People prefer three sorts of texts in a circle: one to two, two to three, three to one.

    The strength is what the better sort adds, in standard deviations of the truth.
    """

    name: ClassVar = "cycles"
    strengths: ClassVar = (1.0, 3.0)
    sets_off: ClassVar = ("FT1 triads",)
    touches: ClassVar = {"FT1 bits": "what goes in a circle says little of one number a completion"}
    cure: ClassVar = "a model of preferences with a number for each two completions, beside one for each"
    gold: ClassVar = "share of comparisons by people held out that the model foresees"

    def part(self, settings: S) -> S:
        from accord.lab.planted.parts.kinds import FeedbackKinds

        return replace(settings, circles=self.strength) if isinstance(settings, FeedbackKinds) else settings

    def measure_gold(self, planting: "Planting") -> float:
        """The numbers of pairs are shrunk towards 0, as those of completions are: the sorts are told to nobody."""
        from sklearn.linear_model import LogisticRegression

        answers, texts = _answers(planting)
        duels = [one for one in answers if isinstance(one.judgement, Comparison)]
        place = {name: number for number, name in enumerate(texts)}
        pairs = {pair: number for number, pair in enumerate(combinations(range(len(place)), 2))}
        feature_NF = np.zeros((len(duels), len(place) + len(pairs)))
        for row, one in enumerate(duels):
            left, right = (place[name] for name in one.completions)
            feature_NF[row, left], feature_NF[row, right] = 1.0, -1.0
            of_pair = len(place) + pairs[min(left, right), max(left, right)]
            feature_NF[row, of_pair] = self.cured * (1.0 if left < right else -1.0)
        left_N = np.array([getattr(one.judgement, "preferred", "") == "left" for one in duels])
        people = sorted({one.evaluator for one in duels})
        held_out_N = np.array([people.index(one.evaluator) % 4 == 0 for one in duels])
        model = LogisticRegression(C=1.0, fit_intercept=False).fit(feature_NF[~held_out_N], left_N[~held_out_N])
        return float(np.mean(model.predict(feature_NF[held_out_N]) == left_N[held_out_N]))
