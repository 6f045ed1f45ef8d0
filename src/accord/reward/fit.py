"""Bradley-Terry reward models: what people prefer, learnt by a decoder with a linear head.

Completions that are compared with each other are scored once for all their pairs: the pairs of a sheet of 30 items
cost 30 scorings, not twice their number. A step's loss is the mean over all its pairs, however it was split, each by
its weight beside the mean weight of all pairs: a step of pairs that weigh little moves little.

With `ensemble_size` above 1 the head is an ensemble over one decoder. Each member weighs every evaluator's pairs by a
draw of its own from an exponential distribution (the Bayesian bootstrap, Rubin 1981), so members differ as if other
people had been asked; what the shared decoder does not know, they do not know either. With `group_by` there is a
head for each group of people instead, taught by its own pairs alone: the score is their mean, its components theirs.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Literal, Self

import torch
from pydantic import Field

from accord.artefacts import MODEL, RewardMetrics
from accord.errors import RecipeError
from accord.feedback import PAIR_KINDS, Dataset
from accord.lm.packed import TokenizedCompletion, longest
from accord.lm.reward_model import ScalarHeadModel, load_reward_model
from accord.lm.settings import ModelSettings
from accord.records import Pair
from accord.reward.batched_scores import BatchedScores
from accord.reward.compared import completions_of, group_pairs, plan_steps
from accord.reward.heads import Heads, build_heads
from accord.reward.likelihoods import bradley_terry
from accord.reward.settings import RewardSettings
from accord.run import RunDirectory
from accord.train import (
    BatchLimits,
    Optim,
    Optimiser,
    StepResult,
    TrainingLoop,
    TrainingStep,
    shuffled,
    stage_batch_limits,
    stage_seed,
)

__all__ = ["BradleyTerry"]


class BradleyTerry(RewardSettings, ModelSettings):
    """Settings of a Bradley-Terry reward model (Bradley & Terry 1952; Christiano et al. 2017)."""

    learns_from: ClassVar[frozenset[str]] = PAIR_KINDS
    renamed: ClassVar[Mapping[str, str]] = {
        "members": "ensemble_size",
        "by": "group_by",
        "head_scale": "head_lr_scale",
    }

    kind: Literal["bradley_terry"] = "bradley_terry"
    base: str = "smollm2-135m"
    epochs: float = Field(default=1.0, gt=0, description="passes over the compared completions")
    step_completions: int = Field(default=120, ge=2, description="completions scored in a step, about")
    layers: int | None = Field(default=None, ge=1, description="read the score after so many layers; unset: all")
    group_completions: int = Field(default=32, ge=2, description="completions whose scores are held at once, at most")
    ensemble_size: int = Field(
        default=1, ge=1, description="heads over the decoder; their spread is the score's deviation"
    )
    group_by: str | None = Field(
        default=None, description="a head for each value of this attribute of evaluators, or of `pool`"
    )
    save_every: int = Field(default=20, ge=1)
    optim: Optim = Optim(lr=2e-5)
    head_lr_scale: float = Field(default=10.0, gt=0, description="the head learns at this multiple of lr")

    def fit(self, data: Dataset, run: RunDirectory, *, split: str = "train", stage: str = "reward") -> ScalarHeadModel:
        """Train to the end and return the judge, which is also kept in the run under `<stage>/model`."""
        for _ in self.steps(data, run, split=split, stage=stage):
            pass
        return self.load(run, stage=stage)

    def load(self, run: RunDirectory, *, stage: str = "reward") -> ScalarHeadModel:
        """The judge that `fit` left in the run, its digest checked."""
        judge = load_reward_model(
            MODEL.verified(run, stage),
            name=stage,
            dtype=self.dtype,
            device=self.resolved_device,
            trust_remote_code=self.trust_remote_code,
        )
        judge.causal.cuts = self.cut_to_context
        return judge

    def anchored(self, folder: Path) -> Self:
        """The same with the text of its chat template for the file, which is meant from `folder`."""
        return ModelSettings.anchored(self, folder)

    def steps(
        self, data: Dataset, run: RunDirectory, *, split: str = "train", stage: str = "reward"
    ) -> Iterator[TrainingStep[RewardMetrics]]:
        """The training loop. Goes on from the last checkpoint of `stage` in `run`.

        Raises `RecipeError` where the split has no pairs, `TrainingStopped` where a number leaves its bounds.
        """
        groups = group_pairs(data.pairs[split], self.group_completions)
        if not groups:
            raise RecipeError(f"{stage}: the split '{split}' has no pairs")
        seed = stage_seed(run, stage)
        decoder = self.open(self.base, seed=seed, train=True, layers=self.layers)
        heads = build_heads(
            data, data.pairs[split], group_by=self.group_by, ensemble_size=self.ensemble_size, seed=seed, stage=stage
        )
        judge = ScalarHeadModel.fresh(decoder, name=stage, seed=seed, members=heads.count, components=heads.names)
        plan = plan_steps(groups, epochs=self.epochs, step_completions=self.step_completions, seed=seed)
        head = list(judge.head.parameters())
        optimiser = Optimiser(self.optim, judge.trainable(), len(plan), heads=head, head_scale=self.head_lr_scale)
        loop = TrainingLoop(
            run, stage, optimiser, self, total=len(plan), save_every=self.save_every, model=judge.causal.model
        )
        mean_weight = sum(pair.weight for pair in data.pairs[split]) / len(data.pairs[split])
        length = longest(_tokenized(judge, data, completions_of([pair for group in groups for pair in group])))
        limits = stage_batch_limits(self, judge.causal, run, stage, longest=length, predicts=False)

        def update(step: int) -> StepResult[RewardMetrics]:
            groups_of_step = [groups[i] for i in plan[step - 1]]
            return StepResult(self._update(judge, optimiser, data, groups_of_step, heads, limits, step, mean_weight))

        def save() -> None:
            _normalise(judge, data, data.pairs[split])
            with MODEL.write(run, stage=stage) as folder:
                judge.save(folder)

        yield from loop.steps(update, save)

    def _update(
        self,
        judge: ScalarHeadModel,
        optimiser: Optimiser,
        data: Dataset,
        groups: list[list[Pair]],
        heads: Heads,
        limits: BatchLimits,
        step: int,
        mean_weight: float,
    ) -> RewardMetrics:
        weight = mean_weight * sum(map(len, groups))
        loss, right, decided = 0.0, 0, 0
        for group in groups:
            names = completions_of(group)
            place = {name: i for i, name in enumerate(names)}
            scores = BatchedScores(self, judge, _tokenized(judge, data, names), limits)
            device = judge.causal.device
            chosen_P = torch.tensor([place[pair.chosen] for pair in group], device=device)
            rejected_P = torch.tensor([place[pair.rejected] for pair in group], device=device)
            tie_P = torch.tensor([pair.tie for pair in group], device=device)
            margin_PM = scores.score_AM[chosen_P] - scores.score_AM[rejected_P]
            loss_PM = heads.weights(group).to(device) * bradley_terry(margin_PM, tie_P[:, None])
            loss += scores.backward(optimiser, loss_PM.mean(1).sum() / weight)
            margin_P = heads.margin(group, margin_PM)
            right += int(((margin_P > 0) & ~tie_P).sum())
            decided += int((~tie_P).sum())
        lr = optimiser.rate
        return RewardMetrics(
            step=step,
            loss=loss,
            accuracy=right / decided if decided else None,
            pairs=sum(map(len, groups)),
            lr=lr,
            grad_norm=optimiser.step(),
        )


def _tokenized(judge: ScalarHeadModel, data: Dataset, names: Sequence[str]) -> list[TokenizedCompletion]:
    completions = [data.completions[name] for name in names]
    return [
        judge.answer(data.prompts[completion.prompt], completion, key) for key, completion in enumerate(completions)
    ]


def _normalise(judge: ScalarHeadModel, data: Dataset, pairs: Sequence[Pair]) -> None:
    """Give each member's scores mean 0, and their mean standard deviation 1, on at most 300 of those compared.

    A Bradley-Terry reward is known up to a constant; fixing its place and width lets KL coefficients mean the same
    for every reward model. The margin in logits is the difference of scores times `score_scale`.
    """
    names = completions_of(pairs)
    completions = [data.completions[names[i]] for i in shuffled(len(names), "normalise")[:300]]
    raw_NM = judge.raw([data.prompts[completion.prompt] for completion in completions], completions)
    judge.mean_M = tuple(raw_NM.mean(0).tolist())
    judge.score_scale = max(float(raw_NM.mean(1).std()), 1e-6)
