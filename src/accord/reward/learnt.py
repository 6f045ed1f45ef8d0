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

import operator
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field

from accord.deferred import deferred
from accord.errors import ArtefactError, RecipeError
from accord.feedback import Dataset
from accord.lm.settings import ModelSettings
from accord.records import Completion, Prompt
from accord.reward.going_on import TERMS, take_over
from accord.reward.idle_settings import not_default
from accord.reward.observations import Observation, completions_of, group_observations, plan_steps
from accord.reward.people.settings import PeopleSettings
from accord.reward.posterior.settings import DoubtSettings
from accord.reward.settings import RewardSettings
from accord.reward.terms.reading import Reading
from accord.run import RunDirectory
from accord.train import Optim, Optimiser, shuffled, stage_seed
from accord.train.ranks import shares_steps

with deferred():
    from safetensors.torch import load_file, save_file
    from torch import nn

    from accord.artefacts import MODEL, RewardMetrics
    from accord.lm.adapter_ensemble import AdapterEnsemble
    from accord.lm.packed import longest
    from accord.lm.reward_model import ScalarHeadModel
    from accord.lm.reward_model_files import load_reward_model
    from accord.reward.fitting import Fitting, tokenized
    from accord.reward.heads import Heads
    from accord.reward.people.unknown_groups import Start
    from accord.reward.posterior.fitted import head_posterior
    from accord.reward.prior import Prior
    from accord.reward.terms.base import Term
    from accord.train import StepResult, TrainingLoop, TrainingStep, stage_batch_limits
    from accord.train.sharding import shard_model

__all__ = ["TERMS", "LearntReward", "sample_of"]

NARROW = 1e-3
"""Log-odds: outputs that differ by less are taken as they are, and not blown up to differ by 1."""


class LearntReward(PeopleSettings, DoubtSettings, RewardSettings, ModelSettings):
    """Settings that all learnt rewards share. A subclass has `kind`, `learns_from` and `terms`."""

    renamed: ClassVar[Mapping[str, str]] = {
        "members": "ensemble_size",
        "by": "group_by",
        "head_scale": "head_lr_scale",
    }

    base: str = "smollm2-135m"
    go_on_from: str | None = Field(
        default=None,
        description="the folder of a reward model of the same kind to go on from, head and all; unset: new heads over "
        "`base`",
    )
    prior_about: Literal["new", "earlier"] = Field(
        default="new",
        description="where the priors of heads lie: about new ones, where all that was said is learnt from again; or "
        "about those of `go_on_from`, where what they learnt from is not",
    )
    epochs: float = Field(default=1.0, gt=0, description="passes over the completions that were judged")
    max_steps: int | None = Field(
        default=None, ge=1, exclude_if=operator.not_, description="steps at most; unset: as many as `epochs` takes"
    )
    step_completions: int = Field(default=120, ge=2, description="completions scored in a step, about")
    layers: int | None = Field(default=None, ge=1, description="read the score after so many layers; unset: all")
    group_completions: int = Field(
        default=32, ge=2, description="completions of a prompt and session that are scored together, at most"
    )
    head_prior_std: Annotated[float, Field(gt=0)] | Literal["flat"] = Field(
        default=1.0, description="deviation of the prior of each weight of the head about its start, or `flat`"
    )
    decoder_prior_std: float | None = Field(
        default=None, gt=0, description="the same of what is trained of the decoder, whose start is kept in memory"
    )
    save_every: int = Field(default=20, ge=1)
    optim: Optim = Optim(lr=2e-5)
    head_lr_scale: float = Field(
        default=10.0, gt=0, description="heads and members' adapters learn at this multiple of lr"
    )
    term_lr: float = Field(
        default=0.05, gt=0, description="at which thresholds, slopes and the like learn, on the schedule of optim"
    )

    @property
    def head_std(self) -> float | None:
        """`head_prior_std`, None of a flat prior."""
        return None if self.head_prior_std == "flat" else self.head_prior_std

    not_taken: ClassVar[frozenset[str]] = frozenset()
    """Settings of all learnt rewards that a kind has no use for."""

    def contradictions(self) -> list[str]:
        """Which settings contradict each other or would do nothing, each as `key: what is wrong`."""
        unused = not_default(self, sorted(self.not_taken))
        problems = [f"{name}: does nothing where kind = '{self.kind}'; leave it out" for name in unused]
        if self.doubt == "laplace" and (self.head_per in {"person", "unknown_group"} or self.pooling_sd is not None):
            problems.append("doubt: 'laplace' takes each head for itself, and these are learnt together")
        if self.go_on_from is None and self.prior_about == "earlier":
            problems.append("prior_about: 'earlier' is about a reward model to go on from; name it in go_on_from")
        if self.go_on_from is not None and self.head_per == "unknown_group":
            problems.append(
                "go_on_from: groups that are found are found anew, and no head is theirs before; leave it out"
            )
        shared = [*self.people_problems(), *self.doubt_problems(members=self.ensemble_size)]
        return problems + [each for each in shared if each.split(":")[0] not in unused]

    def problems(self) -> list[str]:
        """Contradictions, before anything is started."""
        return [*super().problems(), *self.contradictions()]

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

    @property
    def trains_alone(self) -> bool:
        """Whether one process makes all steps: where groups are found, each answer is heard after the one before."""
        return self.head_per == "unknown_group"

    @shares_steps
    def steps(
        self, data: Dataset, run: RunDirectory, *, split: str = "train", stage: str = "reward"
    ) -> Iterator[TrainingStep[RewardMetrics]]:
        """The training loop. Goes on from the last checkpoint of `stage` in `run`.

        Raises `RecipeError` where the split has nothing of what is learnt from, `TrainingStopped` where a number leaves
        its bounds.
        """
        if contradictions := self.contradictions():
            raise RecipeError(f"{stage}: {contradictions[0]}")
        terms, observations, data = self.read(data, split, stage=stage)
        groups = group_observations([each for each, _ in observations], self.group_completions)
        term_of = {id(each): name for each, name in observations}
        said = [each for each, _ in observations]
        seed = stage_seed(run, stage)
        decoder = self.open(self.go_on_from or self.base, seed=seed, train=True, layers=self.layers)
        start = Start(decoder, terms, term_of)
        heads = self.heads(data, said, seed=seed, stage=stage, start=start)
        judge = self.new_judge(decoder, heads, seed=seed, stage=stage)
        heads.prepare(judge)
        terms.to(judge.causal.device)
        plan = plan_steps(groups, epochs=self.epochs, step_completions=self.step_completions, seed=seed)
        plan = plan[: self.max_steps]
        mean_weight = sum(each.weight for each in said) / len(said)
        prior = self.new_prior(judge, terms, observations=mean_weight * len(said))
        if self.go_on_from is not None:
            take_over(judge, heads, terms, Path(self.go_on_from))
            if self.prior_about == "earlier":
                prior = self.new_prior(judge, terms, observations=mean_weight * len(said))
        prior.follow(shard_model(judge.causal))
        optimiser = self.new_optimiser(judge, terms, steps=len(plan))
        loop = TrainingLoop(
            run, stage, optimiser, self, total=len(plan), save_every=self.save_every, model=judge.causal.model
        )
        heads.resume(loop.state.setdefault("heads", {}))
        length = longest(tokenized(judge, data, completions_of(said)))
        limits = stage_batch_limits(self, judge.causal, run, stage, longest=length, predicts=False)
        fitting = Fitting(self, judge, terms, term_of, heads, data, optimiser, limits, mean_weight, len(said), prior)

        def update(step: int) -> StepResult[RewardMetrics]:
            return StepResult(fitting.update([groups[i] for i in plan[step - 1]], step))

        def save() -> None:
            self.finish(judge, heads, data, said, split=split)
            if self.doubt == "laplace":
                placed = [data.completions[name] for name in placing(completions_of(said))]
                form: dict[str, Any] = {"prior_std": self.head_std, "placed": placed}
                judge.posterior = head_posterior(judge, heads, data, groups, fitting.nll, **form)
            with MODEL.write(run, stage=stage) as folder:
                judge.save(folder)
                heads.save(folder, judge.components)
                if parameters := dict(terms.state_dict()):
                    save_file(
                        {name: each.detach().cpu().contiguous() for name, each in parameters.items()}, folder / TERMS
                    )

        yield from loop.steps(update, save)

    def new_optimiser(self, judge: ScalarHeadModel, terms: nn.ModuleDict, *, steps: int) -> Optimiser:
        """Of the decoder at `optim.lr`, of the head and members' adapters at a multiple, of the terms at `term_lr`."""
        return Optimiser(
            self.optim,
            [*judge.trainable(), *terms.parameters()],
            steps,
            heads=[*judge.head.parameters(), *members_own(judge)],
            head_scale=self.head_lr_scale,
            apart=terms.parameters(),
            apart_lr=self.term_lr,
        )

    def new_prior(self, judge: ScalarHeadModel, terms: nn.ModuleDict, *, observations: float) -> Prior:
        """The prior of a new model's weights, about where they are."""
        own = set(members_own(judge))
        shared = [weight for weight in judge.causal.trainable() if weight not in own]
        return Prior(
            [
                (list(judge.head.parameters()), self.head_std, judge.members),
                (members_own(judge), self.decoder_prior_std, judge.members),
                (shared, self.decoder_prior_std, 1),
            ],
            terms,
            observations=observations,
        )

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

        With `judge.raw` they give the probability of any answer (`Term.nll`). Raises `ArtefactError` where the data set
        has other evaluators, scales or options than they are of.
        """
        terms = nn.ModuleDict({term.name: term for term in self.terms(data)})
        file = MODEL.verified(run, stage) / TERMS
        try:
            terms.load_state_dict(load_file(file) if file.is_file() else {})
        except RuntimeError as error:
            raise ArtefactError(
                f"{file}: parameters of other terms than those of this data set and these settings; give the data set "
                f"and the recipe of the run ({' '.join(str(error).split())})"
            ) from error
        return terms.requires_grad_(False)

    def read(
        self, data: Dataset, split: str, *, stage: str
    ) -> tuple[nn.ModuleDict, list[tuple[Observation, str]], Dataset]:
        """The terms by name, every observation with the name of its term, and the data set with what they add.

        Raises `RecipeError` where there is nothing.
        """
        terms = self.terms(data)
        readings = {term.name: term.read(data, split) for term in terms}
        written = {key: text for reading in readings.values() for key, text in reading.written.items()}
        observations = self._weighed(readings, split, stage)
        by_name = nn.ModuleDict({term.name: term for term in terms})
        return by_name, observations, replace(data, completions={**data.completions, **written})

    def readings(self, data: Dataset, split: str) -> Mapping[str, Reading]:
        """What each of `terms` reads of a split, by its name; a kind that knows it without its terms says so here."""
        return {term.name: term.read(data, split) for term in self.terms(data)}

    def observations(self, data: Dataset, split: str, *, stage: str) -> list[Observation]:
        """What there is to learn from, without what learns it. Raises as `read`."""
        return [each for each, _ in self._weighed(self.readings(data, split), split, stage)]

    def _weighed(self, readings: Mapping[str, Reading], split: str, stage: str) -> list[tuple[Observation, str]]:
        """Every observation with the name of its term. Raises `RecipeError` where there is nothing to learn from."""
        observations = [
            (each.weighing(self.weight_of(name)), name)
            for name, reading in readings.items()
            for each in reading.observations
        ]
        if not observations:
            kinds = " or ".join(sorted(self.learns_from))
            raise RecipeError(f"{stage}: the split '{split}' has no {kinds} to learn from")
        if not sum(each.weight for each, _ in observations) > 0:
            raise RecipeError(
                f"{stage}: all {len(observations)} judgements of the split '{split}' weigh 0; see the weights of "
                "evaluators (trust), and whether readers of critiques agree"
            )
        return observations


def members_own(judge: ScalarHeadModel) -> list[nn.Parameter]:
    """What each member of an ensemble has in the decoder for itself: its adapters."""
    return judge.adapters.parameters() if isinstance(judge, AdapterEnsemble) else []


def placing(names: Sequence[str]) -> list[str]:
    """Those of the completions that were judged by which scores have mean 0: 300 at most."""
    return [names[i] for i in shuffled(len(names), "normalise")[:300]]


def normalise(judge: ScalarHeadModel, data: Dataset, names: Sequence[str]) -> None:
    """Give outputs' scores mean 0, and those of a component deviation 1, on at most 300 of the completions `names`.

    Of several groups or persons it is the root of their mean variance, by what each counts: where they want opposite
    things their mean has hardly any, while each has scores of about unit size. Of a weighted sum it is the sum's.

    What is only compared has a reward that is known up to a constant; fixing its place and width lets KL coefficients
    mean the same for every reward model. A difference in the units of the likelihood is that of scores times
    `score_scale`.
    """
    raw_NM = judge.raw(*sample_of(data, names))
    judge.mean_M = tuple(raw_NM.mean(0).tolist())
    weight_K = judge.aggregation.amounts(max(1, len(judge.components)))
    raw_NK = raw_NM.reshape(len(raw_NM), -1, judge.members).mean(2)
    summed = judge.aggregation.rule == "sum"
    width = float((raw_NK @ weight_K).std() if summed else np.sqrt(raw_NK.var(0) @ weight_K))
    judge.score_scale = unit_of(width)
    judge.reference_RM = judge.normalised(raw_NM) if judge.aggregation.needs_reference else None


def unit_of(width: float) -> float:
    """What scores of such a spread are divided by: 1 where texts hardly differ, as where there is one alone."""
    return width if width > NARROW else 1.0


def sample_of(data: Dataset, names: Sequence[str]) -> tuple[list[Prompt], list[Completion]]:
    """The completions by which scores are placed, of those that were judged, and the prompts that they answer."""
    completions = [data.completions[name] for name in placing(names)]
    return [data.prompts[completion.prompt] for completion in completions], completions
