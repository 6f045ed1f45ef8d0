"""Settings of rounds: how often a run asks, learns and improves, whom it asks, and what each round takes over."""

from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from accord.records import Sampling

__all__ = ["AskedEvaluator", "Loop", "Round"]

PEOPLE, CROWD, MODEL, PROGRAM = "people", "crowd:", "model:", "program:"


class AskedEvaluator(BaseModel):
    """Somebody who is asked in the rounds, and how much of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    by: str = Field(
        description="`people` who answer the study in `accord collect`; `crowd:FILE.toml`, people who are simulated; "
        "`model:URL`, an OpenAI-compatible endpoint; `program:FILE.py:NAME` or `program:VERDICT`"
    )
    labels: int = Field(ge=1, description="answers that an asking takes of it at most")
    model: str | None = Field(default=None, description="what the endpoint calls the model; unset: the first it lists")

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.by != PEOPLE and not self.by.startswith((CROWD, MODEL, PROGRAM)):
            raise ValueError(
                f"by = '{self.by}': write 'people', 'model:URL', 'program:FILE.py:NAME' or 'crowd:FILE.toml'"
            )
        if self.model is not None and not self.by.startswith(MODEL):
            raise ValueError(f"model: '{self.by}' takes no notice of it; leave it out")
        return self

    @property
    def several(self) -> bool:
        """Whether there are several of them, so that a pair takes as many answers as the study's `overlap`."""
        return self.by == PEOPLE or self.by.startswith(CROWD)

    def anchored(self, folder: Path) -> Self:
        """The same with the path of a program's or a crowd's file made absolute."""
        if self.by.startswith(CROWD):
            return self.model_copy(update={"by": f"{CROWD}{folder / self.by.removeprefix(CROWD)}"})
        kind, _, rest = self.by.partition(":")
        file, colon, function = rest.rpartition(":")
        if kind != "program" or not colon:
            return self
        return self.model_copy(update={"by": f"{PROGRAM}{folder / file}:{function}"})


class Rounds(BaseModel):
    """What a loop and each of its rounds say alike."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    budget: int = Field(ge=0, description="answers that all rounds together may ask for")
    study: str | None = Field(default=None, description="the study whose question is asked, a TOML file")
    evaluators: tuple[AskedEvaluator, ...] = Field(default=(), description="who is asked")
    ask: Literal["every", "rule", "never"] = Field(
        default="every",
        description="when a round begins by asking: in `every` so many rounds, where the `rule` finds that the reward "
        "errs on what the policy writes now, or `never`",
    )
    every: int = Field(default=1, ge=1, description="rounds from one asking to the next")
    probe: int = Field(default=20, ge=1, description="answers that the rule takes in a round before it decides")
    least_kl: float = Field(
        default=0.0,
        ge=0,
        description="the rule probes where the policy may have moved so far since the last probe, nats, or its reward "
        "is less sure of what it writes; at 0 in every round",
    )
    longest_wait: int = Field(default=3, ge=1, description="rounds in a row at most in which the rule does not probe")
    level: float = Field(
        default=0.1, gt=0, lt=1, description="chance at most that the rule asks at any time though the reward is right"
    )
    go_back: bool = Field(
        default=True,
        description="where the rule finds the reward wrong, the policy goes on from where it was before it was last "
        "improved",
    )
    reward: Literal["accumulate", "window", "anew"] = Field(
        default="accumulate",
        description="the reward goes on, head and all, with all feedback, or with that of the newest asking alone; or "
        "begins anew with all",
    )
    policy: Literal["continue", "restart"] = Field(
        default="continue", description="the policy goes on, or begins at the start again"
    )
    reference: Literal["start", "last"] = Field(
        default="start", description="what it is held near and compared with: the first start, or the last policy"
    )
    reference_share: float = Field(
        default=0.0, ge=0, le=1, description="share of the texts to be judged that the first start writes"
    )
    sampling: Sampling = Field(default=Sampling(max_tokens=48), description="of the texts to be judged")
    patience_hours: float = Field(
        default=168.0, gt=0, description="how long people are waited for before the run gives up"
    )

    changeable: ClassVar[frozenset[str]] = frozenset({"budget", "patience_hours"})
    """Settings that change no outcome, so that a run goes on with others."""

    @property
    def labels(self) -> int:
        """Answers that an asking takes."""
        return sum(each.labels for each in self.evaluators)

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if self.ask != "never" and (not self.evaluators or self.study is None):
            missing = "evaluators" if not self.evaluators else "study"
            raise ValueError(f"{missing}: missing, and ask = '{self.ask}'; name it, or set ask = 'never'")
        if self.ask == "rule" and self.probe > self.labels:
            raise ValueError(f"probe = {self.probe} is more than the {self.labels} answers of an asking; lower it")
        return self

    def anchored(self, folder: Path) -> Self:
        """The same with its paths made absolute."""
        return self.model_copy(
            update={
                "study": self.study and str(folder / self.study),
                "evaluators": tuple(each.anchored(folder) for each in self.evaluators),
            }
        )


class Loop(Rounds):
    """`[loop]`: rounds of asking, learning and improving, each a run of its own in `rounds/`."""

    rounds: int = Field(default=1, ge=1, description="rounds at most")
    optimiser: Literal["anew", "continue"] = Field(
        default="anew",
        description="the moments of optimisers begin anew in each round, or go on with the model that they are of",
    )
    max_kl: float | None = Field(
        default=None, gt=0, description="end the rounds where a policy's KL to what it is compared with is above, nats"
    )
    stop_when_worse: bool = Field(
        default=True,
        description="end the rounds where the independent judge finds a policy worse than that of the round before, "
        "which is then the result",
    )
    stop_at_peak: bool = Field(
        default=False,
        description="end the rounds where the independent judge's curve over them has surely passed its fitted peak; "
        "the round nearest to the peak is then the result",
    )

    @model_validator(mode="after")
    def _one_distance(self) -> Self:
        if self.stop_at_peak and self.reference != "start":
            raise ValueError("stop_at_peak needs distances from one start; set reference = 'start'")
        return self

    def of_round(self, number: int, parent: str, start: str) -> "Round":
        """What a round is told of it."""
        own = {name: getattr(self, name) for name in Rounds.model_fields}
        return Round(number=number, parent=parent, start=start, **own)


class Round(Rounds):
    """`[round]`: which round a run is, and of what run it is the next."""

    number: int = Field(ge=2)
    parent: str = Field(description="the folder of the round before")
    start: str = Field(description="what the policy of the first round started from: a folder, or a model by name")
