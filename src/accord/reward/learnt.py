"""Rewards that are learnt: a decoder with a linear head, and a likelihood of what was said given its scores.

A kind of learnt reward says which terms its log-likelihood has (`terms`): one for comparisons, one for rankings, all of
them for a joint one. Completions that are judged together are scored once for all that was said of them: the pairs of a
sheet of 30 items cost 30 scorings, not twice their number. A step's loss is the mean over all its observations, however
it was split, each by its weight beside the mean weight of all: a step of observations that weigh little moves little.

What is fitted is the maximum of likelihood times prior (`prior`): normal about the start for the head and, where it is
asked for, the decoder's trained weights; the terms' parameters have their own.

With `doubt` the head has a posterior (`accord.reward.posterior`), and every score a standard deviation.

With `ensemble_size` above 1 the head is an ensemble over one decoder; what the shared decoder does not know, its
members do not know either. With `group_by` or `head_per` there is a head for each group of people or each person: the
score is theirs together, by `aggregation`. Both together are an ensemble for each group.
"""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import Field
from safetensors.torch import load_file, save_file
from torch import nn

from accord.artefacts import MODEL, RewardMetrics
from accord.errors import RecipeError
from accord.feedback import Dataset
from accord.lm.packed import longest
from accord.lm.reward_model import ScalarHeadModel, load_reward_model
from accord.lm.settings import ModelSettings
from accord.records import Completion, Prompt
from accord.reward.fitting import Fitting, tokenized
from accord.reward.heads import Heads
from accord.reward.observations import Observation, completions_of, group_observations, join_groups, plan_steps
from accord.reward.people.settings import PeopleSettings
from accord.reward.people.unknown_groups import Start
from accord.reward.posterior.fitted import head_posterior
from accord.reward.posterior.settings import DoubtSettings
from accord.reward.prior import Prior
from accord.reward.settings import RewardSettings
from accord.reward.terms.base import Term
from accord.run import RunDirectory
from accord.train import (
    Optim,
    Optimiser,
    StepResult,
    TrainingLoop,
    TrainingStep,
    shuffled,
    stage_batch_limits,
    stage_seed,
)

__all__ = ["TERMS", "LearntReward", "sample_of"]

TERMS = "terms.safetensors"
"""In the folder of a model: the parameters of the likelihood that are not the reward's."""


class LearntReward(PeopleSettings, DoubtSettings, RewardSettings, ModelSettings):
    """Settings that all learnt rewards share. A subclass has `kind`, `learns_from` and `terms`."""

    renamed: ClassVar[Mapping[str, str]] = {
        "members": "ensemble_size",
        "by": "group_by",
        "head_scale": "head_lr_scale",
    }

    base: str = "smollm2-135m"
    epochs: float = Field(default=1.0, gt=0, description="passes over the completions that were judged")
    step_completions: int = Field(default=120, ge=2, description="completions scored in a step, about")
    layers: int | None = Field(default=None, ge=1, description="read the score after so many layers; unset: all")
    group_completions: int = Field(default=32, ge=2, description="completions whose scores are held at once, at most")
    head_prior_std: float | None = Field(
        default=1.0, gt=0, description="deviation of the prior of each weight of the head about its start; none: flat"
    )
    decoder_prior_std: float | None = Field(
        default=None, gt=0, description="the same of what is trained of the decoder, whose start is kept in memory"
    )
    save_every: int = Field(default=20, ge=1)
    optim: Optim = Optim(lr=2e-5)
    head_lr_scale: float = Field(default=10.0, gt=0, description="the head learns at this multiple of lr")

    @abstractmethod
    def terms(self, data: Dataset) -> Sequence[Term]:
        """The terms of the log-likelihood, their parameters new; they tell who is who by the data set."""

    @property
    def calibration_kind(self) -> Literal["none", "temperature", "isotonic"]:
        """How probabilities of the judge are set right."""
        return self.calibrate

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

        Raises `RecipeError` where the split has nothing of what is learnt from, `TrainingStopped` where a number leaves
        its bounds.
        """
        terms, observations, data = self.read(data, split, stage=stage)
        groups = group_observations([each for each, _ in observations], self.group_completions)
        term_of = {id(each): name for each, name in observations}
        said = [each for each, _ in observations]
        seed = stage_seed(run, stage)
        decoder = self.open(self.base, seed=seed, train=True, layers=self.layers)
        start = Start(decoder, terms, term_of)
        heads = self.heads(data, said, seed=seed, stage=stage, start=start)
        judge = self.new_judge(decoder, heads, seed=seed, stage=stage)
        heads.prepare(judge)
        terms.to(judge.causal.device)
        plan = plan_steps(groups, epochs=self.epochs, step_completions=self.step_completions, seed=seed)
        fresh = [*judge.head.parameters(), *terms.parameters()]
        weights = [*judge.trainable(), *terms.parameters()]
        optimiser = Optimiser(self.optim, weights, len(plan), heads=fresh, head_scale=self.head_lr_scale)
        mean_weight = sum(each.weight for each in said) / len(said)
        prior = Prior(
            [(list(judge.head.parameters()), self.head_prior_std), (decoder.trainable(), self.decoder_prior_std)],
            terms,
            observations=mean_weight * len(said),
        )
        loop = TrainingLoop(
            run, stage, optimiser, self, total=len(plan), save_every=self.save_every, model=judge.causal.model
        )
        heads.resume(loop.state.setdefault("heads", {}))
        length = longest(tokenized(judge, data, completions_of(said)))
        limits = stage_batch_limits(self, judge.causal, run, stage, longest=length, predicts=False)
        fitting = Fitting(self, judge, terms, term_of, heads, data, optimiser, limits, mean_weight, len(said), prior)

        def update(step: int) -> StepResult[RewardMetrics]:
            together = join_groups([groups[i] for i in plan[step - 1]], self.group_completions)
            return StepResult(fitting.update(together, step))

        def save() -> None:
            self.finish(judge, heads, data, said, split=split)
            if self.doubt == "laplace":
                placed = [data.completions[name] for name in placing(completions_of(said))]
                form: dict[str, Any] = {"prior_std": self.head_prior_std, "placed": placed}
                judge.posterior = head_posterior(judge, heads, data, groups, fitting.nll, **form)
            with MODEL.write(run, stage=stage) as folder:
                judge.save(folder)
                heads.save(folder, judge.components)
                if parameters := dict(terms.state_dict()):
                    save_file(
                        {name: each.detach().cpu().contiguous() for name, each in parameters.items()}, folder / TERMS
                    )

        yield from loop.steps(update, save)

    def weight_of(self, term: str) -> float:
        """What an observation of a term weighs beside its own weight."""
        return 1.0

    def finish(
        self, judge: ScalarHeadModel, heads: Heads, data: Dataset, observations: Sequence[Observation], *, split: str
    ) -> None:
        """What is set in the judge after its weights are known, whenever it is saved."""
        self.aggregate(judge, heads)
        normalise(judge, data, completions_of(observations))

    def load_terms(self, data: Dataset, run: RunDirectory, *, stage: str = "reward") -> nn.ModuleDict:
        """The terms of the likelihood with the parameters that `fit` left in the run, for the same data set.

        With `judge.raw` they give the probability of any answer (`Term.nll`).
        """
        terms = nn.ModuleDict({term.name: term for term in self.terms(data)})
        folder = MODEL.verified(run, stage)
        terms.load_state_dict(load_file(folder / TERMS) if (folder / TERMS).is_file() else {})
        return terms.requires_grad_(False)

    def read(
        self, data: Dataset, split: str, *, stage: str
    ) -> tuple[nn.ModuleDict, list[tuple[Observation, str]], Dataset]:
        """The terms by name, every observation with the name of its term, and the data set with what they add.

        Raises `RecipeError` where there is nothing.
        """
        terms = nn.ModuleDict({term.name: term for term in self.terms(data)})
        observations: list[tuple[Observation, str]] = []
        completions = dict(data.completions)
        for name, term in terms.items():
            assert isinstance(term, Term)
            reading = term.read(data, split)
            observations += [(each.weighing(self.weight_of(name)), name) for each in reading.observations]
            completions |= reading.written
        if not observations:
            kinds = " or ".join(sorted(self.learns_from))
            raise RecipeError(f"{stage}: the split '{split}' has no {kinds} to learn from")
        return terms, observations, replace(data, completions=completions)


def placing(names: Sequence[str]) -> list[str]:
    """Those of the completions that were judged by which scores have mean 0: 300 at most."""
    return [names[i] for i in shuffled(len(names), "normalise")[:300]]


def normalise(judge: ScalarHeadModel, data: Dataset, names: Sequence[str]) -> None:
    """Give each output's scores mean 0, and their mean standard deviation 1, on at most 300 of the completions `names`.

    What is only compared has a reward that is known up to a constant; fixing its place and width lets KL coefficients
    mean the same for every reward model. A difference in the units of the likelihood is that of scores times
    `score_scale`.
    """
    raw_NM = judge.raw(*sample_of(data, names))
    judge.mean_M = tuple(raw_NM.mean(0).tolist())
    weight_K = judge.aggregation.amounts(max(1, len(judge.components)))
    mean_N = raw_NM.reshape(len(raw_NM), -1, judge.members).mean(2) @ weight_K
    judge.score_scale = max(float(mean_N.std()), 1e-6)
    judge.reference_RM = judge.normalised(raw_NM) if judge.aggregation.needs_reference else None


def sample_of(data: Dataset, names: Sequence[str]) -> tuple[list[Prompt], list[Completion]]:
    """The completions by which scores are placed, of those that were judged, and the prompts that they answer."""
    completions = [data.completions[name] for name in placing(names)]
    return [data.prompts[completion.prompt] for completion in completions], completions
