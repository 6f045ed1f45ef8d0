"""What algorithms that learn from ranked samples do in a step: sample, have them judged, one update by their order.

The samples are the start's own (as where rankings were collected beforehand) or the policy's. A loss of whole groups
needs all of them at once: log-probabilities are computed without a graph first, and once more, batch by batch, when the
gradient of each is known (Gao et al. 2021, arXiv 2101.06983). The same gradient, and the memory of one batch.
"""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from accord.deferred import deferred
from accord.policy.online import Online
from accord.policy.writers import SeveralWriters, WithWriters, open_writers
from accord.run import RunDirectory
from accord.train.ranks import shares_steps, sum_tensor

with deferred():
    import torch
    from torch import Tensor

    from accord.artefacts import OnlineMetrics
    from accord.policy.advantages import alike
    from accord.policy.materials import Materials
    from accord.policy.online_trainer import OnlineTrainer, build_trainer
    from accord.policy.rollout import Rollout
    from accord.train import TrainingStep

__all__ = ["Ranked"]


class Ranked(WithWriters, Online):
    """Settings that all algorithms on ranked samples share. A step makes one update."""

    anchor = "sft_coef"
    renamed: ClassVar[Mapping[str, str]] = {"supervised": "sft_coef"}

    group_size: int = Field(default=4, ge=2, description="samples of each prompt")
    epochs: Literal[1] = 1
    minibatches: Literal[1] = 1
    source: Literal["start", "policy"] = Field(default="start", description="whose samples are ranked")
    sft_coef: float = Field(default=1.0, ge=0, description="weight of the likelihood of the best sample")

    @model_validator(mode="after")
    def _written(self) -> Self:
        if self.writers and self.source == "policy":
            raise ValueError('writers write beside the start: leave them out, or set source = "start"')
        if self.group_size <= len(self.writers):
            raise ValueError(f"group_size = {self.group_size} leaves some of the start and its writers none to write")
        return self

    @property
    def on_policy(self) -> bool:
        """By `source`."""
        return self.source == "policy"

    @property
    def trains_alone(self) -> bool:
        """Whether one process makes all steps: where others write samples, who are asked once."""
        return bool(self.writers)

    @property
    def needs_old_logprobs(self) -> bool:
        """Where the update drops out, on its own samples; else its first pass measures them."""
        return self.drops and self.on_policy

    @shares_steps
    def steps(
        self, materials: Materials, run: RunDirectory, *, stage: str = "policy"
    ) -> Iterator[TrainingStep[OnlineMetrics]]:
        """As of all online algorithms; where there are `writers`, they share the samples of a prompt with the start."""
        form: dict[str, Any] = {"start": materials.start, "stage": stage, "remote": materials.remote_sampler}
        trainer = build_trainer(self, materials.prompts, materials.judge, run, **form)
        if self.writers:
            assert trainer.reference is not None
            others = open_writers(self.writers, self)
            trainer.sampler = SeveralWriters(trainer.reference, trainer.sampler, others, trainer.prompts)
        yield from trainer.steps(self.update)

    @abstractmethod
    def loss(self, total_PG: Tensor, length_PG: Tensor, score_PG: Tensor) -> Tensor:
        """The loss of each prompt, [P], from log-probabilities summed over tokens, tokens, and the judge's scores.

        That of a prompt whose samples all score alike is left out: they have no order and no best.
        """

    @shares_steps
    def update(self, trainer: OnlineTrainer, rollout: Rollout, step: int) -> dict[str, Any]:
        """The update of one step, and its numbers."""
        rate = trainer.optimiser.rate
        score_PG = trainer.scores(rollout).view(-1, self.group_size)
        length_PG = rollout.mask_BT.sum(1).float().view(-1, self.group_size)
        rows = list(range(len(rollout.answers)))
        total_B = torch.zeros_like(rollout.score_B)
        trainer.draw_masks(step, 0)
        with torch.no_grad():
            for index, logprob_N, _ in trainer.forward(rollout, rows):
                total_B.index_add_(0, index[0], logprob_N)
                if not self.needs_old_logprobs:
                    rollout.policy.logprob_BT[index] = logprob_N
        if not self.needs_old_logprobs:
            trainer.keep_measured(rollout, rows)
        total_PG = sum_tensor(total_B).view(-1, self.group_size).requires_grad_()
        ranked_P = ~alike(score_PG)[:, 0]
        loss = torch.where(ranked_P, self.loss(total_PG, length_PG, score_PG), 0.0).mean()
        (gradient_PG,) = torch.autograd.grad(loss, total_PG)
        gradient_B = gradient_PG.flatten()
        trainer.draw_masks(step, 0)  # the same as in the first pass
        for index, logprob_N, _ in trainer.forward(rollout, rows):
            trainer.optimiser.add((gradient_B[index[0]] * logprob_N).sum())
        norm = trainer.optimiser.step()
        return {"policy_loss": float(loss.detach()), "clip_frac": 0.0, "grad_norm": norm, "lr": rate}
