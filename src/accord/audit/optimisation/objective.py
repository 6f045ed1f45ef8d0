"""The policy's samples beside the optimum of the objective that it was trained on.

    J(pi) = E_pi[r] - beta KL(pi || ref)   is greatest at   pi*(y|x) = ref(y|x) exp(r(x, y) / beta) / Z(x)

(Korbak et al. 2022, arXiv 2205.11275). With l(y) = log ref(y) + r(y) / beta - log pi(y), a sample of the policy has
J(pi) = beta E_pi[l], and log Z = log E_pi[exp l] = log E_ref[exp(r / beta)] >= E_pi[l], with equality where the policy
is the optimum: l is then the same for all texts of a prompt.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accord.audit.evidence import EVALUATION, SAMPLES, Evidence
from accord.deferred import deferred
from accord.errors import MissingEvidence

with deferred():
    from scipy.special import logsumexp

    from accord.artefacts import EvaluationSample

__all__ = ["FEWEST_PROMPTS", "Objective", "carried_share", "objective_of"]

Floats = NDArray[np.float64]
FEWEST_PROMPTS = 6
FEWEST_SAMPLES = 4


@dataclass(frozen=True)
class Objective:
    """Samples of prompts that both arms answered, by prompt.

    beta             the coefficient of the KL
    start_reward     rewards of the start's samples, [G] each
    policy_reward    the same of the policy's
    log_ratio        log pi / ref of the policy's samples, nats a text
    """

    beta: float
    start_reward: list[Floats]
    policy_reward: list[Floats]
    log_ratio: list[Floats]

    def surplus(self, prompt: int) -> Floats:
        """l of the policy's samples, [G]."""
        return np.asarray(self.policy_reward[prompt] / self.beta - self.log_ratio[prompt])

    def log_z(self) -> Floats:
        """log Z of each prompt, [P], from whichever arm's samples carry the optimum better.

        By Jensen's inequality too small on average: the optimum is at least as good as this says.
        """
        from_policy = [self.surplus(prompt) for prompt in range(len(self.log_ratio))]
        from_start = [reward / self.beta for reward in self.start_reward]
        better = max((from_policy, from_start), key=carried_share)
        return np.array([logsumexp(exponent) - np.log(len(exponent)) for exponent in better])


def objective_of(evidence: Evidence) -> Objective:
    """The objective of a run. Raises `MissingEvidence` where its optimum is not known, or samples do not say enough."""
    optimum = evidence.evaluation.optimum
    if optimum is None:
        raise MissingEvidence(
            f"`optimum` in {EVALUATION} (the policy's objective is no score less a KL, or its samples were drawn "
            "otherwise)"
        )
    rows = [row for row in evidence.evaluation_samples if row.reward is not None and row.logprobs is not None]
    by_arm: dict[str, dict[str, list[EvaluationSample]]] = {"start": {}, "policy": {}}
    for row in rows:
        if row.arm in by_arm:
            by_arm[row.arm].setdefault(row.prompt, []).append(row)
    start, policy = by_arm["start"], by_arm["policy"]
    prompts = [name for name in start if min(len(start[name]), len(policy.get(name, ()))) >= FEWEST_SAMPLES]
    if len(prompts) < FEWEST_PROMPTS:
        raise MissingEvidence(
            f"{FEWEST_PROMPTS} prompts with {FEWEST_SAMPLES} samples of each arm, scored by the reward model, in "
            f"{SAMPLES} (there are {len(prompts)})"
        )
    return Objective(
        optimum.kl_coef,
        [np.array([_score(row, optimum.missing_eos_penalty) for row in start[name]]) for name in prompts],
        [np.array([_score(row, optimum.missing_eos_penalty) for row in policy[name]]) for name in prompts],
        [np.array([_log_ratio(row) for row in policy[name]]) for name in prompts],
    )


def _log_ratio(row: EvaluationSample) -> float:
    """log pi / ref of a sample. Raises `MissingEvidence` where either model's log-probabilities are not there."""
    if row.logprobs is None or row.reference_logprobs is None:
        raise MissingEvidence(f"log-probabilities of both models in {SAMPLES}")
    return sum(row.logprobs) - sum(row.reference_logprobs)


def _score(row: EvaluationSample, penalty: float) -> float:
    """What the policy learnt from: the score, at its low end where it learnt with caution, less what not ending
    costs.
    """
    score = row.reward if row.cautious_reward is None else row.cautious_reward
    assert score is not None
    return score - penalty * (row.finish_reason == "length")


def carried_share(exponents: list[Floats]) -> float:
    """The mean share of samples that carry the weights: 1 / (n sum w^2), Kong 1992."""
    shares = []
    for exponent in exponents:
        weight = np.exp(exponent - exponent.max())
        shares.append(float(weight.sum() ** 2 / (len(weight) * (weight**2).sum())))
    return float(np.mean(shares))
