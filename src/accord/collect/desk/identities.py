"""Who may come in and who is there: frozen values, all times aware."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

__all__ = ["Admission", "DeviceCode", "Invite", "Login", "Person", "PlatformIds"]


@dataclass(frozen=True)
class Invite:
    """A link's signed token; whoever has it may use it once until `expires`."""

    token: str
    id: str
    expires: datetime


@dataclass(frozen=True)
class DeviceCode:
    """A short code by which somebody signs in on another machine once, until `expires`."""

    code: str
    expires: datetime


@dataclass(frozen=True)
class Admission:
    """What a token lets in: somebody new (with the attributes that the invite sets), or somebody who is known."""

    kind: Literal["invite", "link"]
    person: str | None
    attributes: Mapping[str, str]


@dataclass(frozen=True)
class PlatformIds:
    """What a crowd platform calls somebody, their submission (`session`) and its study; "" where it does not say."""

    worker: str
    session: str = ""
    study: str = ""


@dataclass(frozen=True)
class Person:
    """An evaluator as the desk knows them: a pseudonym, never a name. `done` counts answers that stand; `excluded` is
    whether their answers are to be left out of training."""

    pseudonym: str
    evaluator: str
    study: str
    status: Literal["active", "paused", "screened", "erased"]
    why: str
    attributes: Mapping[str, str]
    practised: bool
    done: int
    session: str
    position_in_session: int
    joined_at: datetime
    seen_at: datetime
    excluded: bool = False


@dataclass(frozen=True)
class Login:
    """A signed-in session, kept on the server; the token itself is kept nowhere."""

    kind: Literal["person", "admin"]
    subject: str
    created_at: datetime
    expires_at: datetime
    data: Mapping[str, str] = field(default_factory=dict)
