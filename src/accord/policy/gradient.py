"""Policy gradients: each token of a sample weighs its log-probability by what it is worth.

An algorithm is its settings and three functions of a rollout: what each token is worth (`advantages`), what it costs
(`loss`), and what it weighs beside the others (`weights`).
"""

from abc import abstractmethod
from typing import Any, NamedTuple

from accord.deferred import deferred
from accord.policy.importance import ImportanceWeights, Weighed
from accord.train.ranks import shares_steps, sum_numbers

with deferred():
    from torch import Tensor

    from accord.policy.losses import ClippedLoss
    from accord.policy.online_trainer import OnlineTrainer
    from accord.policy.rollout import Rollout

__all__ = ["PolicyGradient", "Tokens"]


class Tokens(NamedTuple):
    """N sampled tokens within an update: log-probabilities now, when sampled and under the reference; advantages."""

    logprob_N: Tensor
    old_N: Tensor
    reference_N: Tensor
    advantage_N: Tensor


class PolicyGradient(Weighed):
    """Settings that GRPO, RLOO, REINFORCE and REINFORCE++ share, and what each of them must say."""

    @abstractmethod
    def advantages(self, rollout: Rollout, score_B: Tensor, state: dict[str, Any]) -> Tensor:
        """The advantage of every token, [B, T]. `state` is kept from step to step, and in checkpoints."""

    @abstractmethod
    def loss(self, tokens: Tokens) -> ClippedLoss:
        """The loss of every token, [N]."""

    @abstractmethod
    def weights(self, rollout: Rollout, rows: list[int]) -> Tensor:
        """What a token of each sequence weighs in the update on the sequences `rows`, [B]."""

    @shares_steps
    def update(self, trainer: OnlineTrainer, rollout: Rollout, step: int) -> dict[str, Any]:
        """The updates of one step, and the means of their numbers."""
        rate = trainer.optimiser.rate
        advantage_BT = self.advantages(rollout, trainer.scores(rollout), trainer.state)
        importance = self.importance(rollout)
        updates = [
            self._update_minibatch(trainer, rollout, rows, old_BT, advantage_BT, importance)
            for rows, old_BT in trainer.updates(rollout, step)
        ]
        means = {name: sum(update[name] for update in updates) / len(updates) for name in updates[0]}
        return {"lr": rate, **means, **({} if importance is None else importance.metrics)}

    def _update_minibatch(
        self,
        trainer: OnlineTrainer,
        rollout: Rollout,
        rows: list[int],
        old_BT: Tensor,
        advantage_BT: Tensor,
        importance: ImportanceWeights | None,
    ) -> dict[str, Any]:
        weight_B = self.weights(rollout, rows)
        tokens = rollout.tokens(rows)
        loss: float | Tensor = 0.0
        clipped: float | Tensor = 0.0
        for index, logprob_N, _ in trainer.forward(rollout, rows):
            old_N = logprob_N.detach() if self.single_update else old_BT[index]
            if not self.needs_old_logprobs:  # this pass is the measurement too
                rollout.policy.logprob_BT[index] = old_N
            clipped_loss = self.loss(Tokens(logprob_N, old_N, rollout.reference_BT[index], advantage_BT[index]))
            weight_N = weight_B[index[0]] if importance is None else weight_B[index[0]] * importance.weight_BT[index]
            loss += trainer.optimiser.add((weight_N * clipped_loss.loss_N).sum())
            clipped += clipped_loss.clipped_N.sum().double() / tokens
        if not self.needs_old_logprobs:
            trainer.keep_measured(rollout, rows)
        norm = trainer.optimiser.step()
        return {**sum_numbers({"policy_loss": loss, "clip_frac": clipped}), "grad_norm": norm}
