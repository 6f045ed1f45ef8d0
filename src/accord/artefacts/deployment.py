"""What a run knows of its deployment: policies of recording, and what the newest audit since the release found."""

from typing import Any

from pydantic import Field

from accord.artefacts.kinds import JsonObject, Row

__all__ = ["SINCE_RELEASE", "RecordedSession", "SinceRelease"]


class RecordedSession(Row):
    """A server that recorded, and what it counted."""

    policy: dict[str, Any] = Field(description="what it recorded of whom, for how long")
    summary: str = Field(description="the same in a line")
    model: str | None = Field(description="digest of the weights that answered; null where they are no run's")
    of_release: bool = Field(description="whether they are this run's policy")
    started: str = Field(description="ISO 8601")
    requests: int = Field(ge=0, description="requests")
    declines: int = Field(ge=0, description="requests that may not be recorded")
    draws: int = Field(ge=0, description="requests in the sample")
    records: int = Field(ge=0, description="requests whose answers were written down")
    losses: int = Field(ge=0, description="requests whose answers could not be")


class SinceRelease(Row):
    """What was recorded when the run was last held against its deployment, and what came of it."""

    time: str = Field(description="of the audit, ISO 8601")
    ledger: str = Field(description="where it was recorded, without a password")
    answers: int = Field(ge=0, description="recorded answers that are there")
    first: str | None = Field(description="time of the first of them, ISO 8601")
    last: str | None = Field(description="time of the last of them")
    sessions: tuple[RecordedSession, ...]
    findings: tuple[dict[str, Any], ...] = Field(description="of X8, as in audit.json")


SINCE_RELEASE: JsonObject[SinceRelease] = JsonObject(
    "since_release.json",
    "what was recorded of the policy in use, under which policy, and what the newest `accord audit --since` found",
    "audit",
    content=SinceRelease,
)
