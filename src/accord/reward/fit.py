"""Bradley-Terry reward models: what people prefer, learnt by a decoder with a linear head.

Completions that are compared with each other are scored once for all their pairs: the pairs of a sheet of 30 items
cost 30 scorings, not twice their number. A step's loss is the weighted mean over all its pairs, however it was split.

With `ensemble_size` above 1 the head is an ensemble over one decoder. Each member weighs every evaluator's pairs by a
draw of its own from an exponential distribution (the Bayesian bootstrap, Rubin 1981), so members differ as if other
people had been asked; what the shared decoder does not know, they do not know either. With `group_by` there is a
head for each group of people instead, taught by its own pairs alone: the score is their mean, its components theirs.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from accord.artefacts import MODEL, RewardMetrics
from accord.errors import RecipeError
from accord.feedback import Dataset
from accord.lm.packed import TokenizedCompletion, longest
from accord.lm.reward_model import ScalarHeadModel, load_reward_model
from accord.lm.settings import ModelSettings
from accord.records import Pair
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

    learns_from: ClassVar[frozenset[str]] = frozenset({"comparison", "ranking", "rating"})
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
        return load_reward_model(
            run.verified(f"{stage}/model"), name=stage, dtype=self.dtype, device=self.resolved_device
        )

    def steps(
        self, data: Dataset, run: RunDirectory, *, split: str = "train", stage: str = "reward"
    ) -> Iterator[TrainingStep[RewardMetrics]]:
        """The training loop. Goes on from the last checkpoint of `stage` in `run`.

        Raises `RecipeError` where the split has no pairs, `TrainingStopped` where a number leaves its bounds.
        """
        groups = _groups(data.pairs[split], self.group_completions)
        if not groups:
            raise RecipeError(f"{stage}: the split '{split}' has no pairs")
        seed = stage_seed(run, stage)
        decoder = self.open(self.base, seed=seed, train=True, layers=self.layers)
        heads = build_heads(
            data, data.pairs[split], group_by=self.group_by, ensemble_size=self.ensemble_size, seed=seed, stage=stage
        )
        judge = ScalarHeadModel.fresh(decoder, name=stage, seed=seed, members=heads.count, components=heads.names)
        plan = self._plan(groups, seed)
        read = list(judge.head.parameters())
        optimiser = Optimiser(self.optim, judge.trainable(), len(plan), heads=read, head_scale=self.head_lr_scale)
        loop = TrainingLoop(run, stage, optimiser, self, total=len(plan), save_every=self.save_every)
        room = _longest(judge, data, groups)
        limits = stage_batch_limits(self, judge.causal, run, stage, longest=room, predicts=False)
        judge.causal.model.train()

        def update(step: int) -> StepResult[RewardMetrics]:
            chosen = [groups[i] for i in plan[step - 1]]
            return StepResult(self._update(judge, optimiser, data, chosen, heads, limits, step))

        def save() -> None:
            _normalise(judge, data, data.pairs[split])
            with MODEL.write(run, stage=stage) as folder:
                judge.save(folder)

        yield from loop.steps(update, save)

    def _plan(self, groups: list[list[Pair]], seed: int) -> list[list[int]]:
        """Which groups each step takes: whole groups, shuffled anew for each pass."""
        sizes = [len(_ids(group)) for group in groups]
        wanted = self.epochs * sum(sizes)
        plan: list[list[int]] = [[]]
        taken, held, epoch = 0, 0, 0
        while taken < wanted:
            for index in shuffled(len(groups), seed, "epoch", epoch):
                if plan[-1] and held + sizes[index] > self.step_completions:
                    plan.append([])
                    held = 0
                plan[-1].append(index)
                held += sizes[index]
                taken += sizes[index]
                if taken >= wanted:
                    break
            epoch += 1
        return plan

    def _update(
        self,
        judge: ScalarHeadModel,
        optimiser: Optimiser,
        data: Dataset,
        groups: list[list[Pair]],
        heads: Heads,
        limits: BatchLimits,
        step: int,
    ) -> RewardMetrics:
        weight = sum(pair.weight for group in groups for pair in group)
        loss, right, decided = 0.0, 0, 0
        for group in groups:
            ids = _ids(group)
            place = {each: i for i, each in enumerate(ids)}
            scored = _Scored(judge, data, ids, limits)
            device = judge.causal.device
            chosen_P = torch.tensor([place[pair.chosen] for pair in group], device=device)
            rejected_P = torch.tensor([place[pair.rejected] for pair in group], device=device)
            tie_P = torch.tensor([pair.tie for pair in group], device=device)
            margin_PM = scored.score_AM[chosen_P] - scored.score_AM[rejected_P]
            loss_PM = heads.weights(group).to(device) * bradley_terry(margin_PM, tie_P[:, None])
            loss += scored.learn(optimiser, loss_PM.mean(1).sum() / weight)
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


def _ids(group: Sequence[Pair]) -> list[str]:
    """The completions that a group compares, in order of appearance."""
    return list(dict.fromkeys(each for pair in group for each in (pair.chosen, pair.rejected)))


def _groups(pairs: Sequence[Pair], limit: int) -> list[list[Pair]]:
    """Pairs of one prompt and batch together, cut where a group would compare more than `limit` completions."""
    groups: list[list[Pair]] = []
    for _, members in groupby(sorted(pairs, key=_unit), key=_unit):
        seen: set[str] = set()
        groups.append([])
        for pair in members:
            if len(seen | {pair.chosen, pair.rejected}) > limit:
                groups.append([])
                seen = set()
            groups[-1].append(pair)
            seen |= {pair.chosen, pair.rejected}
    return groups


def _unit(pair: Pair) -> tuple[str, str]:
    return pair.prompt, pair.session or ""


def _answers(judge: ScalarHeadModel, data: Dataset, ids: Sequence[str]) -> list[TokenizedCompletion]:
    completions = [data.completions[name] for name in ids]
    return [judge.answer(data.prompts[each.prompt], each, key) for key, each in enumerate(completions)]


def _longest(judge: ScalarHeadModel, data: Dataset, groups: list[list[Pair]]) -> int:
    names = dict.fromkeys(name for group in groups for name in _ids(group))
    return longest(_answers(judge, data, list(names)))


class _Scored:
    """Raw scores of completions by id and member, `score_AM`, and the way back from a loss of them to the weights.

    Where they fill one batch its graph is kept. Where they fill several, they are scored without a graph first, and
    each batch once more when the gradient of its scores is known (Gao et al. 2021, arXiv 2101.06983): the same
    gradient, a third more work, and the memory of one batch.
    """

    def __init__(self, judge: ScalarHeadModel, data: Dataset, ids: Sequence[str], limits: BatchLimits) -> None:
        self.judge = judge
        self.batches = limits.pack(judge.causal, _answers(judge, data, ids))
        with torch.set_grad_enabled(len(self.batches) == 1):
            found_AM = torch.cat([judge.at_end(batch) for batch in self.batches])
        self._order = torch.tensor([key for batch in self.batches for key in batch.keys], device=found_AM.device)
        self.score_AM = found_AM[self._order.argsort()]
        if len(self.batches) > 1:
            self.score_AM.requires_grad_()

    def learn(self, optimiser: Optimiser, loss: Tensor) -> float:
        """Add the gradient of a loss of the scores; returns the loss."""
        if len(self.batches) == 1:
            return optimiser.add(loss)
        (gradient_AM,) = torch.autograd.grad(loss, self.score_AM)
        for batch in self.batches:
            wanted_aM = gradient_AM[torch.tensor(batch.keys, device=gradient_AM.device)]
            optimiser.add((self.judge.at_end(batch) * wanted_aM).sum())
        return float(loss.detach())


def _normalise(judge: ScalarHeadModel, data: Dataset, pairs: Sequence[Pair]) -> None:
    """Give each member's scores mean 0, and their mean standard deviation 1, on at most 300 of those compared.

    A Bradley-Terry reward is known up to a constant; fixing its place and width lets KL coefficients mean the same
    for every reward model. The margin in logits is the difference of scores times `score_scale`.
    """
    names = _ids(pairs)
    chosen: list[Any] = [data.completions[names[i]] for i in shuffled(len(names), "normalise")[:300]]
    judge.causal.model.eval()
    raw_NM = judge.raw([data.prompts[each.prompt] for each in chosen], chosen)
    judge.mean_M = tuple(raw_NM.mean(0).tolist())
    judge.score_scale = max(float(raw_NM.mean(1).std()), 1e-6)
