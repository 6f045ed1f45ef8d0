"""Proximal policy optimisation from a judge's scores (Schulman et al. 2017; Ziegler et al. 2019; Ouyang et al. 2022).

A step samples completions, has them judged, and makes a few clipped updates on them. The judge scores whole
completions; a penalty on the KL to the reference stands at every token, its coefficient adapting to a target. Values
are read by a linear head from the policy's own hidden states: where the policy samples itself, while it does so. What
it sampled with is then what the ratios of the updates are to, and the first update's pass measures the trainer's own.

Left out: a value model of its own (the head on the policy's trunk costs nothing and suffices for short texts).
"""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from accord.deferred import deferred
from accord.errors import RecipeError
from accord.policy.importance import Weighed
from accord.policy.online import Dense
from accord.policy.pretraining import WHOLE, PretrainingMix, blocks_of, note_texts, read_texts
from accord.run import RunDirectory
from accord.train.ranks import shares_steps, sum_numbers

with deferred():
    import torch
    from torch import Tensor

    from accord.artefacts import OnlineMetrics
    from accord.policy.advantages import gae, kl_penalised, update_kl_coef, whitened
    from accord.policy.losses import ppo_policy, ppo_value
    from accord.policy.materials import Material, Materials
    from accord.policy.online_trainer import OnlineTrainer, build_trainer
    from accord.policy.optimum import KLObjective
    from accord.policy.rollout import Rollout
    from accord.train import TrainingStep

__all__ = ["PPO"]


class PPO(Dense, Weighed):
    """Settings of PPO."""

    sentence = "PPO then optimised the policy against that reward model"
    lab_defaults: ClassVar[Mapping[str, Any] | None] = {"kl_target": 0.0}
    renamed: ClassVar[Mapping[str, str]] = {
        "head_scale": "head_lr_scale",
        "pretrain_batch": "pretrain_batch_size",
        "trace": "gae_lambda",
    }

    kind: Literal["ppo"] = "ppo"
    prompts_per_step: int = Field(default=16, ge=1, description="prompts a step")
    group_size: int = Field(default=4, ge=1, description="samples of each prompt")
    minibatches: int = Field(default=2, ge=1, description="updates a pass")
    clip: float = Field(default=0.2, gt=0)
    value_clip: float = Field(default=0.2, gt=0)
    value_coef: float = Field(default=0.1, ge=0)
    value_gradient: bool = Field(default=False, description="let the value loss move the policy's trunk")
    value_warmup: int = Field(default=0, ge=0, description="first steps, which move the value head and nothing else")
    whiten: bool = Field(default=True, description="advantages of a step with mean 0 and deviation 1")
    discount: float = Field(default=1.0, gt=0, le=1)
    gae_lambda: float = Field(default=0.95, ge=0, le=1, description="lambda of GAE")
    kl_coef: float = Field(default=0.05, ge=0, description="coefficient of the KL penalty at the first step")
    kl_target: float = Field(default=6.0, ge=0, description="nats a sequence; 0: the coefficient stays")
    kl_rate: float = Field(default=0.5, ge=0, description="how fast the coefficient follows")
    pretrain_coef: float = Field(
        default=0.0, ge=0, description="weight of the likelihood of pretraining texts (or of supervised examples)"
    )
    pretrain_texts: str | None = Field(
        default=None,
        description="a .txt, or rows with a column `text`: a file, or a name of `datasets` with `pretrain_split`; "
        "unset: the supervised examples",
    )
    pretrain_split: str | None = Field(default=None, description="the part of a folder or name of `datasets`")
    pretrain_tokens: int = Field(default=128, ge=2, description="pretraining texts are cut into blocks of so many")
    pretrain_batch_size: int = Field(default=16, ge=1, description="blocks (or examples) an update")
    old_logprobs: Literal["auto", "measured"] = Field(
        default="auto",
        exclude_if=lambda value: value == "auto",
        description="where log-probabilities and values before the updates are from: the policy's own sampling (auto, "
        "where it samples itself, as it is and without dropout, and nothing is weighed), or a pass over all samples "
        "(measured)",
    )
    head_lr_scale: float = Field(default=50.0, gt=0, description="the value head learns at this multiple of lr")

    @property
    def kl_objective(self) -> KLObjective | None:
        """As of the first step; None where later tokens count less, or supervised examples count too."""
        return self.regularised_by(self.kl_coef) if self.discount == 1 and not self.pretrain_coef else None

    @property
    def needs_old_logprobs(self) -> bool:
        """Where values are not read while sampling."""
        return not self.values_while_sampling

    @property
    def values_while_sampling(self) -> bool:
        """By `old_logprobs`, where samples are the policy's as it is, without dropout, and nothing is weighed."""
        elsewhere = self.sampler is not None or self.steps_ahead > 0
        return self.old_logprobs == "auto" and not (elsewhere or self.drops or self.weighs != "none")

    @property
    def needs(self) -> frozenset[Material]:
        """Supervised examples too where `pretrain_coef` weighs them."""
        examples = bool(self.pretrain_coef) and self.pretrain_texts is None
        return super().needs | (frozenset({"examples"}) if examples else frozenset())

    def anchored(self, folder: Path) -> Self:
        """The same with the path of the pretraining texts made absolute, where it is one."""
        settings, place = super().anchored(folder), self.pretrain_texts
        if place is None or (self.pretrain_split is not None and not (folder / place).exists()):
            return settings
        return settings.model_copy(update={"pretrain_texts": str(folder / place)})

    @model_validator(mode="after")
    def _mixed(self) -> Self:
        if self.pretrain_texts is not None and not self.pretrain_coef:
            raise ValueError("pretrain_texts are read only where pretrain_coef weighs them; set it above 0")
        if self.pretrain_texts is None:
            for name in ("pretrain_split", "pretrain_tokens"):
                if getattr(self, name) != type(self).model_fields[name].default:
                    raise ValueError(f"{name} is about pretrain_texts; name some, or leave it out")
        elif self.pretrain_split is not None and Path(self.pretrain_texts).suffix in WHOLE:
            raise ValueError(f"{self.pretrain_texts} is one file, which has no splits; leave pretrain_split out")
        return self

    @shares_steps
    def steps(
        self, materials: Materials, run: RunDirectory, *, stage: str = "policy"
    ) -> Iterator[TrainingStep[OnlineMetrics]]:
        """As of all online algorithms; `pretrain_coef` weighs texts beside the samples.

        Raises `RecipeError` where there are none of these.
        """
        prompts, judge = materials.prompts, materials.judge
        form: dict[str, Any] = {"valued": True, "head_scale": self.head_lr_scale, "remote": materials.remote_sampler}
        trainer = build_trainer(self, prompts, judge, run, start=materials.start, stage=stage, **form)
        trainer.state.setdefault("kl_coef", self.kl_coef)
        mix = self._pretraining(trainer, materials, run, stage=stage) if self.pretrain_coef else None
        yield from trainer.steps(partial(self.update, pretraining=mix))

    def _pretraining(
        self, trainer: OnlineTrainer, materials: Materials, run: RunDirectory, *, stage: str
    ) -> PretrainingMix:
        """The texts beside the samples: those that `pretrain_texts` names, else the supervised examples."""
        if self.pretrain_texts is None:
            if not (examples := materials.examples):
                raise RecipeError(
                    f"{stage}: pretrain_coef is {self.pretrain_coef} but there are no supervised examples"
                )
            return PretrainingMix.of_examples(trainer.policy, examples, trainer.seed)
        note_texts(self.pretrain_texts, run, stage=stage)
        texts = read_texts(self.pretrain_texts, self.pretrain_split)
        size = min(self.pretrain_tokens, trainer.policy.context)
        return PretrainingMix.of_blocks(blocks_of(trainer.policy, texts, size), trainer.seed)

    @shares_steps
    def update(
        self, trainer: OnlineTrainer, rollout: Rollout, step: int, pretraining: PretrainingMix | None = None
    ) -> dict[str, Any]:
        """The updates of one step, and the means of their numbers; then the KL's coefficient follows its target."""
        rate, coefficient = trainer.optimiser.rate, trainer.state["kl_coef"]
        reward_BT = kl_penalised(
            trainer.scores(rollout),
            rollout.policy.logprob_BT,
            rollout.reference_BT,
            rollout.mask_BT,
            kl_coef=coefficient,
            dense_BT=rollout.dense_BT,
        )
        value_BT, mask_BT = rollout.policy.value_BT, rollout.mask_BT
        advantage_BT, return_BT = gae(reward_BT, value_BT, mask_BT, discount=self.discount, gae_lambda=self.gae_lambda)
        if self.whiten:
            advantage_BT = whitened(advantage_BT, mask_BT)
        if warming := step <= self.value_warmup:
            advantage_BT, pretraining = torch.zeros_like(advantage_BT), None
        importance = self.importance(rollout)
        updates: list[dict[str, float]] = []
        for number, (rows, old_BT) in enumerate(trainer.updates(rollout, step)):
            weight_BT = torch.ones_like(old_BT) if importance is None else importance.weight_BT
            tokens = _Learnt(old_BT, advantage_BT, return_BT, weight_BT)
            measures = rollout.measured is not None and number == 0  # no weight has moved yet
            numbers = self._update_minibatch(trainer, rollout, rows, tokens, warming=warming, measures=measures)
            numbers["pretrain_loss"] = self._pretrain(trainer, pretraining) if pretraining else 0.0
            norm = trainer.optimiser.step()
            updates.append({**sum_numbers(numbers), "grad_norm": norm})
        mean: dict[str, Any] = {name: sum(update[name] for update in updates) / len(updates) for name in updates[0]}
        if pretraining is None:
            mean["pretrain_loss"] = None
        explained = _explained(value_BT, return_BT, mask_BT)
        if self.kl_target and not warming:
            kl = float(rollout.kl_B.mean())
            trainer.state["kl_coef"] = update_kl_coef(coefficient, kl, target=self.kl_target, rate=self.kl_rate)
        if importance is not None:
            mean |= importance.metrics
        return {**mean, "explained_variance": explained, "kl_coef": coefficient, "lr": rate}

    def _update_minibatch(
        self,
        trainer: OnlineTrainer,
        rollout: Rollout,
        rows: list[int],
        tokens_BT: "_Learnt",
        *,
        warming: bool,
        measures: bool,
    ) -> dict[str, float | Tensor]:
        """The gradient of one update on the sequences `rows`: losses are means over their tokens.

        While the values are `warming` up it is that of the value head, and nothing else has one. The pass `measures`
        the trainer's log-probabilities too where nobody has before.
        """
        assert trainer.head is not None
        tokens = rollout.tokens(rows)
        policy_loss: float | Tensor = 0.0
        value_loss: float | Tensor = 0.0
        clipped: float | Tensor = 0.0
        for index, logprob_N, hidden_ND in trainer.forward(rollout, rows):
            if measures:
                rollout.policy.logprob_BT[index] = logprob_N.detach()
            old_N, advantage_N, return_N, weight_N = (each_BT[index] for each_BT in tokens_BT)
            surrogate = ppo_policy(logprob_N, old_N, advantage_N, clip=self.clip)
            read_ND = hidden_ND.float() if self.value_gradient and not warming else hidden_ND.detach().float()
            value_N = trainer.head(read_ND)[:, 0]
            value = ppo_value(value_N, rollout.policy.value_BT[index], return_N, clip=self.value_clip)
            policy_part, value_part = (weight_N * surrogate.loss_N).sum() / tokens, value.loss_N.sum() / tokens
            trainer.optimiser.add(self.value_coef * value_part + (0.0 if warming else policy_part))
            policy_loss += policy_part.detach().double()
            value_loss += value_part.detach().double()
            clipped += surrogate.clipped_N.sum().double() / tokens
        if measures:
            trainer.keep_measured(rollout, rows)
        return {"policy_loss": policy_loss, "value_loss": value_loss, "clip_frac": clipped}

    def _pretrain(self, trainer: OnlineTrainer, pretraining: PretrainingMix) -> float | Tensor:
        """Add the gradient of the likelihood of some of the texts beside the samples."""
        return pretraining.add(
            trainer.policy,
            trainer.optimiser,
            trainer.limits,
            size=self.pretrain_batch_size,
            coefficient=self.pretrain_coef,
            updating=self.updating,
        )


class _Learnt(NamedTuple):
    """Of every token, [B, T]: its log-probability before the updates, what it is worth, what its value should be, and
    what it weighs in the policy's loss.
    """

    old_BT: Tensor
    advantage_BT: Tensor
    return_BT: Tensor
    weight_BT: Tensor


def _explained(value_BT: Tensor, return_BT: Tensor, mask_BT: Tensor) -> float | None:
    """1 - Var(return - value) / Var(return) over the sampled tokens; None where the returns do not vary."""
    spread = float(return_BT[mask_BT].var(correction=0))
    return None if spread == 0 else 1 - float((return_BT - value_BT)[mask_BT].var(correction=0)) / spread
