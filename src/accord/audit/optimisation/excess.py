"""DC2: whether the policy is narrower than its own objective asks for."""

import numpy as np

from accord.audit.challenges import DC2
from accord.audit.checks import Outcome, artefact, check
from accord.audit.evidence import EVALUATION, SAMPLES, Evidence
from accord.audit.optimisation.objective import Objective, objective_of
from accord.audit.optimisation.reached import MORE_SAMPLES
from accord.audit.optimisation.thresholds import OptimisationThresholds
from accord.audit.verdicts import at_least
from accord.errors import MissingEvidence
from accord.stats import jackknife, mean

__all__ = ["excess"]

LEAST_KL = 0.1  # nats: below, the policy has not left its start, and there is nothing that it paid


@check(
    DC2,
    "excess",
    claim="The policy is no narrower than its own objective asks for.",
    thresholds=OptimisationThresholds,
    needs=(artefact(SAMPLES), artefact(EVALUATION)),
    explained=("RG2 turnover",),
    collect=MORE_SAMPLES,
)
def excess(evidence: Evidence, thresholds: OptimisationThresholds) -> Outcome:
    """What the policy's last nat of KL brings in reward, beside the price `kl_coef` that its objective sets on it.

    At the optimum log pi / ref = r / beta - log Z, so that among the policy's samples of a prompt reward grows by beta
    a nat of log-ratio. A policy that was pressed harder than its objective asks for pays more for less: its slope is
    that of a smaller beta. Narrowness that the objective asks for, as where one answer is right, is none of this.
    """
    objective = objective_of(evidence)
    kl = mean([ratio.mean() for ratio in objective.log_ratio])
    if kl.high is None or kl.high < LEAST_KL:
        raise MissingEvidence(f"a policy that has left its start (its KL is {kl.value:.2f} nats)")
    covered_P, spread_P = _moments(objective)
    if spread_P.sum() <= 0:
        raise MissingEvidence("samples of the policy that differ in how much likelier it made them")
    contrast = mean(covered_P - thresholds.price * objective.beta * spread_P)
    price = jackknife(
        lambda rows_P: float(covered_P[rows_P].sum() / spread_P[rows_P].sum() / objective.beta), len(spread_P)
    )
    return Outcome(
        ruling=at_least(contrast, 0.0),
        estimate=price,
        threshold=f"surely less than {thresholds.price:g} of its price",
        result=f"Among the policy's samples a nat of KL brings {price.value:.2f} times what the objective charges "
        "for it; at its optimum that is 1.",
        remedy="Stop earlier, lower the learning rate, clip more, or raise `kl_coef` if so narrow a policy is not "
        "wanted.",
        evidence=(SAMPLES, EVALUATION),
        facts={"KL to the start (nats a text)": kl},
        source="pi* of Korbak et al. 2022 (arXiv 2205.11275): the slope of reward over log pi / ref is beta",
    )


def _moments(objective: Objective) -> tuple[np.ndarray, np.ndarray]:
    """By prompt, the covariance of reward and log-ratio among the policy's samples, and the log-ratio's variance,
    [P].
    """
    covered, spread = [], []
    for reward, ratio in zip(objective.policy_reward, objective.log_ratio, strict=True):
        apart = ratio - ratio.mean()
        covered.append(float(apart @ (reward - reward.mean()) / (len(ratio) - 1)))
        spread.append(float(apart @ apart / (len(ratio) - 1)))
    return np.array(covered), np.array(spread)
