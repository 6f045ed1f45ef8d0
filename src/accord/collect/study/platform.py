"""Crowd platforms: how their workers come in, what they are shown at the end, and who is sent back after practice."""

import re
from collections.abc import Iterator
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from accord.collect.study.phrases import phrase
from accord.collect.study.section import Section

__all__ = ["Ending", "Platform", "ScreenOut"]

Parameter = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
LONGEST_ID = 100
OTHER_FIELDS = ("consent", "_csrf")


def _address(text: str) -> str:
    """An address that a page may lead to: of the web, with a host, and nothing that could be read as another."""
    parts = urlsplit(text)
    if not re.fullmatch("[!-~]+", text) or parts.scheme not in {"http", "https"} or not parts.hostname or "@" in text:
        raise ValueError(f"{text!r:.80} is no address of the web; give https://host/path")
    return text


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"{text!r:.80} is no regular expression ({error})") from error
    return text


class Ending(Section):
    """What somebody takes back to the platform: a code, a link, or both."""

    code: Annotated[str, Field(pattern=r"^[!-~]{1,100}$")] | None = None
    return_url: Annotated[str, AfterValidator(_address)] | None = None


class Platform(Ending):
    """A shared link, `/start?WORKER=...`, whose parameters name the platform's worker, submission and study.

    One worker has one account. `items` are the answers after which the work is done.
    """

    worker: Parameter
    session: Parameter | None = None
    study: Parameter | None = None
    items: int = Field(ge=1, description="answers after which the work is done")
    worker_pattern: Annotated[str, AfterValidator(_pattern)] = r"[A-Za-z0-9_-]+"
    full: Ending | None = Field(default=None, description="for whom no place is left")

    @property
    def link(self) -> str:
        """The shared link's path, with a place in braces for each id that the platform puts in."""
        names = (self.worker, self.session, self.study)
        return "/start?" + "&".join(f"{name}={{{name}}}" for name in names if name is not None)

    def problems(self) -> Iterator[tuple[str, str]]:
        """Keys that do not go together, with what to do about it."""
        if self.code is None and self.return_url is None:
            yield "platform.code", "missing; give the code that the platform expects, or a return_url"
        names = [name for name in (self.worker, self.session, self.study) if name is not None]
        if taken := next((name for name in names if name in OTHER_FIELDS or name.startswith("about-")), None):
            yield "platform", f"{taken!r} is a field of the page itself; give the parameter another name"
        if len(set(names)) < len(names):
            yield "platform", "two parameters have one name; the worker, the session and the study each need their own"

    def is_worker(self, text: str) -> bool:
        """Whether a text can be a worker's id."""
        return 0 < len(text) <= LONGEST_ID and re.fullmatch(self.worker_pattern, text) is not None


class ScreenOut(Ending):
    """Whoever answers fewer than `right` of the practice questions as expected is thanked, paid `pay` and sent back."""

    right: float = Field(gt=0, le=1, description="share of the practice questions with a known answer")
    pay: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    message: str = phrase("rest.screened")
