"""Rewards and advantages of sampled sequences: pure functions of tensors.

All are [B, T] with `mask_BT` true at the tokens that were sampled; a sequence starts at place 0, its end-of-sequence
token (where it was sampled) included. What lies outside the mask is ignored and returned as 0.
"""

import torch
from torch import Tensor

__all__ = [
    "above",
    "alike",
    "every_token",
    "gae",
    "group_relative",
    "kl_penalised",
    "leave_one_out",
    "returns_to_go",
    "update_kl_coef",
    "whitened",
]

ROUNDING = 1e-6  # a deviation of this share of the largest value is float32's, not the data's


def above(return_BT: Tensor, baseline_BT: Tensor) -> Tensor:
    """Each return less its baseline; exactly 0 where the two are equal but for rounding."""
    gap_BT = return_BT - baseline_BT
    return gap_BT.masked_fill(gap_BT.abs() <= ROUNDING * return_BT.abs(), 0.0)


def alike(x_PG: Tensor) -> Tensor:
    """Whether all of a group are equal but for rounding, [P, 1], or [P, 1, T] by token; a group of one is."""
    spread_P1 = x_PG.amax(1, keepdim=True) - x_PG.amin(1, keepdim=True)
    return spread_P1 <= ROUNDING * x_PG.abs().amax(1, keepdim=True)


def every_token(advantage_B: Tensor, mask_BT: Tensor) -> Tensor:
    """The advantage of a whole sequence at each of its tokens, [B, T]."""
    return advantage_B[:, None] * mask_BT


def kl_penalised(
    score_B: Tensor,
    logprob_BT: Tensor,
    reference_BT: Tensor,
    mask_BT: Tensor,
    *,
    kl_coef: float,
    dense_BT: Tensor | None = None,
) -> Tensor:
    """The reward of each token: -kl_coef (log pi - log ref), and the judge's score on the last one.

    Ziegler et al. 2019 (arXiv 1909.08593), eq. 2, spread over tokens as in their code. With `dense_BT` (what the judge
    says is earned at each token; Wu et al. 2023, arXiv 2306.01693, eq. 1) only what is left of the score stands on the
    last one, so that a sequence's rewards sum to the same.
    """
    reward_BT = -kl_coef * (logprob_BT - reference_BT) * mask_BT
    last_B = mask_BT.sum(1) - 1
    rows_B = torch.arange(len(score_B), device=score_B.device)
    if dense_BT is not None:
        reward_BT = reward_BT + dense_BT * mask_BT
        score_B = score_B - (dense_BT * mask_BT).sum(1)
    reward_BT[rows_B, last_B] += score_B
    return reward_BT


def gae(
    reward_BT: Tensor, value_BT: Tensor, mask_BT: Tensor, *, discount: float, gae_lambda: float
) -> tuple[Tensor, Tensor]:
    """Generalised advantage estimation (Schulman et al. 2016, arXiv 1506.02438, eq. 16), and returns.

    value_BT[b, t] is the value of what stands before token t. After a sequence's last token the value is 0.

    A_t = sum_l (discount gae_lambda)^l delta_{t+l},  delta_t = r_t + discount V_{t+1} - V_t,  return_t = A_t + V_t.
    """
    reward_BT = reward_BT * mask_BT
    value_BT = value_BT * mask_BT
    advantage_BT = torch.zeros_like(reward_BT)
    ahead_B = torch.zeros_like(reward_BT[:, 0])
    next_B = torch.zeros_like(ahead_B)
    for t in reversed(range(reward_BT.shape[1])):
        delta_B = reward_BT[:, t] + discount * next_B - value_BT[:, t]
        ahead_B = (delta_B + discount * gae_lambda * ahead_B) * mask_BT[:, t]
        next_B = value_BT[:, t]
        advantage_BT[:, t] = ahead_B
    return advantage_BT, advantage_BT + value_BT


def group_relative(score_B: Tensor, group: int, *, scale: bool) -> Tensor:
    """The score of each sample less the mean of its group, [B]; divided by the group's deviation with `scale`.

    `score_B` holds groups of `group` samples of one prompt, one after the other. Shao et al. 2024 (arXiv 2402.03300,
    section 4.1.2); without `scale` as in Liu et al. 2025 (arXiv 2503.20783). A group whose scores are all equal, but
    for rounding, teaches nothing: its advantages are exactly 0.
    """
    score_PG = score_B.view(-1, group)
    gap_PG = score_PG - score_PG.mean(1, keepdim=True)
    if scale and group > 1:
        gap_PG = gap_PG / (score_PG.std(1, keepdim=True) + 1e-4)
    return gap_PG.masked_fill(alike(score_PG), 0.0).flatten()


def leave_one_out(return_B: Tensor, group: int) -> Tensor:
    """The return of each sample less the mean return of the others of its group, [B], or [B, T] token by token.

    `return_B` holds groups of `group` >= 2 samples of one prompt, one after the other. The baseline does not look at
    the sample itself, so it leaves the gradient unbiased (Kool et al. 2019; Ahmadian et al. 2024, arXiv 2402.14740);
    at a token it is what the others earn from the same place on, 0 where they have ended. Where all returns of a group
    are equal, but for rounding, its advantages are exactly 0.
    """
    return_PG = return_B.view(-1, group, *return_B.shape[1:])
    others_PG = (return_PG.sum(1, keepdim=True) - return_PG) / (group - 1)
    return (return_PG - others_PG).masked_fill(alike(return_PG), 0.0).flatten(0, 1)


def returns_to_go(reward_BT: Tensor, mask_BT: Tensor) -> Tensor:
    """The sum of the rewards from each token on, undiscounted, [B, T]."""
    reward_BT = reward_BT * mask_BT
    return reward_BT.flip(1).cumsum(1).flip(1) * mask_BT


def whitened(x_BT: Tensor, mask_BT: Tensor) -> Tensor:
    """Mean 0 and standard deviation 1 over the tokens of the mask; 0 where all are equal but for rounding."""
    inside_N = x_BT[mask_BT]
    deviation = inside_N.std(correction=0)
    if deviation <= ROUNDING * inside_N.abs().max():
        return torch.zeros_like(x_BT)
    return torch.where(mask_BT, (x_BT - inside_N.mean()) / deviation, torch.zeros_like(x_BT))


def update_kl_coef(coefficient: float, kl: float, *, target: float, rate: float) -> float:
    """The KL coefficient after a step whose KL was `kl` nats a sequence (Ziegler et al. 2019, section 2.2).

    coefficient (1 + rate e) with e = clip((kl - target) / target, -0.2, 0.2).
    """
    error = min(0.2, max(-0.2, (kl - target) / target))
    return coefficient * (1 + rate * error)
