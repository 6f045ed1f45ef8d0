"""Settings of every algorithm that learns from its own samples: what it draws, who judges it, when it stops itself.

What a step does with them is `accord.policy.online_trainer`.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from accord.deferred import deferred
from accord.policy.budget import SampleBudget
from accord.policy.caution import Cautious
from accord.policy.constraints import Constraint
from accord.policy.maxmin import MaxMin
from accord.policy.servers.settings import SamplerServer
from accord.records import Sampling
from accord.run import RunDirectory
from accord.train import Optim, TrainingStep
from accord.train.ranks import shares_steps

with deferred():
    from accord.artefacts import OnlineMetrics
    from accord.policy.materials import Material, Materials
    from accord.policy.online_trainer import OnlineTrainer, build_trainer
    from accord.policy.optimum import KLObjective
    from accord.policy.rollout import Rollout

__all__ = ["Dense", "Online"]


def _is_usual(value: object) -> Callable[[object], bool]:
    """Leaves out of a recipe what says nothing; runs of before had no such keys."""
    return lambda given: given == value


class Online(Cautious):
    """Settings that all online algorithms share."""

    anchor = "kl_coef"
    lab_defaults: ClassVar[Mapping[str, Any] | None] = {}
    renamed: ClassVar[Mapping[str, str]] = {
        "group": "group_size",
        "kl": "kl_coef",
        "prompts": "prompts_per_step",
        "stop_kl": "max_kl",
        "unstopped": "missing_eos_penalty",
    }

    max_steps: int = Field(default=24, ge=1)
    prompts_per_step: int = Field(default=8, ge=1, description="prompts a step")
    group_size: int = Field(default=8, ge=1, description="samples of each prompt")
    sampling: Sampling = Sampling(max_tokens=48)
    sampler: SamplerServer | None = Field(
        default=None,
        exclude_if=_is_usual(None),
        description="a server that draws the samples; unset: the policy does so itself",
    )
    epochs: int = Field(default=1, ge=1, description="passes over a step's samples")
    minibatches: int = Field(default=1, ge=1, description="updates a pass")
    missing_eos_penalty: float = Field(
        default=1.0, ge=0, description="taken off the score of a completion that did not end"
    )
    constraints: tuple[Constraint, ...] = Field(default=(), description="limits on components of the judge's scores")
    maxmin: MaxMin | None = Field(default=None, description="groups of people, the worst served of which counts most")
    max_kl: float = Field(default=200.0, gt=0, description="nats a sequence: training stops itself beyond it")
    on_judge_failure: Literal["stop", "skip"] = Field(
        default="stop",
        exclude_if=_is_usual("stop"),
        description="what becomes of a step of which the judge gives no scores: training stops, or the step is skipped",
    )
    judge_retries: int = Field(
        default=3,
        ge=0,
        exclude_if=_is_usual(3),
        description="how often a judge that fails is asked again, where that may help",
    )
    max_skipped_steps: int = Field(
        default=3, ge=1, exclude_if=_is_usual(3), description="steps that may be skipped; one more stops training"
    )
    save_every: int = Field(default=6, ge=1)
    optim: Optim = Optim(lr=1e-5, warmup_steps=2, lr_schedule="constant")

    @model_validator(mode="after")
    def _trainable(self) -> Self:
        if self.on_policy and not self.sampling.whole:
            raise ValueError(
                "a policy learns from what it draws from its whole distribution: leave sampling.top_p and top_k out, "
                "and sampling.temperature above 0"
            )
        if self.sampler is not None and not self.on_policy:
            raise ValueError("a sampler draws the policy's own samples, and these are the start's; leave it out")
        if self.minibatches > (texts := self.prompts_per_step * self.group_size):
            raise ValueError(f"minibatches = {self.minibatches} of the {texts} texts of a step leave some empty")
        return self

    def anchored(self, folder: Path) -> Self:
        """The same with the folder of weights for the sampler made absolute."""
        settings = super().anchored(folder)
        if settings.sampler is None:
            return settings
        return settings.model_copy(update={"sampler": settings.sampler.anchored(folder)})

    @property
    def single_update(self) -> bool:
        """Whether a step makes one update, whose forward pass is then the only one."""
        return self.epochs == self.minibatches == 1

    @property
    def on_policy(self) -> bool:
        """Whether the samples are the policy's own; else those of the initial policy."""
        return True

    @property
    def steps_ahead(self) -> int:
        """How many steps before it is learnt from a sample is asked for, by weights that lie behind by so many then."""
        return 0

    @property
    def needs_reference(self) -> bool:
        """Whether a reference is needed."""
        return True

    @property
    def needs_old_logprobs(self) -> bool:
        """Whether samples are measured before the update: where its first pass is not the only one, or drops out."""
        return self.drops or not self.single_update

    @property
    def values_while_sampling(self) -> bool:
        """Whether the value head reads the states of the sampler, where that is the policy itself."""
        return False

    @abstractmethod
    def update(self, trainer: OnlineTrainer, rollout: Rollout, step: int) -> dict[str, Any]:
        """The updates of one step, and the means of their numbers."""

    @property
    def needs(self) -> frozenset[Material]:
        """Prompts, and a judge of the samples."""
        return frozenset({"prompts", "judge"})

    def regularised_by(self, kl_coef: float) -> KLObjective | None:
        """The judge's score less `kl_coef` times the KL, for `kl_objective`; None where more than these two count."""
        if not kl_coef or self.constraints or self.maxmin is not None:
            return None
        return KLObjective(kl_coef, self.missing_eos_penalty, self.sampling, cautious=self.is_cautious)

    @classmethod
    def within(cls, budget: SampleBudget) -> dict[str, Any]:
        """Its own samples are the texts."""
        return {
            "max_steps": budget.steps,
            "prompts_per_step": budget.prompts,
            "group_size": budget.group,
            "sampling": budget.sampling,
        }

    @shares_steps
    def steps(
        self, materials: Materials, run: RunDirectory, *, stage: str = "policy"
    ) -> Iterator[TrainingStep[OnlineMetrics]]:
        """Sample, have the samples judged, and update; the initial policy is the reference."""
        prompts, judge = materials.prompts, materials.judge
        form: dict[str, Any] = {"start": materials.start, "stage": stage, "remote": materials.remote_sampler}
        trainer = build_trainer(self, prompts, judge, run, **form)
        yield from trainer.steps(self.update)


class Dense(Online):
    """Settings of algorithms that can give each token what it earns itself."""

    dense: bool = Field(
        default=False,
        description="the judge's score where it says it is earned (its `credits`), not all of it at the end",
    )

    @property
    def needs_credits(self) -> bool:
        """By `dense`."""
        return self.dense
