"""What is logged of a step of online training, whatever its algorithm."""

from typing import TYPE_CHECKING, Any

from torch import Tensor

from accord.artefacts import OnlineMetrics
from accord.policy.advantages import alike
from accord.policy.moving_judge import MovingJudge
from accord.policy.rollout import Rollout

if TYPE_CHECKING:
    from accord.policy.online import OnlineTrainer

__all__ = ["online_metrics"]


def online_metrics(trainer: "OnlineTrainer", rollout: Rollout, step: int, numbers: dict[str, Any]) -> OnlineMetrics:
    """The algorithm's `numbers` of its updates, and what all algorithms log.

    Moves multipliers and weights of groups (`OnlineTrainer.update_multipliers`): the step ends here.
    """
    settings = trainer.settings
    on_policy, group = settings.on_policy, settings.group_size
    kl_B = rollout.kl_B if on_policy and trainer.reference is not None else None
    # Before `update_multipliers`: by the multipliers that this step was made with.
    frac_zero_std = _frac_zero_std(trainer.scores(rollout), group) if group > 1 else None
    means = {name: float(component_B.mean()) for name, component_B in rollout.components.items()}
    del means["length"]
    std_B = None if rollout.judged is None else rollout.judged.std_N
    cautious = settings.is_cautious and settings.maxmin is None
    moving = trainer.judge if isinstance(trainer.judge, MovingJudge) else None
    return OnlineMetrics(
        step=step,
        reward=float(rollout.score_B.mean()),
        reward_std=_deviation(rollout.score_B),
        judge_std=None if std_B is None else float(std_B.mean()),
        cautious_reward=float(trainer.learnt_from(rollout).score_B.mean()) if cautious else None,
        kl=None if kl_B is None else float(kl_B.mean()),
        kl_se=None if kl_B is None or len(kl_B) == 1 else float(kl_B.std() / len(kl_B) ** 0.5),
        entropy=rollout.entropy if on_policy else None,
        length=float(rollout.mask_BT.sum(1).float().mean()),
        stop_rate=float(rollout.stopped_B.float().mean()),
        sampler_logprob_diff=rollout.sampler_logprob_diff if on_policy else None,
        sampler_kl=rollout.sampler_kl if on_policy else None,
        frac_zero_std=frac_zero_std,
        components=means or None,
        reward_version=None if moving is None else moving.version,
        labels=None if moving is None else moving.labels,
        multipliers=trainer.update_multipliers(rollout),
        **numbers,
    )


def _deviation(score_B: Tensor) -> float | None:
    """The standard deviation of what was drawn; None of a single sample, which has none."""
    return float(score_B.std()) if len(score_B) > 1 else None


def _frac_zero_std(score_B: Tensor, group: int) -> float:
    return float(alike(score_B.view(-1, group)).float().mean())
