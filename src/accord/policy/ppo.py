"""Proximal policy optimisation from a judge's scores (Schulman et al. 2017; Ziegler et al. 2019; Ouyang et al. 2022).

A step samples completions, has them judged, and makes a few clipped updates on them. The judge scores whole
completions; a penalty on the KL to the reference stands at every token, its coefficient adapting to a target. Values
are read by a linear head from the policy's own hidden states.

Left out: a value model of its own (the head on the policy's trunk costs nothing and suffices for short texts),
importance weights between sampler and trainer (their ratio is logged instead, and the preflight judges it).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, Literal

import torch
from pydantic import Field
from safetensors.torch import save_file
from torch import Tensor

from accord.errors import RecipeError
from accord.interfaces import Judge
from accord.lm.optim import Optim, Optimiser
from accord.lm.packed import pack
from accord.lm.scalar import new_head
from accord.lm.score import token_logprobs
from accord.lm.settings import ModelSettings
from accord.lm.training import Progress, seed_of, shuffled
from accord.policy.advantages import adapted, gae, kl_penalised, whitened
from accord.policy.losses import negative_log_likelihood, ppo_policy, ppo_value
from accord.policy.rollout import Rollout, longest_of, places, prompts_of_step, roll_out
from accord.policy.sft import Example, example_answers
from accord.records import Prompt, Sampling
from accord.run import RunDirectory

__all__ = ["PPO", "PPOStep"]


@dataclass(frozen=True)
class PPOStep:
    """One step. `reward` is the judge's mean score, `kl` nats a sequence to the reference (`kl_se` its error).

    `ratio` is the mean probability of the sampled tokens under the trainer over that under the sampler, before the
    first update; `clip_share` the share of tokens whose update was clipped; `entropy` nats a token.
    """

    step: int
    total: int
    reward: float
    reward_sd: float
    kl: float
    kl_se: float
    entropy: float
    clip_share: float
    explained_variance: float | None
    policy_loss: float
    value_loss: float
    pretrain_loss: float | None
    grad_norm: float
    length: float
    stop_rate: float
    ratio: float
    kl_coef: float
    lr: float
    seconds: float


class PPO(ModelSettings):
    """Settings of PPO."""

    kind: Literal["ppo"] = "ppo"
    max_steps: int = Field(default=24, ge=1)
    prompts: int = Field(default=16, ge=1, description="prompts a step")
    group: int = Field(default=4, ge=1, description="samples of each prompt")
    sampling: Sampling = Sampling(max_tokens=48)
    epochs: int = Field(default=1, ge=1, description="passes over a step's samples")
    minibatches: int = Field(default=2, ge=1, description="updates a pass")
    clip: float = Field(default=0.2, gt=0)
    value_clip: float = Field(default=0.2, gt=0)
    value_coef: float = Field(default=0.1, ge=0)
    value_gradient: bool = Field(default=False, description="let the value loss move the policy's trunk")
    discount: float = Field(default=1.0, gt=0, le=1)
    trace: float = Field(default=0.95, ge=0, le=1, description="lambda of GAE")
    kl: float = Field(default=0.05, ge=0, description="coefficient of the KL penalty at the first step")
    kl_target: float = Field(default=6.0, ge=0, description="nats a sequence; 0: the coefficient stays")
    kl_rate: float = Field(default=0.5, ge=0, description="how fast the coefficient follows")
    unstopped: float = Field(default=1.0, ge=0, description="taken off the score of a completion that did not end")
    pretrain_coef: float = Field(default=0.0, ge=0, description="weight of the likelihood of supervised examples")
    pretrain_batch: int = Field(default=16, ge=1)
    save_every: int = Field(default=6, ge=1)
    optim: Optim = Optim(lr=1e-5, warmup=2, decay="constant")
    head_scale: float = Field(default=50.0, gt=0, description="the value head learns at this multiple of lr")

    def steps(
        self,
        prompts: Sequence[Prompt],
        judge: Judge,
        run: RunDirectory,
        *,
        start: str | Path | None = None,
        examples: Sequence[Example] = (),
        stage: str = "policy",
    ) -> Iterator[PPOStep]:
        """The training loop. Goes on from the last checkpoint of `stage` in `run`; leaves `<stage>/model`.

        `start` is the policy's beginning and its reference; `examples` are what `pretrain_coef` is about.
        Raises `RecipeError` where something to start from is missing, `TrainingStopped` where a number leaves its
        bounds.
        """
        begin = self.base or start
        if not prompts or begin is None:
            raise RecipeError(f"{stage}: {'no model to start from' if prompts else 'no prompts to answer'}")
        if self.pretrain_coef and not examples:
            raise RecipeError(f"{stage}: pretrain_coef is {self.pretrain_coef} but there are no supervised examples")
        trainer = _Trainer(self, begin, prompts, run, stage, examples)
        with trainer.progress.guarded():
            for step in range(trainer.progress.start + 1, self.max_steps + 1):
                began = monotonic()
                rollout = trainer.roll_out(prompts, judge, step)
                numbers = trainer.update(rollout, step)
                seconds = round(monotonic() - began, 3)
                made = PPOStep(step=step, total=self.max_steps, seconds=seconds, **numbers)
                row = {name: value for name, value in vars(made).items() if name != "total"}
                trainer.progress.done(step, [row], rollout.rows(step, self.sampling.temperature))
                yield made
        trainer.save()
        trainer.progress.finish()


class _Trainer:
    """The models of a run of PPO and what is done with them in a step."""

    def __init__(
        self,
        settings: PPO,
        begin: str | Path,
        prompts: Sequence[Prompt],
        run: RunDirectory,
        stage: str,
        examples: Sequence[Example],
    ) -> None:
        self.settings, self.run, self.stage = settings, run, stage
        self.seed = seed_of(run.seed, stage)
        self.policy = settings.open(begin, seed=self.seed, train=True)
        self.reference = settings.reference(self.policy, begin, seed=self.seed)
        self.policy.name = stage
        self.head = new_head(self.policy.width, seed=self.seed).to(self.policy.device)
        with torch.no_grad():
            self.head.weight.zero_()  # the first advantages are then the rewards themselves
        updates = settings.max_steps * settings.epochs * settings.minibatches
        heads = list(self.head.parameters())
        self.optimiser = Optimiser(
            settings.optim,
            [*self.policy.trainable(), *heads],
            updates,
            heads=heads,
            head_scale=settings.head_scale,
        )
        self.progress = Progress(
            run, stage, self.optimiser, save_every=settings.save_every, logs=("metrics", "samples")
        )
        self.progress.extra.setdefault("kl_coef", settings.kl)
        self.examples = example_answers(self.policy, examples) if settings.pretrain_coef else []
        length = longest_of(self.policy, prompts, settings.sampling)
        self.batches = settings.batches(self.policy, length, run, stage=stage)

    def roll_out(self, prompts: Sequence[Prompt], judge: Judge, step: int) -> Rollout:
        s = self.settings
        sampling = s.sampling.model_copy(update={"seed": seed_of(self.seed, "sample", step)})
        self.policy.model.eval()
        asked = prompts_of_step(prompts, step, s.prompts, self.seed)
        return roll_out(self.policy, self.reference, judge, asked, s.group, sampling, head=self.head)

    def update(self, rollout: Rollout, step: int) -> dict[str, Any]:
        """The updates of a step, and its numbers."""
        s = self.settings
        coefficient = self.progress.extra["kl_coef"]
        score_B = rollout.score_B - s.unstopped * (~rollout.stopped_B)
        reward_BT = kl_penalised(
            score_B, rollout.policy.logprob_BT, rollout.reference_BT, rollout.mask_BT, kl=coefficient
        )
        advantage_BT, return_BT = gae(
            reward_BT, rollout.policy.value_BT, rollout.mask_BT, discount=s.discount, trace=s.trace
        )
        advantage_BT = whitened(advantage_BT, rollout.mask_BT)
        rate = self.optimiser.rate
        self.policy.model.train()
        made: list[dict[str, float]] = []
        for epoch in range(s.epochs):
            order = shuffled(len(rollout.answers), self.seed, "minibatch", step, epoch)
            for part in range(s.minibatches):
                rows = order[part :: s.minibatches]
                if rows:
                    made.append(self._minibatch(rollout, rows, advantage_BT, return_BT, len(made) + step * 1000))
        kl_B = rollout.kl_B
        kl = float(kl_B.mean())
        if s.kl_target:
            self.progress.extra["kl_coef"] = adapted(coefficient, kl, target=s.kl_target, rate=s.kl_rate)
        mean = {name: sum(each[name] for each in made) / len(made) for name in made[0]}
        pretrain = mean.pop("pretrain_loss")
        lengths_B = rollout.mask_BT.sum(1).float()
        return {
            "reward": float(rollout.score_B.mean()),
            "reward_sd": float(rollout.score_B.std()),
            "kl": kl,
            "kl_se": float(kl_B.std() / len(kl_B) ** 0.5),
            "entropy": float(rollout.policy.entropy_BT.sum() / rollout.mask_BT.sum()),
            "explained_variance": _explained(rollout.policy.value_BT, return_BT, rollout.mask_BT),
            "pretrain_loss": pretrain if s.pretrain_coef else None,
            "length": float(lengths_B.mean()),
            "stop_rate": float(rollout.stopped_B.float().mean()),
            "ratio": rollout.ratio,
            "kl_coef": coefficient,
            "lr": rate,
            **mean,
        }

    def _minibatch(
        self, rollout: Rollout, rows: list[int], advantage_BT: Tensor, return_BT: Tensor, draw: int
    ) -> dict[str, float]:
        """One update on the sequences `rows`: losses are means over their tokens."""
        s = self.settings
        tokens = sum(len(rollout.answers[row].completion) for row in rows)
        policy_loss = value_loss = clipped = 0.0
        for batch in pack(self.policy, [rollout.answers[row] for row in rows], **vars(self.batches)):
            hidden_XD = batch.hidden(self.policy)
            logprob_N = token_logprobs(
                self.policy, batch, hidden_XD, temperature=s.sampling.temperature, entropy=False
            ).logprob_N
            at = places(batch)
            surrogate = ppo_policy(logprob_N, rollout.policy.logprob_BT[at], advantage_BT[at], clip=s.clip)
            read_ND = hidden_XD[batch.source_N].float()
            value_N = self.head(read_ND if s.value_gradient else read_ND.detach())[:, 0]
            value = ppo_value(value_N, rollout.policy.value_BT[at], return_BT[at], clip=s.value_clip)
            policy_part, value_part = surrogate.loss_N.sum() / tokens, value.loss_N.sum() / tokens
            self.optimiser.add(policy_part + s.value_coef * value_part)
            policy_loss += float(policy_part.detach())
            value_loss += float(value_part.detach())
            clipped += float(surrogate.clipped_N.sum()) / tokens
        pretrain = self._pretrain(draw) if s.pretrain_coef else 0.0
        norm = self.optimiser.step()
        return {
            "policy_loss": policy_loss,
            "value_loss": value_loss,
            "clip_share": clipped,
            "grad_norm": norm,
            "pretrain_loss": pretrain,
        }

    def _pretrain(self, draw: int) -> float:
        """Add the gradient of the likelihood of some supervised examples (PPO-ptx, Ouyang et al. 2022, eq. 2)."""
        s = self.settings
        chosen = shuffled(len(self.examples), self.seed, "pretrain", draw)[: s.pretrain_batch]
        answers = [self.examples[i] for i in chosen]
        tokens = sum(len(answer.completion) for answer in answers)
        loss = 0.0
        for batch in pack(self.policy, answers, **vars(self.batches)):
            found = token_logprobs(self.policy, batch, batch.hidden(self.policy), entropy=False)
            part = negative_log_likelihood(found.logprob_N).sum() / tokens
            self.optimiser.add(s.pretrain_coef * part)
            loss += float(part.detach())
        return loss

    def save(self) -> None:
        """The policy, and the value head beside it."""
        with self.run.write_folder(f"{self.stage}/model", stage=self.stage) as folder:
            self.policy.save(folder)
        with self.run.write_folder(f"{self.stage}/value", stage=self.stage) as folder:
            weights = {name: weight.detach().cpu().contiguous() for name, weight in self.head.state_dict().items()}
            save_file(weights, folder / "head.safetensors")


def _explained(value_BT: Tensor, return_BT: Tensor, mask_BT: Tensor) -> float | None:
    """1 - Var(return - value) / Var(return) over the sampled tokens; None where the returns do not vary."""
    spread = float(return_BT[mask_BT].var(correction=0))
    return None if spread == 0 else 1 - float((return_BT - value_BT)[mask_BT].var(correction=0)) / spread
