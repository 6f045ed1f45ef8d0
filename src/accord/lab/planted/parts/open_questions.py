"""Open questions that both arms of a planted run answer: many answers are equally good, or one is right.

What an answer says and how it is worded are drawn apart, so that texts differ where they all say the same. The policy
is the optimum under a pressure of a reward that is nearly right: good answers are worth 1, others 0, but for an error.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from accord.artefacts import MEANINGS, AnswerMeaning
from accord.lab.planted.parts.base import Part
from accord.lab.planted.planting import Planting
from accord.lab.settings import Settings

__all__ = ["NOTE", "AnswerSettings", "OpenQuestions"]

Floats = NDArray[np.float64]
NOTE = "open questions"
QUESTIONS = 6  # for every prompt of a panel
GOOD, OTHERS = 8, 4  # answers to an open question that are good, and that are not
ERROR, SEEN = 0.15, 0.1  # standard deviations of the reward's error of an answer, and of the judge's of a text
WORDINGS = ("I would say {}.", "It is {}, I think.", "{}, surely.", "Most people say {}.", "My answer: {}.", "{}!")


@dataclass(frozen=True)
class AnswerSettings(Settings):
    """What can be wrong with the policy's answers, and what is asked.

    pressure  of the policy's training: 1 / beta
    closed    share of the questions to which one answer is right
    """

    pressure: float = 4.0
    closed: float = 0.25


@dataclass(frozen=True)
class OpenQuestion:
    """A question: which answers are good, and how likely start and policy are to give each, [A]."""

    name: str
    good_A: NDArray[np.bool_]
    start_A: Floats
    policy_A: Floats


class OpenQuestions(Part):
    """Writes `meanings.jsonl`."""

    challenges: ClassVar = ("DC2",)

    def after(self, planting: Planting) -> None:
        """Ask both arms every question as often as the evaluation asks its prompts."""
        settings, random = planting.settings(AnswerSettings()), planting.random(NOTE)
        count = QUESTIONS * planting.world.prompts
        questions = [_question(f"open {i}", i < settings.closed * count, settings, random) for i in range(count)]
        planting.notes[NOTE] = questions
        MEANINGS.write(planting.run, list(_answers(questions, planting.world.samples, random)))


def _question(name: str, closed: bool, settings: AnswerSettings, random: np.random.Generator) -> OpenQuestion:
    good_A = np.arange(GOOD + OTHERS) < (1 if closed else GOOD)
    start_A = random.dirichlet(np.where(good_A, 2.0 * GOOD / good_A.sum(), 2.0))
    reward_A = good_A + random.normal(0, ERROR, len(good_A))
    policy_A = start_A * np.exp(settings.pressure * (reward_A - reward_A.max()))
    return OpenQuestion(name, good_A, start_A, policy_A / policy_A.sum())


def _answers(questions: Sequence[OpenQuestion], samples: int, random: np.random.Generator) -> Iterator[AnswerMeaning]:
    for question in questions:
        for arm, chance_A in (("start", question.start_A), ("policy", question.policy_A)):
            for answer in random.choice(len(chance_A), samples, p=chance_A).tolist():
                yield AnswerMeaning(
                    arm=arm,
                    prompt=question.name,
                    text=WORDINGS[int(random.integers(len(WORDINGS)))].format(f"answer {answer}"),
                    meaning=answer,
                    by="the world that was planted",
                    score=float(question.good_A[answer] + random.normal(0, SEEN)),
                )
