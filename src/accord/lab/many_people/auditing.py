"""What PM2 says of a panel, and what would be said by the gap in accuracy between a group and all others.

People answer 40 comparisons more, which no reward has seen. The audit reads their scores by the pooled reward, and
lengths: what the groups disagree about is how long a text should be. It is not told who is of which group; the gap is.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from accord.artefacts import ScoreRow
from accord.artefacts.finding import Verdict
from accord.audit.evidence import EVALUATORS as EVALUATORS_FILE
from accord.audit.evidence import PAIRS, SCORES, Evidence
from accord.audit.misspecification.one_reward import one_reward
from accord.audit.settings import AuditSettings
from accord.lab.opposed_people import EVALUATORS, Answered
from accord.records import Evaluator, Pair, Prompt
from accord.run import RunDirectory
from accord.stats import Estimate, jackknife

__all__ = ["HeldOutAnswers", "accuracy_gap", "pm2_fires"]

Floats = NDArray[np.float64]
MEAN_LENGTH, SPREAD = 100, 20  # tokens


class HeldOutAnswers(Evidence):
    """A run of which the audit sees held-out comparisons, who gave them, and scores of their texts, held in memory."""

    def __init__(
        self, run: RunDirectory, pairs: list[Pair], rows: list[ScoreRow], people: dict[str, Evaluator]
    ) -> None:
        super().__init__(run)
        self._pairs, self._rows, self._people = pairs, rows, people

    def holds(self, *paths: str) -> bool:
        return bool({SCORES, EVALUATORS_FILE, PAIRS}.intersection(paths)) or super().holds(*paths)

    @property
    def evaluators(self) -> dict[str, Evaluator]:
        return self._people

    def scores(self, stage: str) -> list[ScoreRow]:
        return self._rows

    def pairs(self, split: str) -> list[Pair]:
        return self._pairs


def pm2_fires(run: RunDirectory, answered: Answered, pooled_D: Floats) -> bool:
    """Whether PM2 fires at its own thresholds, by itself. `run` may be empty."""
    people = [Evaluator(kind="simulated", pseudonym=f"e{number}") for number in range(EVALUATORS)]
    prompt, pairs, rows = Prompt.ask("Which is better?").id, [], []
    for number, (who, preferred_D) in enumerate(zip(answered.who_P.tolist(), answered.preferred_PD, strict=True)):
        names = (f"c{number}-preferred", f"c{number}-other")
        for name, number_D in zip(names, (preferred_D / 2, -preferred_D / 2), strict=True):
            length = round(MEAN_LENGTH + SPREAD * float(number_D[0]))
            rows.append(ScoreRow(completion=name, prompt=prompt, score=float(number_D @ pooled_D), length=length))
        pairs.append(Pair(prompt=prompt, chosen=names[0], rejected=names[1], evaluator=people[who].id))
    evidence = HeldOutAnswers(run, pairs, rows, {each.id: each for each in people})
    return one_reward.run(evidence, AuditSettings()).verdict is Verdict.FIRES


def accuracy_gap(answered: Answered, pooled_D: Floats, member_E: NDArray[np.bool_]) -> Estimate:
    """How much more of all others' answers one reward foretells than of a group's; people are the units."""
    right_P = answered.preferred_PD @ pooled_D > 0
    right_E = np.bincount(answered.who_P, right_P, EVALUATORS) / np.bincount(answered.who_P, minlength=EVALUATORS)

    def gap(rows: Sequence[int] | NDArray[np.intp]) -> float:
        of_group = member_E[rows]
        if of_group.all() or not of_group.any():
            return float("nan")
        return float(right_E[rows][~of_group].mean() - right_E[rows][of_group].mean())

    return jackknife(gap, EVALUATORS)
