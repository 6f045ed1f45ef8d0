"""RL1: whether the policy still finds what its start finds among many texts, or settled before it had found it."""

from collections.abc import Mapping, Sequence
from functools import cache
from math import comb, isfinite, sqrt

import numpy as np
from numpy.typing import NDArray

from accord.artefacts.finding import Collection
from accord.audit.challenges import RL1
from accord.audit.checks import Outcome, artefact, check
from accord.audit.evidence import SAMPLES, Evidence
from accord.audit.optimisation.thresholds import OptimisationThresholds
from accord.audit.verdicts import at_most
from accord.errors import MissingEvidence
from accord.stats import Estimate, mean

__all__ = ["best_of_k", "exploration"]

Floats = NDArray[np.float64]
Scored = Mapping[str, Floats]
FEWEST_PROMPTS, FEWEST_SAMPLES = 6, 4


@check(
    RL1,
    "exploration",
    claim="Among several texts the policy's best is as good as the best of as many of its start's.",
    thresholds=OptimisationThresholds,
    needs=(artefact(SAMPLES),),
    explained=("RL1 reached", "P-KL sign"),
    collect=Collection(
        SAMPLES,
        "samples of start and policy to the same prompts, with the rewards that the policy learnt from",
        "16 samples of each arm to each of 30 held-out prompts",
    ),
)
def exploration(evidence: Evidence, thresholds: OptimisationThresholds) -> Outcome:
    """The reward of the best of k texts of the start, less that of the best of k of the policy, by prompt.

    An objective never asks for less: pi* ~ ref exp(r / beta) makes every text with a higher reward likelier beside one
    with a lower (a monotone likelihood ratio), so the best of any number rises at its optimum, whatever beta is. Where
    it fell, the policy settled on texts before better ones were tried. k is half of the fewest samples; in standard
    deviations of the start's rewards of a prompt.
    """
    start, policy = (_by_prompt(evidence, arm) for arm in ("start", "policy"))
    prompts = [name for name in start if min(len(start[name]), len(policy.get(name, ()))) >= FEWEST_SAMPLES]
    if len(prompts) < FEWEST_PROMPTS:
        raise MissingEvidence(
            f"{FEWEST_PROMPTS} prompts to which start and policy have {FEWEST_SAMPLES} samples each with the reward "
            f"that was learnt from, in {SAMPLES} (there are {len(prompts)})"
        )
    unit = sqrt(float(np.mean([start[name].var(ddof=1) for name in prompts])))
    if unit == 0:
        raise MissingEvidence(f"samples of the start in {SAMPLES} whose rewards differ (to each prompt all are equal)")
    k = min(len(arm[name]) for arm in (start, policy) for name in prompts) // 2
    lost_P = np.array([best_of_k(start[name], k) - best_of_k(policy[name], k) for name in prompts]) / unit
    lost = mean(lost_P, prompts)
    by_k = {number: _gain(start, policy, prompts, number, unit) for number in (1, k)}
    return Outcome(
        ruling=at_most(lost, thresholds.unexplored),
        estimate=lost,
        threshold=f"the start's best surely better by more than {thresholds.unexplored:g} SDs",
        result=f"The best of {k} texts of the policy has {by_k[k].value:+.2f} SDs of reward beside the best of {k} of "
        f"its start, a single text {by_k[1].value:+.2f}; at the optimum of its objective neither would be lower.",
        remedy="Draw more of each prompt in a step (`[policy] group_size`), keep the policy near its start for longer "
        "(`kl_coef`), learn more slowly (`[policy.optim] lr`), or begin the training anew from the start.",
        evidence=(SAMPLES,),
        ids={"prompts": [name for name, less in zip(prompts, lost_P, strict=True) if less > thresholds.unexplored]},
        facts={f"best of {number}, policy less start (SDs)": gain for number, gain in by_k.items()}
        | {f"different texts to a prompt, {name}": _different(evidence, name, prompts) for name in ("start", "policy")},
        source="the optimum: Korbak et al. 2022 (arXiv 2205.11275); one of many answers before and after: Yue et al. "
        "2025 (arXiv 2504.13837)",
    )


def best_of_k(value_M: Floats, k: int) -> float:
    """The mean of the greatest of k of M values, drawn without replacement: sum of C(r - 1, k - 1) / C(M, k) v_(r)."""
    return float(_chances(len(value_M), k) @ np.sort(value_M))


@cache
def _chances(count: int, k: int) -> Floats:
    return np.array([comb(rank, k - 1) / comb(count, k) for rank in range(count)])


def _gain(start: Scored, policy: Scored, prompts: Sequence[str], k: int, unit: float) -> Estimate:
    return mean([(best_of_k(policy[name], k) - best_of_k(start[name], k)) / unit for name in prompts], prompts)


def _by_prompt(evidence: Evidence, arm: str) -> Scored:
    """Rewards of an arm's samples by prompt, in order."""
    found: dict[str, list[float]] = {}
    for row in evidence.evaluation_samples:
        if row.arm == arm and row.reward is not None and isfinite(row.reward):
            found.setdefault(row.prompt, []).append(row.reward)
    return {name: np.array(rewards) for name, rewards in found.items()}


def _different(evidence: Evidence, arm: str, prompts: Sequence[str]) -> Estimate:
    """The share of an arm's samples to a prompt that are not another's text."""
    texts: dict[str, list[str]] = {}
    for row in evidence.evaluation_samples:
        if row.arm == arm:
            texts.setdefault(row.prompt, []).append(row.text)
    return mean([len(set(texts[name])) / len(texts[name]) for name in prompts], prompts)
