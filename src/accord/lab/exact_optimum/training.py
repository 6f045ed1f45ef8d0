"""Each method on a table: the online algorithms by their own updates, DPO on fresh pairs."""

from typing import Any

import torch
from torch import Tensor, nn

from accord.lab.enumerated import EnumWorld
from accord.lab.tables import train_table
from accord.policy.losses import direct_preference
from accord.policy.online import Online
from accord.policy.registry import ALGORITHMS
from accord.train.optimiser import Optim, Optimiser
from accord.train.seeds import seed_of

__all__ = ["METHODS", "RANKED", "RANKS", "SAMPLES", "optimise", "prefer", "settings_of"]

METHODS = ("rloo", "reinforce", "reinforce++", "ppo", "grpo", "dpo")
RANKED = ("rrhf", "pro")  # no beta: nothing holds them near the start
RANKS = 8  # samples of a prompt that are ranked
SAMPLES = 256
PAIRS = 512  # a step of DPO
RATE = 0.02
# Beside the lab's defaults: returns of whole texts with a baseline a prompt; values that learn as fast as logits.
ON_TABLES: dict[str, dict[str, Any]] = {
    "reinforce": {"baseline": "prompt", "to_go": False},
    "ppo": {"head_lr_scale": 1.0},
}
LOOSE = 1e9  # gradients are not clipped: the tables need no guard, and the optimum is not to depend on one


def settings_of(method: str, beta: float, steps: int) -> Online:
    """An online algorithm with the strength beta, on four prompts with 64 samples each.

    RRHF and PRO, which have no KL penalty, take 8 samples. Raises `TypeError` where the algorithm is not online.
    """
    algorithm = ALGORITHMS.get(method)
    if not issubclass(algorithm, Online):
        raise TypeError(f"'{method}' does not learn from samples of its own")
    settings: dict[str, Any] = {
        "max_steps": steps,
        "prompts_per_step": 4,
        "group_size": RANKS if method in RANKED else SAMPLES // 4,
        "optim": _optim(RATE),
        **(algorithm.lab_defaults or {}),
        **ON_TABLES.get(method, {}),
    }
    return algorithm(**settings, **({} if method in RANKED else {"kl_coef": beta}))


def optimise(method: str, beta: float, world: EnumWorld, *, seed: int, steps: int) -> Tensor:
    """The log-probability of every text, [P, N], under the policy that a method ends with."""
    if method == "dpo":
        return prefer(world, beta, seed=seed, steps=steps)
    return train_table(settings_of(method, beta, steps), world, seed=seed).texts()


def prefer(
    world: EnumWorld,
    beta: float,
    *,
    seed: int,
    steps: int,
    pairs: int = PAIRS,
    once: bool = False,
    lr: float = RATE,
) -> Tensor:
    """The log-probability of every text, [P, N], after DPO on fresh pairs of the reference's texts.

    Preferences are those of Bradley-Terry with the true reward. The loss of a pair is its expectation over both
    answers, as if many people had been asked; with `once`, one answer is drawn.
    """
    table_PMA = nn.Parameter(world.ref_PMA.float().clone())
    optimiser = Optimiser(_optim(lr), [table_PMA], steps)
    ref_PN, reward_PN = world.ref_PN.float(), world.reward_PN.float()
    count = pairs // len(ref_PN)
    for step in range(steps):
        generator = torch.Generator().manual_seed(seed_of(seed, "pairs", step))
        text_PK = torch.multinomial(ref_PN.exp(), 2 * count, replacement=True, generator=generator)
        reward_PK, ref_PK = (_gaps(value_PN.gather(1, text_PK)) for value_PN in (reward_PN, ref_PN))
        prob_PK = torch.sigmoid(reward_PK)
        if once:
            prob_PK = (torch.rand(prob_PK.shape, generator=generator) < prob_PK).float()
        margin_PK = _gaps(_logprob_of_texts(world, table_PMA.log_softmax(-1), text_PK))
        tie_PK = torch.zeros_like(margin_PK, dtype=torch.bool)
        first_PK, second_PK = (
            direct_preference(sign * margin_PK, sign * ref_PK, tie_PK, beta=beta) for sign in (1, -1)
        )
        optimiser.add((prob_PK * first_PK + (1 - prob_PK) * second_PK).mean())
        optimiser.step()
    return world.logprob(table_PMA.detach().double().log_softmax(-1))


def _optim(lr: float) -> Optim:
    return Optim(
        lr=lr, warmup_steps=0, lr_schedule="linear", final_lr_ratio=0.0, betas=(0.9, 0.999), max_grad_norm=LOOSE
    )


def _gaps(value_PK: Tensor) -> Tensor:
    """First less second of each pair of columns, [P, K / 2]."""
    value_PK2 = value_PK.view(len(value_PK), -1, 2)
    return value_PK2[..., 0] - value_PK2[..., 1]


def _logprob_of_texts(world: EnumWorld, logprob_PMA: Tensor, text_PK: Tensor) -> Tensor:
    """Log-probabilities of texts by number, [P, K]."""
    prompt_P11 = torch.arange(len(logprob_PMA))[:, None, None]
    token_PKT = logprob_PMA[prompt_P11, world.node_NT[text_PK], world.action_NT[text_PK]]
    return (token_PKT * world.mask_NT[text_PK]).sum(-1)
