"""The audit's questions, as both arms of a planted run answer them: opinions on scales, and questions of fact.

Right options of facts are drawn from the
start's own probabilities, so that it is calibrated. The healthy policy answers as the start does, but for some noise.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

from accord.artefacts import QUESTION_ANSWERS
from accord.lab.planted.panels import GROUPS
from accord.lab.planted.parts.base import Part
from accord.lab.planted.parts.batteries import answered_batteries
from accord.lab.planted.parts.question_rows import NOISE, AskedQuestion, both_orders
from accord.lab.planted.planting import Planting
from accord.lab.settings import Settings

__all__ = ["QuestionSettings", "Questions"]

Floats = NDArray[np.float64]
AGREEMENT = ("strongly disagree", "disagree", "neither", "agree", "strongly agree")
OPINIONS, FACTS = 7, 16  # for every prompt of a panel: 42 and 96 in the world that checks were built on
A_VIEW = 3  # one of so many questions is asked with a stated view as well
ELSEWHERE = 200  # other facts, on which a temperature is fitted


@dataclass(frozen=True)
class QuestionSettings(Settings):
    """What can be wrong with the policy's answers.

    moved     how much of its opinions is taken from those who taught it
    teachers  the shares of the groups among them
    lean      log-odds that a stated view adds; that of the start is always `START_LEAN`
    withheld  share of stated views that are taken out of the prompt before it answers
    power     of its probabilities of facts: above 1 it is too sure
    corrected its probabilities are brought to the power that fits best on other facts
    place     log-odds that the first place adds
    forgotten standard deviation of what was lost of each option of a fact
    averaged  how much of the start is in the policy's weights, afterwards
    """

    moved: float = 0.0
    teachers: Mapping[str, float] = field(default_factory=lambda: dict(GROUPS))
    lean: float = 0.3
    withheld: float = 0.0
    power: float = 1.0
    corrected: bool = False
    place: float = 0.1
    forgotten: float = 0.0
    averaged: float = 0.0

    def lean_of(self, random: np.random.Generator) -> float:
        """What a stated view adds this time."""
        return 0.0 if random.random() < self.withheld else self.lean


START = QuestionSettings()


class Questions(Part):
    """Writes `question_answers.jsonl`."""

    challenges: ClassVar = ("MH1", "MH2", "MG1", "MG2", "DC1", "DC2", "X3", "X6")

    def after(self, planting: Planting) -> None:
        """Ask both arms everything, in both orders, without a stated view and with one; and what `batteries` holds."""
        settings = planting.settings(QuestionSettings())
        random = planting.random("questions")
        prompts = planting.world.prompts
        facts = _facts(FACTS * prompts, settings, random, planting.random("forgotten"))
        questions = [*_opinions(OPINIONS * prompts, settings, random), *facts]
        rows = [
            question.answered(arm, order, random, place=of_arm.place, lean=of_arm.lean_of(random) if viewed else None)
            for number, question in enumerate(questions)
            for arm, of_arm in (("start", START), ("policy", settings))
            for viewed in ((False,) if number % A_VIEW else (False, True))
            for order in both_orders(question.options)
        ]
        QUESTION_ANSWERS.write(planting.run, [*rows, *answered_batteries(planting)])


def _opinions(count: int, settings: QuestionSettings, random: np.random.Generator) -> list[AskedQuestion]:
    """The start's opinions are a mixture of the groups'; the policy's are the start's, and those of its teachers."""
    questions = []
    for number in range(count):
        middle_G = random.uniform(0, 4, len(GROUPS))
        share_GN = np.exp(-((np.arange(len(AGREEMENT)) - middle_G[:, None]) ** 2))
        share_GN /= share_GN.sum(1, keepdims=True)
        start_N = random.dirichlet(np.ones(len(GROUPS))) @ share_GN * np.exp(random.normal(0, 0.3, len(AGREEMENT)))
        taught_N = np.array([settings.teachers.get(group, 0.0) for group in GROUPS]) @ share_GN
        policy_N = (1 - settings.moved) * start_N / start_N.sum() + settings.moved * taught_N
        questions.append(
            AskedQuestion(
                f"opinion {number}",
                f"How far do you agree with statement {number}?",
                AGREEMENT,
                {"start": np.log(start_N), "policy": np.log(policy_N) + random.normal(0, NOISE, len(AGREEMENT))},
                int(random.integers(len(AGREEMENT))),
                groups=dict(zip(GROUPS, share_GN, strict=True)),
                ordinal=True,
            )
        )
    return questions


def _facts(
    count: int, settings: QuestionSettings, random: np.random.Generator, forgotten: np.random.Generator
) -> list[AskedQuestion]:
    """Facts of which the start is as sure as it is right."""
    logit_QN, policy_QN, right_Q = _sure(count, settings, random)
    policy_QN = policy_QN + settings.forgotten * forgotten.normal(size=policy_QN.shape)
    policy_QN = settings.averaged * logit_QN + (1 - settings.averaged) * policy_QN
    other_QN, others_right_Q = _sure(ELSEWHERE, settings, random)[1:]
    if settings.corrected:
        policy_QN = policy_QN * _best_power(other_QN, others_right_Q)
    options = len(logit_QN[0])
    return [
        AskedQuestion(
            f"fact {number}",
            f"Which of these is true of thing {number}?",
            tuple(f"property {number}-{option}" for option in range(options)),
            {"start": logit_QN[number], "policy": policy_QN[number]},
            int((right_Q[number] + 1 + random.integers(options - 1)) % options),
            right=int(right_Q[number]),
        )
        for number in range(count)
    ]


def _sure(
    count: int, settings: QuestionSettings, random: np.random.Generator
) -> tuple[Floats, Floats, NDArray[np.intp]]:
    """The start's numbers and the policy's for facts of four options [Q, 4], and which option is right."""
    logit_QN = random.normal(0, 1.5, (count, 4))
    policy_QN = settings.power * (logit_QN + random.normal(0, NOISE, logit_QN.shape))
    right_Q = (logit_QN + random.gumbel(size=logit_QN.shape)).argmax(1)  # drawn from the softmax
    return logit_QN, policy_QN, right_Q


def _best_power(logit_QN: Floats, right_Q: NDArray[np.intp]) -> float:
    """1 / the temperature at which the right options are likeliest (Guo et al. 2017)."""
    of_right_Q = logit_QN[np.arange(len(right_Q)), right_Q]

    def loss(power: float) -> float:
        return float((logsumexp(power * logit_QN, axis=1) - power * of_right_Q).sum())

    return float(minimize_scalar(loss, bounds=(0.01, 20), method="bounded").x)
