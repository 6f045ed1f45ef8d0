"""One recorded answer, and one session of a server with what it counted."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, Field, model_validator

from accord.feedback.deployment.recording_policy import RecordingPolicy
from accord.records import FinishReason, Prompt, Record, Sampling, Value

__all__ = ["Counts", "RecordedAnswer", "ServingSession", "moment"]

Count = Annotated[int, Field(ge=0)]


class RecordedAnswer(Record):
    """What was asked once, and all that was answered to it.

    name        the id that the client was given; `place` is the prompt's where a request has several
    session     of the server that answered (`ServingSession.id`)
    prompt, texts   after redaction; unset where the policy keeps no texts
    prompt_digest   keyed, the same for prompts that are the same
    requester   a keyed digest of who asked, where the request says so and the policy keeps it
    letters, refusals, ends   of each answer: its length, whether it holds words of a refusal, why it ended
    redactions  how many places were taken out of the texts
    """

    prefix = "a-"

    name: Annotated[str, Field(min_length=1)]
    place: Count = 0
    session: Annotated[str, Field(min_length=1)]
    time: AwareDatetime
    endpoint: Literal["chat", "completions"]
    prompt: Prompt | None = None
    texts: tuple[str, ...] | None = None
    prompt_digest: Annotated[str, Field(min_length=1)]
    requester: Annotated[str, Field(min_length=1)] | None = None
    letters: Annotated[tuple[Count, ...], Field(min_length=1)]
    refusals: tuple[bool, ...]
    ends: tuple[FinishReason | None, ...]
    sampling: Sampling
    redactions: Count = 0

    @model_validator(mode="after")
    def _as_many_of_each(self) -> Self:
        lengths = {len(each) for each in (self.letters, self.refusals, self.ends)}
        if self.texts is not None:
            lengths.add(len(self.texts))
        if len(lengths) > 1:
            raise ValueError("letters, refusals, ends and texts are of as many answers")
        if (self.prompt is None) != (self.texts is None):
            raise ValueError("a prompt and its texts are kept together or not at all")
        return self

    @property
    def unit(self) -> str:
        """What was sampled independently: who asked, where that is known, else the prompt."""
        return self.requester or self.prompt_digest


@dataclass(frozen=True)
class Counts:
    """Requests of a session. What was drawn and neither recorded nor lost had no whole answer, or is yet being written.

    requests  all that could be read
    declines  those that may not be recorded
    draws     of the others, those in the sample
    records, losses   answered and written down; answered and not written down, which the server's output explains
    """

    requests: int = 0
    declines: int = 0
    draws: int = 0
    records: int = 0
    losses: int = 0

    def plus(self, **counts: int) -> "Counts":
        """The same with so many more of some."""
        return replace(self, **{name: getattr(self, name) + count for name, count in counts.items()})


class ServingSession(Value):
    """A server from its start to its end.

    model   what answered: the digest of the weights' files, where they are a run's; `label` is what clients call it
    run     the run's id, and `stage` the model of it; unset where what is served is no run
    """

    id: Annotated[str, Field(min_length=1)]
    policy: RecordingPolicy
    label: str
    model: str | None = None
    run: str | None = None
    stage: str | None = None
    dtype: str | None = None
    version: str
    started: AwareDatetime

    @property
    def day(self) -> str:
        """When it began, as a date (UTC)."""
        return f"{self.started.astimezone(UTC):%Y-%m-%d}"


def moment(seconds: float) -> datetime:
    """The time of seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC)
