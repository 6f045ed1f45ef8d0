"""RL1: whether the optimiser reached what its objective offered."""

import numpy as np

from accord.artefacts import Verdict
from accord.artefacts.finding import Collection
from accord.audit.challenges import RL1
from accord.audit.checks import Outcome, artefact, check
from accord.audit.evidence import EVALUATION, SAMPLES, Evidence
from accord.audit.optimisation.objective import Objective, carried_share, objective_of
from accord.audit.optimisation.thresholds import OptimisationThresholds
from accord.audit.verdicts import Ruling, at_most
from accord.errors import MissingEvidence
from accord.stats import Estimate, jackknife, mean

__all__ = ["MORE_SAMPLES", "reached"]

MORE_SAMPLES = Collection(
    SAMPLES,
    "samples of start and policy, with their log-probabilities and the reward that the policy learnt from",
    "16 samples of each of 30 held-out prompts (`[evaluate] samples_per_prompt`)",
)
RESOLVED = 0.2  # of the texts carry the optimum: else log Z is a lower bound, and nothing is surely near the optimum


@check(
    RL1,
    "reached",
    claim="The policy reached most of what its own objective offered.",
    thresholds=OptimisationThresholds,
    needs=(artefact(SAMPLES), artefact(EVALUATION)),
    explained=("DC2 excess", "RL1 coverage"),
    collect=MORE_SAMPLES,
)
def reached(evidence: Evidence, thresholds: OptimisationThresholds) -> Outcome:
    """What is left of the objective, (J* - J(policy)) / (J* - J(start)), by its own reward and KL.

    It fires where more than a share is surely left. The optimum is estimated from samples and too low on average, so
    the gap is at least what is said; where samples do not show the optimum it cannot be quiet.
    """
    objective = objective_of(evidence)
    left_P, offered_P = _gaps(objective)
    if offered_P.sum() <= 0:
        raise MissingEvidence("rewards that differ among the samples (the objective offered nothing to gain)")
    beyond = mean(left_P - thresholds.gap * offered_P)
    share = jackknife(lambda rows_P: float(left_P[rows_P].sum() / offered_P[rows_P].sum()), len(left_P))
    resolved = _resolved(objective)
    policy, start, optimum = _levels(objective)
    return Outcome(
        ruling=_ruling(beyond, resolved),
        estimate=share,
        threshold=f"more than {thresholds.gap:g} of what there was to gain surely left",
        result=f"Of its objective (reward less {objective.beta:g} a nat of KL) the policy has {policy:.3f}, its start "
        f"{start:.3f}, and the optimum {'' if resolved else 'at least '}{optimum:.3f}: {share.value:.0%} of the gain "
        "is left.",
        remedy="Train longer, with a higher learning rate or larger groups; begin with a supervised start from which "
        "good texts are sampled at all; or see by `accord lab run exact-optimum` how each algorithm converges.",
        evidence=(SAMPLES, EVALUATION),
        facts={"left beyond the share allowed (units of reward)": beyond},
        source="optimality gap against pi* of Korbak et al. 2022 (arXiv 2205.11275); Agarwal et al. 2021 (arXiv "
        "2108.13264)",
    )


def _gaps(objective: Objective) -> tuple[np.ndarray, np.ndarray]:
    """By prompt, J* - J(policy) and J* - J(start), [P] each, in units of reward."""
    policy_P = np.array([objective.surplus(prompt).mean() for prompt in range(len(objective.log_ratio))])
    start_P = np.array([reward.mean() / objective.beta for reward in objective.start_reward])
    optimum_P = np.maximum(objective.log_z(), policy_P)
    return objective.beta * (optimum_P - policy_P), objective.beta * (optimum_P - start_P)


def _levels(objective: Objective) -> tuple[float, float, float]:
    """J of policy, start and optimum, means over prompts."""
    left_P, offered_P = _gaps(objective)
    start = float(np.mean([reward.mean() for reward in objective.start_reward]))
    optimum = start + float(offered_P.mean())
    return optimum - float(left_P.mean()), start, optimum


def _resolved(objective: Objective) -> bool:
    """Whether the policy's own samples carry the optimum: l is nearly the same for all."""
    return carried_share([objective.surplus(prompt) for prompt in range(len(objective.log_ratio))]) >= RESOLVED


def _ruling(beyond: Estimate, resolved: bool) -> Ruling:
    ruling = at_most(beyond, 0.0)
    if ruling.verdict is Verdict.QUIET and not resolved:
        return Ruling(
            Verdict.INCONCLUSIVE, "samples among which the optimum can be seen (more of each prompt)", ruling.p_value
        )
    return ruling
