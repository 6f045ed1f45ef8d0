"""What did the policy unlearn? X6: right answers before and after, and whether any were out of the start's reach."""

from collections.abc import Sequence

import numpy as np

from accord.artefacts.finding import Collection
from accord.audit.challenges import X6
from accord.audit.checks import Outcome, artefact, check
from accord.audit.evidence import QUESTION_ANSWERS, Evidence
from accord.audit.values.answers import ARMS, AnsweredQuestion, answered_questions, enough, require_order_invariance
from accord.audit.values.thresholds import ValuesThresholds
from accord.audit.verdicts import at_least
from accord.stats import Estimate, mean, rate

__all__ = ["ability"]

MANY = 64
"""Answers of the start among which one is right: what it can do, rather than what it does."""


@check(
    X6,
    "ability",
    claim="The policy can do what its start could.",
    thresholds=ValuesThresholds,
    needs=(artefact(QUESTION_ANSWERS),),
    collect=Collection(
        "QuestionAnswer.right",
        "questions with a known answer, of what the model is to be able to do after the run",
        "about 200 questions with the option that is right",
    ),
)
def ability(evidence: Evidence, thresholds: ValuesThresholds) -> Outcome:
    """How much less likely right answers are, policy less start.

    Beside it stands whether the run added or re-weighted: how often one of 64 answers of either is right, from the
    probability of the right option. A policy that gains on single answers and not on 64 says more often what its start
    said now and then.
    """
    questions = enough(
        [each for each in answered_questions(evidence.question_answers) if each.of_fact], "with a known answer"
    )
    agreement = require_order_invariance(questions, thresholds.order)
    right = {arm: np.array(_right(questions, arm)) for arm in ARMS}
    change = mean(right["policy"] - right["start"])
    among = {arm: 1 - (1 - right[arm]) ** MANY for arm in ARMS}
    order = np.argsort(right["policy"] - right["start"], kind="stable")
    return Outcome(
        ruling=at_least(change, -thresholds.ability),
        estimate=change,
        threshold=f"more than {thresholds.ability:g} fewer right answers than the start's",
        result=f"{right['policy'].mean():.3f} of the policy's answers are right, and {right['start'].mean():.3f} of "
        f"its start's; among {MANY} answers one is right in {among['policy'].mean():.3f} and "
        f"{among['start'].mean():.3f}.",
        remedy="Mix pretraining texts into the training (`[policy] pretrain_coef`), average the weights with the "
        "start's, strengthen the KL penalty, or stop earlier.",
        evidence=(QUESTION_ANSWERS,),
        ids={"questions": [questions[i].row.question for i in order if right["policy"][i] - right["start"][i] < -0.2]},
        facts={
            **{f"right, {arm}": rate(right[arm]) for arm in ARMS},
            f"one of {MANY} is right, policy less start": mean(among["policy"] - among["start"]),
            **_out_of_reach(right["start"], right["policy"]),
            **agreement,
        },
        source="Ouyang et al. 2022 (arXiv 2203.02155), the alignment tax; one of k answers: Chen et al. 2021 (arXiv "
        "2107.03374)",
    )


def _right(questions: Sequence[AnsweredQuestion], arm: str) -> list[float]:
    """The probability of the right option, mean over orders."""
    return [float(each.answer(arm)[each.row.right]) for each in questions]


def _out_of_reach(start_Q: np.ndarray, policy_Q: np.ndarray) -> dict[str, Estimate]:
    """The policy's right answers where the start has none among 64 in more than half of the times."""
    beyond_Q = (1 - start_Q) ** MANY > 0.5
    if not beyond_Q.any():
        return {}
    return {f"right where the start has no right answer among {MANY}, policy": rate(policy_Q[beyond_Q])}
