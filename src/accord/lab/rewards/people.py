"""How people judge in the worlds of rewards: every kind of feedback from one noisy look at what a text is worth.

Somebody who looks at a text feels its utility with noise of the Gumbel distribution (scale 1), so that choosing among
several follows Luce (1959), and comparing two Bradley and Terry. How much better one seems is told in grades. Judging a
text by itself has nothing to compare it with: a scale of one's own, and more noise. Who writes chooses among what comes
to mind.
"""

from dataclasses import dataclass

import numpy as np

from accord.lab.rewards.collection import Collection, Floats
from accord.records import Comparison, Correction, Declined, Demonstration, Label, Ranking, Rating, Scale

__all__ = ["GRADES", "People", "compare"]

SCALE = Scale(low=1, high=5, step=1)
CORRECTING, DEMONSTRATING = 6, 4  # edits, of some ten seconds each
WAYS, PART = 8, 3  # ways that come to mind, the first to leave it; numbers that an edit changes
GRADES = (0.5, 1.5, 3.0)  # differences that are noticed, clear, large


@dataclass(frozen=True)
class People:
    """Evaluators who want the same, `weight_D`, and differ in how they use a scale.

    threshold_EL  where each begins to say 2, 3, 4 and 5 of 5
    liking_E      what each calls good
    alone         deviation-like scale of the logistic noise of judging a text by itself; that of comparing two is 1
    """

    weight_D: Floats
    threshold_EL: Floats
    liking_E: Floats
    alone: float
    random: np.random.Generator

    @classmethod
    def draw(cls, weight_D: Floats, evaluators: int, alone: float, random: np.random.Generator) -> "People":
        """Evaluators whose severity differs with deviation 1, and the width of whose scales by about a third."""
        spread = float(np.linalg.norm(weight_D))
        severity_E = random.standard_normal(evaluators)
        width_E = spread * np.exp(0.3 * random.standard_normal(evaluators))
        threshold_EL = severity_E[:, None] + width_E[:, None] * np.array([-1.0, -0.35, 0.35, 1.0])
        return cls(weight_D, threshold_EL, random.standard_normal(evaluators), alone, random)

    def _evaluator(self) -> int:
        return int(self.random.integers(len(self.threshold_EL)))

    def compare(self, texts: Collection, prompt: int, row_2D: Floats) -> None:
        """Which of two is better, and by how much."""
        names = texts.texts(prompt, row_2D)
        felt = float((row_2D[0] - row_2D[1]) @ self.weight_D + self.random.logistic())
        texts.say(self._evaluator(), prompt, names, compare(felt))

    def rank(self, texts: Collection, prompt: int, row_KD: Floats) -> None:
        """All of them in order."""
        names = texts.texts(prompt, row_KD)
        felt_K = row_KD @ self.weight_D + self.random.gumbel(size=len(row_KD))
        tiers = tuple((int(place),) for place in np.argsort(-felt_K))
        texts.say(self._evaluator(), prompt, names, Ranking(tiers=tiers))

    def rate(self, texts: Collection, prompt: int, row_1D: Floats) -> None:
        """A text on a scale of 1 to 5, by thresholds of one's own."""
        names, evaluator = texts.texts(prompt, row_1D), self._evaluator()
        felt = float(row_1D[0] @ self.weight_D + self.alone * self.random.logistic())
        value = 1 + int((felt > self.threshold_EL[evaluator]).sum())
        texts.say(evaluator, prompt, names, Rating(value=value, scale=SCALE))

    def label(self, texts: Collection, prompt: int, row_1D: Floats) -> None:
        """Whether a text is good."""
        names, evaluator = texts.texts(prompt, row_1D), self._evaluator()
        felt = float(row_1D[0] @ self.weight_D + self.alone * self.random.logistic())
        selected = ("good",) if felt > self.liking_E[evaluator] else ()
        texts.say(evaluator, prompt, names, Label(selected=selected, options=("good",)))

    def correct(self, texts: Collection, prompt: int, row_1D: Floats, free: int) -> None:
        """A text as one would have it after some edits; `free` are how many of its numbers can be changed."""
        names = texts.texts(prompt, row_1D)
        edited_D = self._edited(row_1D[0], free, CORRECTING)
        texts.say(self._evaluator(), prompt, names, Correction(text=texts.written(edited_D)))

    def demonstrate(self, texts: Collection, prompt: int, row_KD: Floats, draft_D: Floats, free: int) -> None:
        """An answer of one's own instead of some that were shown: a draft after some edits."""
        evaluator, shown = self._evaluator(), texts.texts(prompt, row_KD)
        texts.say(evaluator, prompt, shown, Declined(reason="I would write another one"))
        edited_D = self._edited(draft_D, free, DEMONSTRATING)
        texts.say(evaluator, prompt, (), Demonstration(text=texts.written(edited_D)))

    def _edited(self, row_D: Floats, free: int, edits: int) -> Floats:
        """After so many edits, each the best by a noisy look of some ways to change a part of it."""
        for _ in range(edits):
            way_KD = np.tile(row_D, (WAYS, 1))
            part = self.random.choice(free, PART, replace=False)
            way_KD[1:, part] = self.random.standard_normal((WAYS - 1, PART))
            row_D = way_KD[int((way_KD @ self.weight_D + self.random.gumbel(size=WAYS)).argmax())]
        return row_D


def compare(felt: float, grades: tuple[float, ...] = GRADES) -> Comparison:
    """What somebody says who feels that the left is better by so much: a tie below the first grade."""
    grade = int((abs(felt) > np.array(grades)).sum())
    if not grade:
        return Comparison(preferred="tie")
    return Comparison(preferred="left" if felt > 0 else "right", strength=grade / len(grades))
