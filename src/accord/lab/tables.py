"""Policies that are tables, improved by the very code that improves language models.

A `TableTrainer` stands in for `accord.policy.online_trainer.OnlineTrainer`: it samples from a table of logits over an
enumerated world and hands the updates their log-probabilities. Advantages, losses, weights, clipping, minibatches and
the optimiser's step are those of `accord.policy`.
"""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from accord.lab.enumerated import EnumWorld
from accord.policy.online import Online
from accord.policy.online_trainer import OnlineTrainer
from accord.policy.ppo import PPO
from accord.policy.rollout import Rollout, TokenStats
from accord.records import Prompt
from accord.train.optimiser import Optimiser
from accord.train.seeds import seed_of

__all__ = ["TableTrainer", "Tamper", "train_table"]


class TableTrainer(OnlineTrainer):
    """Online training of a table [P, M, A] that starts as the reference of `world`.

    A step takes `settings.prompts_per_step` (all prompts of the world) times `settings.group_size` samples. With a
    `network` the table is what that gives, and its weights that take a gradient are trained: what is learnt of one
    prompt then changes what is answered to others.
    """

    def __init__(self, settings: Online, world: EnumWorld, *, seed: int, network: nn.Module | None = None) -> None:
        if settings.prompts_per_step != len(world.ref_PMA):
            raise ValueError(f"{settings.prompts_per_step} prompts a step, but the world has {len(world.ref_PMA)}")
        if settings.steps_ahead:
            raise ValueError("a table draws its own texts at each step; leave staleness out")
        self.settings, self.world, self.seed = settings, world, seed
        self.table_PMA = nn.Parameter(world.ref_PMA.float().clone())
        self.network = network
        trained = [self.table_PMA] if network is None else [each for each in network.parameters() if each.requires_grad]
        valued = isinstance(settings, PPO)
        self.head = _ValueTable(self.table_PMA.shape[:2].numel()) if valued else None  # type: ignore[assignment]
        heads = list(self.head.parameters()) if self.head is not None else []
        self.optimiser = Optimiser(
            settings.optim,
            [*trained, *heads],
            settings.max_steps * settings.epochs * settings.minibatches,
            heads=heads,
            head_scale=settings.head_lr_scale if isinstance(settings, PPO) else 1.0,
        )
        self._state: dict[str, Any] = {"kl_coef": getattr(settings, "kl_coef", 0.0)}
        self.prompts = [Prompt.ask(f"prompt {number}") for number in range(settings.prompts_per_step)]
        self.policy = SimpleNamespace(model=nn.Module())  # type: ignore[assignment]
        self._reward_PN, self._ref_PMA = world.reward_PN.float(), world.ref_PMA.float()
        self._dense_PNT = world.dense().float()
        self._component_PN = {name: reward_PN.float() for name, reward_PN in world.components.items()}
        self._prompt_B = torch.arange(settings.prompts_per_step).repeat_interleave(settings.group_size)
        self._rollout_prompts = tuple(prompt for prompt in self.prompts for _ in range(settings.group_size))
        self._answers: tuple[Any, ...] = (None,) * len(self._rollout_prompts)  # only their number is asked for

    def logits(self) -> Tensor:
        """The table as it is now, or what the network gives for it, [P, M, A]."""
        if self.network is None:
            return self.table_PMA
        logits_PMA: Tensor = self.network()
        return logits_PMA

    @property
    def state(self) -> dict[str, Any]:
        """What an algorithm remembers from step to step."""
        return self._state

    def scores(self, rollout: Rollout) -> Tensor:
        """As `objective`: a text that was cut off is worth what it is worth."""
        return self.objective(rollout)

    def sampler_table(self, logprob_PMA: Tensor) -> Tensor:
        """Log-probabilities of what the texts are drawn from, [P, M, A]: the table's own, unless overridden."""
        return logprob_PMA

    @torch.no_grad()
    def sampled(self, step: int) -> Rollout:
        """Texts drawn from the table, or from the start where it writes, with everything measured on them."""
        world, group = self.world, self.settings.group_size
        generator = torch.Generator().manual_seed(seed_of(self.seed, "sample", step))
        logprob_PMA = self.logits().log_softmax(-1) if self.settings.on_policy else self._ref_PMA
        sampler_PMA = self.sampler_table(logprob_PMA)
        # A text is drawn token by token or as a whole from the same distribution; at once is faster.
        prob_PN = world.logprob(sampler_PMA).exp()
        dense = self.settings.needs_credits
        self.text_B = torch.multinomial(prob_PN, group, replacement=True, generator=generator).flatten()
        self.positions = (self._prompt_B, world.node_NT[self.text_B], world.action_NT[self.text_B])
        mask_BT = world.mask_NT[self.text_B]
        logprob_BT = self.tokens(logprob_PMA) * mask_BT
        zero_BT = torch.zeros_like(logprob_BT)
        values_BT = zero_BT
        if self.head is not None:
            values_BT = self.head(self._states(slice(None))).view(mask_BT.shape) * mask_BT
        return Rollout(
            prompts=self._rollout_prompts,
            completions=(),
            samples=(),
            answers=self._answers,
            score_B=self._reward_PN[self._prompt_B, self.text_B],
            mask_BT=mask_BT,
            sampled_BT=self.tokens(sampler_PMA) * mask_BT,
            policy=TokenStats(logprob_BT, zero_BT, values_BT),
            reference_BT=self.tokens(self._ref_PMA) * mask_BT,
            dense_BT=self._dense_PNT[self._prompt_B, self.text_B] if dense else None,
            components={name: reward_PN[self._prompt_B, self.text_B] for name, reward_PN in self._component_PN.items()},
        )

    def tokens(self, logprob_PMA: Tensor) -> Tensor:
        """What a table gives each token of the last texts, [B, T], padding not left out."""
        prompt_B, node_BT, action_BT = self.positions
        return logprob_PMA[prompt_B[:, None], node_BT, action_BT]

    def _states(self, rows: Any) -> Tensor:
        prompt_B, node_BT, _ = self.positions
        return (prompt_B[rows, None] * self.table_PMA.shape[1] + node_BT[rows]).flatten()[:, None].float()

    def forward(self, rollout: Rollout, rows: list[int]) -> Iterator[tuple[tuple[Tensor, Tensor], Tensor, Tensor]]:
        """Where each token of `rows` stands in the rollout, its log-probability, and the number of its prefix."""
        prompt_B, node_BT, action_BT = self.positions
        row_b = torch.tensor(rows)
        place_N, step_N = rollout.mask_BT[row_b].nonzero(as_tuple=True)
        row_N = row_b[place_N]
        prompt_N, node_N, action_N = prompt_B[row_N], node_BT[row_N, step_N], action_BT[row_N, step_N]
        logprob_N = self.logits().log_softmax(-1)[prompt_N, node_N, action_N]
        yield (row_N, step_N), logprob_N, (prompt_N * self.table_PMA.shape[1] + node_N)[:, None].float()

    @torch.no_grad()
    def texts(self) -> Tensor:
        """The log-probability of every text of the world, [P, N] float64."""
        return self.world.logprob(self.logits().double().log_softmax(-1))


class _ValueTable(nn.Module):
    """A value for each prompt and prefix, read by its number."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.zeros(count))

    def forward(self, number_N1: Tensor) -> Tensor:
        return self.value[number_N1[:, 0].long()][:, None]


# What a test may do to a rollout before it is learnt from.
Tamper = Callable[[TableTrainer, Rollout], Rollout]


def train_table(settings: Any, world: EnumWorld, *, seed: int, tamper: Tamper | None = None) -> TableTrainer:
    """Train a table by an online algorithm to its last step."""
    trainer = TableTrainer(settings, world, seed=seed)
    for step in range(1, settings.max_steps + 1):
        rollout = trainer.sampled(step)
        if tamper is not None:
            rollout = tamper(trainer, rollout)
        settings.update(trainer, rollout, step)
        trainer.update_multipliers(rollout)
    return trainer
