"""The sections of a recipe: what is set where, and what no value of it may be."""

from collections.abc import Mapping, Sized
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SerializeAsAny, field_validator, model_validator

from accord.audit.settings import AuditSettings
from accord.cluster.settings import Engine
from accord.errors import LedgerError
from accord.feedback import Selection, Supervised, TrustModel
from accord.feedback.dataset.structured import StructuredRule
from accord.feedback.store.location import has_password, is_url
from accord.lm.settings import ModelForm
from accord.policy.online import Online
from accord.policy.settings import PolicySettings
from accord.policy.sft import SFT
from accord.recipe.judges import ModelJudge
from accord.recipe.rounds import Loop, Round
from accord.recipe.synchronous import Synchronous
from accord.records import JudgementKind, Sampling
from accord.reward.combine import MAIN, Combination
from accord.reward.kinds.bradley_terry import BradleyTerry
from accord.reward.settings import RewardSettings

__all__ = ["Checkpoints", "Data", "Disclosure", "Evaluate", "Processes", "Recipe", "Section", "Track"]

Name = Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$")]
Share = Annotated[float, Field(gt=0, le=1)]
ShareOrNone = Annotated[float, Field(ge=0, lt=1)]


_ADDED = ("judges", "metrics")


def _is_empty(value: Sized) -> bool:
    return not value


class Section(BaseModel):
    """A part of the recipe: frozen, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Data(Section):
    """Where the feedback is, and how examples are drawn from it.

    `ledger` is a path or a postgresql:// URL; it and `source` are meant from the recipe's folder. Where `source` is
    given, it is imported into the ledger first (again without harm); `packaged` stands for the human ratings that
    accord fetches from the package index.
    """

    renamed: ClassVar[Mapping[str, str]] = {"judge": "eval_reward", "pairs": "max_pairs"}

    ledger: str = "feedback.db"
    source: str | None = None
    format: str | None = None
    max_pairs: int = Field(default=200_000, ge=1, description="at most so many pairs, drawn by the seed")
    split_by: Literal["prompt", "session", "evaluator"] = "prompt"
    train: Share = 0.44
    eval_reward: ShareOrNone = 0.44
    held_out: ShareOrNone = 0.12
    supervised: Supervised = Field(
        default="chosen",
        description="what the supervised start learns from: completions that were `chosen`, `demonstrations`, "
        "`corrections`, or `all` of these and rejected completions too",
    )
    studies: tuple[str, ...] | None = Field(default=None, description="read feedback of these studies alone")
    kinds: tuple[JudgementKind, ...] | None = Field(default=None, description="read these kinds of judgement alone")
    evaluator_kinds: tuple[Literal["person", "model", "rule", "simulated"], ...] | None = Field(
        default=None, description="read these kinds of evaluators alone"
    )
    rounds: tuple[int, ...] | None = Field(default=None, description="read feedback of these rounds alone")
    exclude: tuple[str, ...] = Field(
        default=(), description="leave out: ids of evaluators, ids of feedback, or names of studies"
    )
    too_long: Literal["refuse", "drop", "cut"] = Field(
        default="refuse",
        description="texts that are too long for a model that is to read them: end before anything is trained, leave "
        "out what names them, or cut them to fit, without an end",
    )
    structured: StructuredRule = Field(
        default="refuse",
        description="answers of several turns and prompts with pictures, sound or files, which are more than their "
        "texts: end before anything is trained, or leave out what names them",
    )
    trust: TrustModel = Field(
        default="none",
        description="what tells which evaluators are careless, whose answers then weigh less: their `control` "
        "questions, or all the others' votes on the same texts by a `one_coin` or `dawid_skene` model; `none`: nothing",
    )
    pools: dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]] = Field(
        default={}, exclude_if=_is_empty, description="what answers of the evaluators of a pool weigh"
    )
    raking: bool = Field(default=False, description="weigh answers so that they have the shares of `population`")
    population: dict[str, dict[str, float]] = Field(
        default={},
        exclude_if=_is_empty,
        description="shares of the groups in the population, by attribute of evaluators (or `pool`)",
    )
    prompts: str | None = Field(
        default=None, description="a file of prompts that nobody has judged, which enter the ledger beside the feedback"
    )
    deployment_prompts: str | None = Field(
        default=None, description="a file of prompts as they come where the policy is to work, for the audit"
    )
    about: str | None = Field(default=None, description="what people were asked, as the report shall say it")

    @property
    def fractions(self) -> dict[str, float]:
        """The share of each split."""
        return {"train": self.train, "eval_reward": self.eval_reward, "held_out": self.held_out}

    @property
    def selection(self) -> Selection:
        """Which feedback of the ledger is read."""
        return Selection(self.studies, self.kinds, self.evaluator_kinds, self.rounds, self.exclude)

    @field_validator("split_by", mode="before")
    @classmethod
    def _renamed(cls, unit: object) -> object:
        if unit == "batch":
            raise ValueError("'batch' is called 'session' now")
        return unit

    @field_validator("ledger")
    @classmethod
    def _without_password(cls, ledger: str) -> str:
        """A recipe is copied into its run, printed and compared: a password must not be in it."""
        try:
            secret = is_url(ledger) and has_password(ledger)
        except LedgerError as error:
            raise ValueError(str(error)) from error
        if secret:
            raise ValueError("this URL holds a password, and recipes are copied; give it by PGPASSWORD or ~/.pgpass")
        return ledger


class Evaluate(Section):
    """Who judges the result, and on how many samples. The judge never shares feedback with the reward model."""

    renamed: ClassVar[Mapping[str, str]] = {
        "prompts": "max_prompts",
        "samples": "samples_per_prompt",
        "curve": "curve_samples",
    }

    judged: bool = Field(
        default=True, description="whether an independent judge reads what both write; without, `judge` is not used"
    )
    judge: SerializeAsAny[RewardSettings] = BradleyTerry()
    max_prompts: int | None = Field(default=None, ge=1, description="held-out prompts used; unset: all")
    samples_per_prompt: int = Field(default=32, ge=1, description="samples of each prompt and arm")
    sampling: Sampling = Sampling(max_tokens=48)
    curve_samples: int = Field(default=64, ge=1, description="rollouts of each step that the judge reads")
    judges: dict[Name, SerializeAsAny[RewardSettings] | ModelJudge] = Field(
        default={}, exclude_if=_is_empty, description="further judges, by name"
    )
    metrics: dict[Name, SerializeAsAny[RewardSettings]] = Field(
        default={}, exclude_if=_is_empty, description="further numbers of each text, by name"
    )

    @property
    def further(self) -> "dict[str, RewardSettings]":
        """The further judges that are kinds of reward, and the metrics, by their sections."""
        judges = {f"evaluate.judges.{name}": judge for name, judge in self.judges.items()}
        metrics = {f"evaluate.metrics.{name}": metric for name, metric in self.metrics.items()}
        return {name: each for name, each in {**judges, **metrics}.items() if isinstance(each, RewardSettings)}

    @field_validator("sampling")
    @classmethod
    def _whole(cls, sampling: Sampling) -> Sampling:
        if not sampling.whole:
            raise ValueError(
                "KL and entropy are of texts from the whole distribution: leave top_p and top_k out, "
                "and temperature above 0"
            )
        return sampling


class Checkpoints(Section):
    """Which steps of a stage are kept; nothing that a run finds hangs on it."""

    keep: int = Field(
        default=1, ge=1, description="whole steps kept while a stage trains, the newest; a damaged one is passed over"
    )
    best_by: Literal["eval_reward", "reward"] | None = Field(
        default=None,
        description="keep the policy of the best step too: by the score of the independent judge (`eval_reward`), or "
        "by the reward that it is trained on (`reward`), which is no judge of it",
    )


def _is_usual(checkpoints: Checkpoints) -> bool:
    return checkpoints == Checkpoints()


class Processes(Section):
    """How several processes of torchrun train a stage together; nothing that a run finds hangs on it."""

    shard: bool = Field(
        default=False,
        description="deal weights, gradients and moments out over the processes, instead of each holding all of them",
    )


def _is_one(processes: Processes) -> bool:
    return processes == Processes()


class Disclosure(Section):
    """What people state of the run, for `accord disclose`; the path is meant from the recipe's folder."""

    statements: str = Field(description="the file of statements, disclosure.toml")


class Track(Section):
    """Where the numbers of each step are told besides the run's own files. No outcome depends on it."""

    to: tuple[Literal["tensorboard", "wandb", "mlflow", "trackio"], ...] = Field(
        default=(), description="trackers, each of which has to be installed; one that fails never stops the run"
    )
    project: str = Field(default="accord", min_length=1, description="what the tracker files its runs under")
    folder: str = Field(
        default="tracked", min_length=1, description="where TensorBoard's files are put, below the name of the run"
    )


class Recipe(Section):
    """All settings of a run.

    `extensions` are Python files, loaded before anything else of the recipe is read. The policy learns from `reward`,
    and each of `rewards` is a component of it by its name; or from what `combine` makes of all of them. With
    `synchronous` the reward goes on while the policy learns; with `loop` it is made in rounds, and `round` is what the
    recipe of one of them says of its place among them.
    """

    extensions: tuple[str, ...] = Field(default=(), exclude_if=_is_empty)
    seed: int = Field(default=0, ge=0)
    data: Data = Data()
    sft: SFT | None = None
    reward: SerializeAsAny[RewardSettings] | None = None
    rewards: dict[Name, SerializeAsAny[RewardSettings]] = Field(default={}, exclude_if=_is_empty)
    combine: SerializeAsAny[Combination] | None = None
    policy: SerializeAsAny[PolicySettings] | None = None
    evaluate: Evaluate | None = None
    audit: AuditSettings = AuditSettings()
    checkpoints: Checkpoints = Field(default=Checkpoints(), exclude_if=_is_usual)
    processes: Processes = Field(default=Processes(), exclude_if=_is_one)
    engine: Engine = Field(default=Engine(), exclude_if=lambda engine: engine == Engine())
    disclosure: Disclosure | None = None
    track: Track | None = None
    synchronous: Synchronous | None = None
    loop: Loop | None = None
    round: Round | None = None

    @model_validator(mode="after")
    def _samples_may_be_stale(self) -> Self:
        stale = isinstance(self.policy, Online) and self.policy.steps_ahead
        if stale and self.checkpoints.best_by is not None:
            raise ValueError(
                "checkpoints.best_by compares steps by what each writes itself, and with policy.staleness others learn "
                "from that; leave one of them out"
            )
        if stale and self.synchronous is not None:
            raise ValueError(
                "synchronous asks about the policy's newest texts, and with policy.staleness they are older; leave one "
                "of them out"
            )
        return self

    @model_validator(mode="after")
    def _one_writes_samples(self) -> Self:
        served = isinstance(self.policy, Online) and self.policy.sampler is not None
        if served and self.engine.kind == "ray" and self.engine.samplers:
            raise ValueError("policy.sampler has a server write the samples: set engine.samplers = 0, or leave it out")
        return self

    @model_validator(mode="after")
    def _steps_can_be_compared(self) -> Self:
        by = self.checkpoints.best_by
        if by is None:
            return self
        if self.policy is None or not (self.policy.on_policy and {"prompts", "judge"} <= self.policy.needs):
            raise ValueError(
                "checkpoints.best_by compares what a policy writes while it learns, and this one writes nothing "
                "itself; leave it out"
            )
        if by == "eval_reward" and (self.evaluate is None or not self.evaluate.judged):
            raise ValueError(
                'checkpoints.best_by = "eval_reward" asks an independent judge; add an [evaluate] section, or compare '
                'by "reward", which the policy is trained on'
            )
        return self

    @property
    def reward_sections(self) -> dict[str, RewardSettings]:
        """The rewards of a recipe, by their sections."""
        sections = {"reward": self.reward, **{f"rewards.{name}": reward for name, reward in self.rewards.items()}}
        if self.evaluate is not None and self.evaluate.judged:
            sections["evaluate.judge"] = self.evaluate.judge
        if self.evaluate is not None:
            sections |= self.evaluate.further
        return {name: reward for name, reward in sections.items() if reward is not None}

    @property
    def parts(self) -> list[str]:
        """The rewards that `combine` makes one of, by name: `reward` and those of `rewards`."""
        return [*([] if self.reward is None else [MAIN]), *self.rewards]

    def with_models(self, **settings: Any) -> "Recipe":
        """The same with settings of models in every section that opens one, where they are unset there."""

        def of(section: Any) -> Any:
            if not isinstance(section, ModelForm):
                return section
            own = settings.keys() & type(section).model_fields.keys()
            return section.model_copy(update={name: getattr(section, name) or settings[name] for name in own})

        evaluate = self.evaluate
        if evaluate is not None:
            parts = {key: {name: of(each) for name, each in getattr(evaluate, key).items()} for key in _ADDED}
            evaluate = evaluate.model_copy(update={"judge": of(evaluate.judge), **parts})
        return self.model_copy(
            update={
                **{name: of(getattr(self, name)) for name in ("sft", "reward", "policy")},
                "rewards": {name: of(reward) for name, reward in self.rewards.items()},
                "evaluate": evaluate,
            }
        )
