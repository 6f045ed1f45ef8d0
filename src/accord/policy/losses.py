"""The losses of supervised fine-tuning, policy gradients and DPO: pure functions of tensors, element by element.

They know no model, no file and no run. What is averaged over what is the caller's business, and said there.
"""

import math
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

__all__ = [
    "ClippedLoss",
    "direct_preference",
    "importance_weight",
    "kl_estimate",
    "kl_to_reference",
    "negative_log_likelihood",
    "ppo_policy",
    "ppo_value",
    "reinforce",
]


class ClippedLoss(NamedTuple):
    """A loss by element, and where its clip was the part that counted."""

    loss_N: Tensor
    clipped_N: Tensor


def negative_log_likelihood(logprob_N: Tensor) -> Tensor:
    """-log p of each target token, [N] nats."""
    return -logprob_N


def reinforce(logprob_N: Tensor, advantage_N: Tensor) -> ClippedLoss:
    """-A log p of each sampled token, [N] (Williams 1992); no gradient flows through A, and nothing is clipped."""
    return ClippedLoss(-advantage_N * logprob_N, torch.zeros_like(logprob_N, dtype=torch.bool))


def ppo_policy(
    logprob_N: Tensor, old_N: Tensor, advantage_N: Tensor, *, clip: float, clip_high: float | None = None
) -> ClippedLoss:
    """The clipped surrogate of PPO, negated to be a loss (Schulman et al. 2017, arXiv 1707.06347, eq. 7).

    logprob_N, old_N   log-probability of each sampled token now and when it was sampled
    advantage_N        its advantage; no gradient flows through it
    clip_high          the bound above where it differs from the one below (Yu et al. 2025, arXiv 2503.14476, eq. 10)

    max(-A r, -A clamp(r, 1 - clip, 1 + clip)) with r = exp(logprob - old).
    """
    ratio_N = (logprob_N - old_N).exp()
    plain_N = -advantage_N * ratio_N
    held_N = -advantage_N * ratio_N.clamp(1 - clip, 1 + (clip if clip_high is None else clip_high))
    return ClippedLoss(torch.maximum(plain_N, held_N), held_N > plain_N)


def importance_weight(
    logprob_BT: Tensor, sampled_BT: Tensor, mask_BT: Tensor, *, level: Literal["token", "sequence"], cap: float
) -> tuple[Tensor, Tensor]:
    """What a token weighs whose sampler was another distribution than the trainer's: min(ratio, cap), and log ratio.

    logprob_BT, sampled_BT   log-probability of each sampled token by the trainer before its update, by its sampler

    The ratio is pi(a|s) / mu(a|s) of each token, or of each whole sequence, the product of those of its tokens. Both
    returned are [B, T], and 0 outside of the sequences. Without a cap the weight of a sequence makes expectations
    under the sampler those under the trainer; that of a token does so for the token alone, its prefix stays the
    sampler's. The cap bounds the variance (Espeholt et al. 2018, IMPALA, arXiv 1802.01561, eq. 1: rho-bar; between a
    sampler and a trainer of the same weights, Yao et al. 2025, "Your Efficient RL Framework Secretly Brings You
    Off-Policy RL Training", which has no arXiv number).
    """
    log_BT = torch.where(mask_BT, logprob_BT - sampled_BT, 0.0)
    if level == "sequence":
        log_BT = log_BT.sum(1, keepdim=True) * mask_BT
    return log_BT.clamp(max=math.log(cap)).exp() * mask_BT, log_BT


def kl_estimate(logprob_N: Tensor, reference_N: Tensor, kind: Literal["k1", "k2", "k3"]) -> Tensor:
    """An estimate of KL(pi || ref) at tokens drawn from pi, [N] nats (Schulman 2020, "Approximating KL divergence").

    With d = log pi - log ref: k1 = d is unbiased and may be negative; k2 = d^2 / 2 is neither negative nor unbiased;
    k3 = exp(-d) - 1 + d is never negative and unbiased. As a loss, the gradient of k2 is that of the KL, that of k3 is
    that of KL(ref || pi), and that of k1 is 0 on average.
    """
    gap_N = logprob_N - reference_N
    match kind:
        case "k1":
            return gap_N
        case "k2":
            return gap_N**2 / 2
        case "k3":
            return kl_to_reference(logprob_N, reference_N)


def kl_to_reference(logprob_N: Tensor, reference_N: Tensor) -> Tensor:
    """An estimate of KL(pi || ref) at each sampled token that is never negative, [N] nats (Schulman 2020, k3).

    exp(d) - 1 - d with d = log ref - log pi; unbiased where the token was drawn from pi. GRPO adds it to its loss
    (Shao et al. 2024, arXiv 2402.03300, eq. 4).
    """
    gap_N = reference_N - logprob_N
    return gap_N.expm1() - gap_N  # exp(d) - 1 loses what a small d leaves


def ppo_value(value_N: Tensor, old_N: Tensor, return_N: Tensor, *, clip: float) -> ClippedLoss:
    """Half the squared error of the value, clipped around its old value (Schulman et al. 2016, as in PPO's code).

    max((V - R)^2, (clamp(V, old - clip, old + clip) - R)^2) / 2.
    """
    near_N = torch.minimum(torch.maximum(value_N, old_N - clip), old_N + clip)
    plain_N = (value_N - return_N) ** 2
    held_N = (near_N - return_N) ** 2
    return ClippedLoss(torch.maximum(plain_N, held_N) / 2, held_N > plain_N)


def direct_preference(margin_P: Tensor, reference_P: Tensor, tie_P: Tensor, *, beta: float) -> Tensor:
    """DPO (Rafailov et al. 2023, arXiv 2305.18290, eq. 7), [P].

    margin_P      log-probability of the chosen minus that of the rejected, under the policy, summed over tokens
    reference_P   the same under the reference
    tie_P         true where neither was preferred: half a preference each way

    -log sigmoid(beta (margin - reference)).
    """
    logit_P = beta * (margin_P - reference_P)
    won_P = -logsigmoid(logit_P)
    return torch.where(tie_P, (won_P - logsigmoid(-logit_P)) / 2, won_P)
