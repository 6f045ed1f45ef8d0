"""Settings and steps that rewards along texts share: a decoder, a linear head, logistic losses at ends of segments."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field

from accord.deferred import deferred
from accord.errors import RecipeError
from accord.feedback import Dataset
from accord.interfaces import Judge
from accord.lm.settings import ModelSettings
from accord.reward.observations import Observation, completions_of, group_observations, plan_steps
from accord.reward.settings import RewardSettings
from accord.run import RunDirectory
from accord.train import Optim, Optimiser, stage_seed
from accord.train.ranks import shares_steps

with deferred():
    from torch import nn

    from accord.artefacts import MODEL, RewardMetrics
    from accord.feedback import Judged
    from accord.lm.packed import longest
    from accord.lm.reward_model import ScalarHeadModel
    from accord.lm.reward_model_files import load_reward_model
    from accord.reward.heads import Heads, unrecorded
    from accord.reward.prior import Prior
    from accord.reward.segments.fitting import SegmentFitting, start_at_base_rates
    from accord.reward.segments.labels import Label, Labels
    from accord.reward.segments.reading import ReadText, read_texts
    from accord.reward.terms.acts import observed
    from accord.train import StepResult, TrainingLoop, TrainingStep, stage_batch_limits
    from accord.train.sharding import shard_model

__all__ = ["SegmentReward"]


class SegmentReward(RewardSettings, ModelSettings):
    """Settings of a reward that is read along texts. A subclass says which judgements it reads, and as which labels.

    Every act of judgement is an observation of its own, so evaluators who disagree pull a probability between them;
    members of an ensemble weigh evaluators by draws of their own (`accord.reward.heads`), beside the weights that the
    data set gives them. What is fitted is the maximum of likelihood times a normal prior of the heads.
    """

    base: str = "smollm2-135m"
    epochs: float = Field(default=1.0, gt=0, description="passes over the completions that were judged")
    step_completions: int = Field(default=32, ge=1, description="completions read in a step, about")
    layers: int | None = Field(default=None, ge=1, description="read after so many layers; unset: all")
    ensemble_size: int = Field(
        default=1, ge=1, description="heads over the decoder; their spread is the score's deviation"
    )
    head_prior_std: Annotated[float, Field(gt=0)] | Literal["flat"] = Field(
        default=1.0, description="deviation of the prior of each weight of the head about its start, or `flat`"
    )
    save_every: int = Field(default=20, ge=1)
    optim: Optim = Optim(lr=2e-5)
    head_lr_scale: float = Field(default=10.0, gt=0, description="the head learns at this multiple of lr")

    @abstractmethod
    def judgements(self, data: Dataset, split: str) -> list[Judged]:  # type: ignore[type-arg]  # of several kinds
        """What is learnt from. Raises `RecipeError` where one is about what is not there."""

    @abstractmethod
    def outputs(self, judgements: Sequence[Judged]) -> tuple[str, ...]:  # type: ignore[type-arg]
        """The names of the outputs; none for one without a name."""

    @abstractmethod
    def labels(self, text: ReadText, judgement: Judged, names: Sequence[str]) -> Iterator[Label]:  # type: ignore[type-arg]
        """What one says of a text."""

    @abstractmethod
    def judge(self, model: ScalarHeadModel) -> Judge:
        """The judge with this model."""

    def load(self, run: RunDirectory, *, stage: str = "reward") -> Judge:
        """The judge that `steps` left in the run, its digest checked."""
        model = load_reward_model(
            MODEL.verified(run, stage),
            name=stage,
            dtype=self.dtype,
            device=self.resolved_device,
            trust_remote_code=self.trust_remote_code,
        )
        model.causal.cuts = self.cut_to_context
        return self.judge(model)

    def fit(self, data: Dataset, run: RunDirectory, *, split: str = "train", stage: str = "reward") -> Judge:
        """Train to the end and return the judge, which is also kept in the run under `<stage>/model`."""
        for _ in self.steps(data, run, split=split, stage=stage):
            pass
        return self.load(run, stage=stage)

    def anchored(self, folder: Path) -> Self:
        """The same with the text of its chat template for the file, which is meant from `folder`."""
        return ModelSettings.anchored(self, folder)

    @shares_steps
    def steps(
        self, data: Dataset, run: RunDirectory, *, split: str = "train", stage: str = "reward"
    ) -> Iterator[TrainingStep[RewardMetrics]]:
        """The training loop. Goes on from the last checkpoint of `stage` in `run`.

        Raises `RecipeError` where the split has nothing of what is learnt from, `TrainingStopped` where a number leaves
        its bounds.
        """
        judgements = self.judgements(data, split)
        if not judgements:
            kinds = " or ".join(sorted(self.reads))
            raise RecipeError(f"{stage}: the split '{split}' has no {kinds} to learn from")
        seed = stage_seed(run, stage)
        names = self.outputs(judgements)
        decoder = self.open(self.base, seed=seed, train=True, layers=self.layers)
        model = ScalarHeadModel.fresh(decoder, name=stage, seed=seed, members=self.ensemble_size, components=names)
        read = self._read(data, split, model, judgements, names, stage=stage)
        groups = group_observations(read.observations, limit=self.step_completions)
        plan = plan_steps(groups, epochs=self.epochs, step_completions=self.step_completions, seed=seed)
        start_at_base_rates(model, read.observations)
        shard_model(decoder)
        optimiser = Optimiser(
            self.optim, model.trainable(), len(plan), heads=model.head.parameters(), head_scale=self.head_lr_scale
        )
        std = None if self.head_prior_std == "flat" else self.head_prior_std
        of_heads = (list(model.head.parameters()), std, self.ensemble_size)
        prior = Prior([of_heads], nn.ModuleDict(), observations=read.weight)
        loop = TrainingLoop(
            run, stage, optimiser, self, total=len(plan), save_every=self.save_every, model=decoder.model
        )
        length = longest(text.answer for text in read.texts.values())
        limits = stage_batch_limits(self, decoder, run, stage, longest=length, predicts=False)
        heads = Heads(members=self.ensemble_size, seed=seed, unrecorded=unrecorded(data))
        fitting = SegmentFitting(self, model, read.texts, heads, optimiser, limits, read.mean_weight, prior)

        def update(step: int) -> StepResult[RewardMetrics]:
            return StepResult(fitting.update([groups[i] for i in plan[step - 1]], step))

        def save() -> None:
            with MODEL.write(run, stage=stage) as folder:
                model.save(folder)

        yield from loop.steps(update, save)

    def _read(
        self,
        data: Dataset,
        split: str,
        model: ScalarHeadModel,
        judgements: Sequence[Judged],  # type: ignore[type-arg]
        names: Sequence[str],
        *,
        stage: str,
    ) -> "_Read":
        """Every text once, and what was said of it. Raises `RecipeError` where nothing is said of any segment."""
        ids = list(dict.fromkeys(each.feedback.completions[0] for each in judgements))
        completions = [data.completions[name] for name in ids]
        texts = read_texts(model, [data.prompts[each.prompt] for each in completions], completions)
        by_id = dict(zip(ids, texts, strict=True))
        observations = []
        for each in judgements:
            feedback = each.feedback
            (name,) = feedback.completions
            labels = Labels(feedback.judgement.kind, tuple(self.labels(by_id[name], each, names)))
            observations += [observed(data, split, feedback, (name,), labels)] if labels.labels else []
        if not observations:
            raise RecipeError(f"{stage}: nothing is said of any segment of the texts that were judged")
        return _Read({name: by_id[name] for name in completions_of(observations)}, observations)


@dataclass(frozen=True)
class _Read:
    """The texts by id, and what was said of them."""

    texts: Mapping[str, ReadText]
    observations: list[Observation]

    @property
    def weight(self) -> float:
        """Of all labels."""
        return sum(each.weight * len(each.content.labels) for each in self.observations)

    @property
    def mean_weight(self) -> float:
        return self.weight / sum(len(each.content.labels) for each in self.observations)
