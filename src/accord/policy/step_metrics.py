"""What is logged of the samples of a step of online training, whatever its algorithm."""

from typing import Any

from torch import Tensor

from accord.policy.advantages import alike
from accord.policy.rollout import Rollout

__all__ = ["frac_zero_std", "rollout_metrics"]


def rollout_metrics(rollout: Rollout, *, on_policy: bool, has_reference: bool) -> dict[str, Any]:
    """Fields of `OnlineMetrics` that samples alone say; None where they are not the policy's own, or of one sample."""
    kl_B = rollout.kl_B if on_policy and has_reference else None
    means = {name: float(component_B.mean()) for name, component_B in rollout.components.items()}
    del means["length"]
    std_B = None if rollout.judged is None else rollout.judged.std_N
    return {
        "reward": float(rollout.score_B.mean()),
        "reward_std": _deviation(rollout.score_B),
        "judge_std": None if std_B is None else float(std_B.mean()),
        "kl": None if kl_B is None else float(kl_B.mean()),
        "kl_se": None if kl_B is None or len(kl_B) == 1 else float(kl_B.std() / len(kl_B) ** 0.5),
        "entropy": rollout.entropy if on_policy else None,
        "length": float(rollout.mask_BT.sum(1).float().mean()),
        "stop_rate": float(rollout.stopped_B.float().mean()),
        "sampler_logprob_diff": rollout.sampler_logprob_diff if on_policy else None,
        "sampler_kl": rollout.sampler_kl if on_policy else None,
        "components": means or None,
    }


def frac_zero_std(score_B: Tensor, group: int) -> float | None:
    """The share of groups whose samples all have the same score, from which nothing is learnt; None of single ones."""
    return float(alike(score_B.view(-1, group)).float().mean()) if group > 1 else None


def _deviation(score_B: Tensor) -> float | None:
    """The standard deviation of what was drawn; None of a single sample, which has none."""
    return float(score_B.std()) if len(score_B) > 1 else None
