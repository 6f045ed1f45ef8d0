"""Policies that are tables, improved by the very code that improves language models.

A `TableLearner` stands in for `accord.policy.online.Learner`: it samples from a table of logits over an enumerated
world and hands the updates their log-probabilities. Advantages, losses, weights, clipping, minibatches and the
optimiser's step are those of `accord.policy`.
"""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from accord.lab.enumerated import EnumWorld
from accord.lm.optim import Optimiser
from accord.lm.training import seed_of
from accord.policy.online import Learner, Online, improve
from accord.policy.ppo import PPO
from accord.policy.ranked import Ranked, rank
from accord.policy.rollout import Measured, Rollout
from accord.records import Prompt

__all__ = ["Fault", "TableLearner", "improve_table"]


class TableLearner(Learner):
    """Online training of a table [P, M, A] that starts as the reference of `world`.

    A step takes `settings.prompts` (all prompts of the world) times `settings.group` samples.
    """

    def __init__(self, settings: Online, world: EnumWorld, *, seed: int) -> None:
        if settings.prompts != len(world.ref_PMA):
            raise ValueError(f"{settings.prompts} prompts a step, but the world has {len(world.ref_PMA)}")
        self.settings, self.world, self.seed = settings, world, seed
        self.table_PMA = nn.Parameter(world.ref_PMA.float().clone())
        valued = isinstance(settings, PPO)
        self.head = _ValueTable(self.table_PMA.shape[:2].numel()) if valued else None  # type: ignore[assignment]
        heads = list(self.head.parameters()) if self.head is not None else []
        self.optimiser = Optimiser(
            settings.optim,
            [self.table_PMA, *heads],
            settings.max_steps * settings.epochs * settings.minibatches,
            heads=heads,
            head_scale=settings.head_scale if isinstance(settings, PPO) else 1.0,
        )
        self.kept: dict[str, Any] = {"kl_coef": getattr(settings, "kl", 0.0)}
        self.prompts = [Prompt.ask(f"prompt {number}") for number in range(settings.prompts)]
        self.policy = SimpleNamespace(model=nn.Module())  # type: ignore[assignment]
        self._reward_PN = world.reward_PN.float()

    @property
    def memory(self) -> dict[str, Any]:
        """What an algorithm remembers from step to step."""
        return self.kept

    def scores(self, rollout: Rollout) -> Tensor:
        """The true reward of each text; a text that was cut off is worth what it is worth."""
        return rollout.score_B

    @torch.no_grad()
    def sampled(self, step: int) -> Rollout:
        """Texts drawn from the table, or from the start where it writes, with everything measured on them."""
        prompts, group = self.settings.prompts, self.settings.group
        generator = torch.Generator().manual_seed(seed_of(self.seed, "sample", step))
        own = not isinstance(self.settings, Ranked) or self.settings.source == "policy"
        logprob_PMA = self.table_PMA.log_softmax(-1) if own else self.world.ref_PMA.float()
        prompt_B = torch.arange(prompts).repeat_interleave(group)
        length = self.world.node_NT.shape[1]
        shape = (prompts * group, length)
        node_BT = torch.zeros(shape, dtype=torch.long)
        action_BT, mask_BT = torch.full(shape, self.world.end), torch.zeros(shape, dtype=torch.bool)
        self.text_B = torch.zeros_like(prompt_B)
        node_B, running_B = torch.zeros(len(prompt_B), dtype=torch.long), torch.ones(len(prompt_B), dtype=torch.bool)
        for t in range(length):
            chance_BA = logprob_PMA[prompt_B, node_B].exp()
            action_B = torch.multinomial(chance_BA, 1, generator=generator)[:, 0]
            node_BT[:, t] = torch.where(running_B, node_B, 0)
            action_BT[:, t] = torch.where(running_B, action_B, self.world.end)
            mask_BT[:, t] = running_B
            text_B = self.world.text_MA[node_B, action_B]
            self.text_B = torch.where(running_B & (text_B >= 0), text_B, self.text_B)
            node_B = self.world.child_MA[node_B, action_B]
            running_B = running_B & (node_B >= 0)
            node_B = node_B.clamp(min=0)
        self.at = (prompt_B, node_BT, action_BT)
        logprob_BT = self.tokens(logprob_PMA) * mask_BT
        values_BT = torch.zeros(shape)
        if self.head is not None:
            values_BT = self.head(self._states(slice(None))).view(shape) * mask_BT
        return Rollout(
            prompts=tuple(each for each in self.prompts for _ in range(group)),
            completions=(),
            samples=(),
            answers=(None,) * len(prompt_B),  # type: ignore[arg-type]  # only their number is asked for
            score_B=self._reward_PN[prompt_B, self.text_B],
            mask_BT=mask_BT,
            sampled_BT=logprob_BT.clone(),
            policy=Measured(logprob_BT, torch.zeros(shape), values_BT),
            reference_BT=self.tokens(self.world.ref_PMA.float()) * mask_BT,
        )

    def tokens(self, logprob_PMA: Tensor) -> Tensor:
        """What a table gives each token of the last texts, [B, T], padding not left out."""
        prompt_B, node_BT, action_BT = self.at
        return logprob_PMA[prompt_B[:, None], node_BT, action_BT]

    def _states(self, rows: Any) -> Tensor:
        prompt_B, node_BT, _ = self.at
        return (prompt_B[rows, None] * self.table_PMA.shape[1] + node_BT[rows]).flatten()[:, None].float()

    def forward(self, rollout: Rollout, rows: list[int]) -> Iterator[tuple[tuple[Tensor, Tensor], Tensor, Tensor]]:
        """Where each token of `rows` stands in the rollout, its log-probability, and the number of its prefix."""
        prompt_B, node_BT, action_BT = self.at
        row_b = torch.tensor(rows)
        inside = rollout.mask_BT[row_b]
        row_N = row_b[:, None].expand_as(inside)[inside]
        step_N = torch.arange(inside.shape[1])[None].expand_as(inside)[inside]
        logits_NA = self.table_PMA[prompt_B[row_N], node_BT[row_N, step_N]]
        logprob_N = logits_NA.log_softmax(-1).gather(1, action_BT[row_N, step_N][:, None])[:, 0]
        yield (row_N, step_N), logprob_N, self._states(row_b)[inside.flatten()]

    @torch.no_grad()
    def texts(self) -> Tensor:
        """The log-probability of every text of the world, [P, N] float64."""
        return self.world.logprob(self.table_PMA.double().log_softmax(-1))


class _ValueTable(nn.Module):
    """A value for each prompt and prefix, read by its number."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.zeros(count))

    def forward(self, number_N1: Tensor) -> Tensor:
        return self.value[number_N1[:, 0].long()][:, None]


# What a test may do to a rollout before it is learnt from.
Fault = Callable[[TableLearner, Rollout], Rollout]


def improve_table(settings: Any, world: EnumWorld, *, seed: int, fault: Fault | None = None) -> TableLearner:
    """Train a table by an online algorithm to its last step."""
    learner = TableLearner(settings, world, seed=seed)
    for step in range(1, settings.max_steps + 1):
        rollout = learner.sampled(step)
        if fault is not None:
            rollout = fault(learner, rollout)
        if isinstance(settings, PPO):
            settings.improve(learner, rollout, step)
        elif isinstance(settings, Ranked):
            rank(settings, learner, rollout)  # type: ignore[arg-type]  # every Ranked has a loss
        else:
            improve(settings, learner, rollout, step)
    return learner
