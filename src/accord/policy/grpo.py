"""Group relative policy optimisation: samples of one prompt are held against one another (Shao et al. 2024).

A step samples a group of completions for each prompt, has them judged, and follows the clipped surrogate with each
score's distance to its group's mean as the advantage of every token. No value model. Where a step makes one update,
the update's own forward pass gives the old log-probabilities: nothing is computed twice. With `scale` off and
`average = "constant"` this is the unbiased form of Liu et al. 2025 (arXiv 2503.20783).

Left out: overlong filtering and dynamic sampling of prompts (Yu et al. 2025), importance weights between sampler and
trainer (their ratio is logged instead, and the preflight judges it).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from accord.errors import RecipeError
from accord.interfaces import Judge
from accord.lm.optim import Optim, Optimiser
from accord.lm.packed import PackedBatch, pack
from accord.lm.score import token_logprobs
from accord.lm.settings import ModelSettings
from accord.lm.training import Progress, seed_of, shuffled
from accord.policy.advantages import group_relative
from accord.policy.losses import kl_to_reference, ppo_policy
from accord.policy.rollout import Rollout, longest_of, places, prompts_of_step, roll_out
from accord.records import Prompt, Sampling
from accord.run import RunDirectory

__all__ = ["GRPO", "GRPOStep"]


@dataclass(frozen=True)
class GRPOStep:
    """One step. `reward` is the judge's mean score, `kl` nats a sequence to the reference (`kl_se` its error).

    `idle` is the share of groups whose scores were all equal, from which nothing is learnt; `entropy` is estimated by
    the mean of -log p of the sampled tokens (nats); the rest is as in PPO.
    """

    step: int
    total: int
    reward: float
    reward_sd: float
    idle: float
    kl: float | None
    kl_se: float | None
    entropy: float
    clip_share: float
    policy_loss: float
    grad_norm: float
    length: float
    stop_rate: float
    ratio: float
    lr: float
    seconds: float


class GRPO(ModelSettings):
    """Settings of GRPO."""

    kind: Literal["grpo"] = "grpo"
    max_steps: int = Field(default=24, ge=1)
    prompts: int = Field(default=8, ge=1, description="prompts a step")
    group: int = Field(default=8, ge=2, description="samples of each prompt")
    sampling: Sampling = Sampling(max_tokens=48)
    epochs: int = Field(default=1, ge=1, description="passes over a step's samples")
    minibatches: int = Field(default=1, ge=1, description="updates a pass")
    clip: float = Field(default=0.2, gt=0)
    clip_up: float | None = Field(default=None, gt=0, description="the bound above; unset: the same as below")
    scale: bool = Field(default=True, description="divide by the deviation of the group's scores")
    average: Literal["sequence", "token", "constant"] = Field(
        default="token",
        description="of a sequence's tokens first, of all tokens alike, or a sum over max_tokens",
    )
    kl: float = Field(default=0.04, ge=0, description="coefficient of the KL to the reference, in the loss")
    watch_kl: bool = Field(default=True, description="measure the KL also where it is not in the loss")
    unstopped: float = Field(default=1.0, ge=0, description="taken off the score of a completion that did not end")
    save_every: int = Field(default=6, ge=1)
    optim: Optim = Optim(lr=1e-5, warmup=2, decay="constant")

    def steps(
        self,
        prompts: Sequence[Prompt],
        judge: Judge,
        run: RunDirectory,
        *,
        start: str | Path | None = None,
        stage: str = "policy",
    ) -> Iterator[GRPOStep]:
        """The training loop. Goes on from the last checkpoint of `stage` in `run`; leaves `<stage>/model`.

        `start` is the policy's beginning and its reference. Raises `RecipeError` where something to start from is
        missing, `TrainingStopped` where a number leaves its bounds.
        """
        begin = self.base or start
        if not prompts or begin is None:
            raise RecipeError(f"{stage}: {'no model to start from' if prompts else 'no prompts to answer'}")
        trainer = _Trainer(self, begin, prompts, run, stage)
        with trainer.progress.guarded():
            for step in range(trainer.progress.start + 1, self.max_steps + 1):
                began = monotonic()
                rollout = trainer.roll_out(prompts, judge, step)
                numbers = trainer.update(rollout, step)
                seconds = round(monotonic() - began, 3)
                made = GRPOStep(step=step, total=self.max_steps, seconds=seconds, **numbers)
                row = {name: value for name, value in vars(made).items() if name != "total"}
                trainer.progress.done(step, [row], rollout.rows(step, self.sampling.temperature))
                yield made
        with run.write_folder(f"{stage}/model", stage=stage) as folder:
            trainer.policy.save(folder)
        trainer.progress.finish()


class _Trainer:
    """The models of a run of GRPO and what is done with them in a step."""

    def __init__(
        self, settings: GRPO, begin: str | Path, prompts: Sequence[Prompt], run: RunDirectory, stage: str
    ) -> None:
        self.settings = settings
        self.seed = seed_of(run.seed, stage)
        self.policy = settings.open(begin, seed=self.seed, train=True)
        watched = settings.kl or settings.watch_kl
        self.reference = settings.reference(self.policy, begin, seed=self.seed) if watched else None
        self.policy.name = stage
        self.once = settings.epochs == settings.minibatches == 1
        updates = settings.max_steps * settings.epochs * settings.minibatches
        self.optimiser = Optimiser(settings.optim, self.policy.trainable(), updates)
        self.progress = Progress(
            run, stage, self.optimiser, save_every=settings.save_every, logs=("metrics", "samples")
        )
        length = longest_of(self.policy, prompts, settings.sampling)
        self.batches = settings.batches(self.policy, length, run, stage=stage)

    def roll_out(self, prompts: Sequence[Prompt], judge: Judge, step: int) -> Rollout:
        s = self.settings
        sampling = s.sampling.model_copy(update={"seed": seed_of(self.seed, "sample", step)})
        self.policy.model.eval()
        asked = prompts_of_step(prompts, step, s.prompts, self.seed)
        return roll_out(self.policy, self.reference, judge, asked, s.group, sampling, measured=not self.once)

    def update(self, rollout: Rollout, step: int) -> dict[str, Any]:
        """The updates of a step, and its numbers."""
        s = self.settings
        score_B = rollout.score_B - s.unstopped * (~rollout.stopped_B)
        advantage_B = group_relative(score_B, s.group, scale=s.scale)
        rate = self.optimiser.rate
        self.policy.model.train()
        made = []
        for epoch in range(s.epochs):
            order = shuffled(len(rollout.answers), self.seed, "minibatch", step, epoch)
            for part in range(s.minibatches):
                if rows := order[part :: s.minibatches]:
                    made.append(self._minibatch(rollout, rows, advantage_B))
        kl_B = rollout.kl_B if self.reference is not None else None
        lengths_B = rollout.mask_BT.sum(1).float()
        return {
            "reward": float(rollout.score_B.mean()),
            "reward_sd": float(rollout.score_B.std()),
            "idle": float((advantage_B.view(-1, s.group) == 0).all(1).float().mean()),
            "kl": None if kl_B is None else float(kl_B.mean()),
            "kl_se": None if kl_B is None else float(kl_B.std() / len(kl_B) ** 0.5),
            "entropy": float(-rollout.policy.logprob_BT[rollout.mask_BT].mean()),
            "length": float(lengths_B.mean()),
            "stop_rate": float(rollout.stopped_B.float().mean()),
            "ratio": rollout.ratio,
            "lr": rate,
            **{name: sum(each[name] for each in made) / len(made) for name in made[0]},
        }

    def _minibatch(self, rollout: Rollout, rows: list[int], advantage_B: Tensor) -> dict[str, float]:
        """One update on the sequences `rows`."""
        s = self.settings
        weight_B = self._weights(rollout, rows)
        tokens = int(rollout.mask_BT[rows].sum())
        loss = clipped = 0.0
        for batch in pack(self.policy, [rollout.answers[row] for row in rows], **vars(self.batches)):
            row_N, step_N = places(batch)
            logprob_N = self._logprobs(batch)
            if self.once:
                rollout.policy.logprob_BT[row_N, step_N] = logprob_N.detach()
            old_N = rollout.policy.logprob_BT[row_N, step_N]
            surrogate = ppo_policy(logprob_N, old_N, advantage_B[row_N], clip=s.clip, clip_up=s.clip_up)
            loss_N = surrogate.loss_N
            if s.kl:
                loss_N = loss_N + s.kl * kl_to_reference(logprob_N, rollout.reference_BT[row_N, step_N])
            loss += self.optimiser.add((weight_B[row_N] * loss_N).sum())
            clipped += float(surrogate.clipped_N.sum()) / tokens
        return {"policy_loss": loss, "clip_share": clipped, "grad_norm": self.optimiser.step()}

    def _logprobs(self, batch: PackedBatch) -> Tensor:
        temperature = self.settings.sampling.temperature
        hidden_XD = batch.hidden(self.policy)
        return token_logprobs(self.policy, batch, hidden_XD, temperature=temperature, entropy=False).logprob_N

    def _weights(self, rollout: Rollout, rows: list[int]) -> Tensor:
        """What a token of each sequence weighs in the loss of the update, [B]."""
        length_B = rollout.mask_BT.sum(1).float()
        match self.settings.average:
            case "sequence":
                return 1 / (length_B * len(rows))
            case "token":
                return torch.full_like(length_B, 1 / float(length_B[rows].sum()))
            case "constant":
                return torch.full_like(length_B, 1 / (self.settings.sampling.max_tokens * len(rows)))
