"""What a server records of whom, what of it is kept, and for how long: a TOML file, or its defaults."""

import hashlib
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator

from accord.errors import RecordingError, nearest, storage
from accord.feedback.deployment.redaction import Redaction
from accord.records import Value, explain

__all__ = ["DECLINE_HEADER", "RecordingPolicy"]

DECLINE_HEADER = "x-accord-record"
"""The request's header by which whoever asks declines (`no`)."""
DAY = 86_400.0


class RecordingPolicy(Value):
    """What is recorded. It is kept with every session, shown where the server starts, and told to whoever asks.

    A request is drawn by a digest of `seed` and the id that its client is given, so that anybody who has both can
    see that it was; nobody chooses.
    """

    share: Annotated[float, Field(gt=0, le=1, description="of the requests that may be recorded")] = 0.1
    seed: Annotated[int, Field(description="from which it follows, with the answer's id, which are drawn")] = 0
    keep: Annotated[
        Literal["texts", "measures"],
        Field(description="prompts and answers, or only lengths, refusals, ends and keyed digests"),
    ] = "texts"
    consent: Annotated[
        Literal["opt-out", "opt-in"],
        Field(description="all but those that decline (`store: false`), or only those that ask (`store: true`)"),
    ] = "opt-out"
    notice: Annotated[str, Field(description="where those who ask learn of the recording; empty: nowhere")] = ""
    days: Annotated[float, Field(gt=0, le=36_500, description="after which an answer is forgotten")] = 30.0
    most: Annotated[int, Field(ge=1, description="answers that are kept; the oldest go first")] = 10_000
    requesters: Annotated[bool, Field(description="keep a keyed digest of who asked, where the request says so")] = True
    redact: Annotated[
        tuple[Redaction, ...], Field(description="what is taken out of texts, each a `name` and a `pattern`")
    ] = ()

    @model_validator(mode="after")
    def _names_once(self) -> Self:
        names = [one.name for one in self.redact]
        if len(set(names)) < len(names):
            raise ValueError("two patterns of `redact` have the same name")
        return self

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """The policy in a file. Raises `RecordingError` that names the key, `StorageError` where it cannot be read."""
        path = Path(path)
        with storage(path):
            content = path.read_bytes()
        try:
            return cls.parse(content.decode(), place=path.name)
        except UnicodeDecodeError as error:
            raise RecordingError(f"{path.name}: not UTF-8 ({error})") from error

    @classmethod
    def parse(cls, text: str, *, place: str = "policy") -> Self:
        """The policy in a text. Raises `RecordingError` that names the key."""
        try:
            content = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise RecordingError(f"{place}: not TOML ({error})") from error
        for key in content:
            if key not in cls.model_fields:
                raise RecordingError(f"{place} {key}: no such key{nearest(key, list(cls.model_fields))}")
        return cls.of(content, place=place)

    @classmethod
    def of(cls, content: Mapping[str, object], *, place: str) -> Self:
        """The policy of parsed content. Nothing is converted; a list stands for a tuple. Raises `RecordingError`."""
        try:
            return cls.model_validate_json(json.dumps(content, default=str))
        except ValidationError as error:
            field, problem = explain(error)
            raise RecordingError(f"{place} {field}: {problem}") from error

    def draws(self, name: str) -> bool:
        """Whether the answer of that id is in the sample."""
        digest = hashlib.sha256(f"{self.seed}\0{name}".encode()).digest()
        return int.from_bytes(digest[:8]) < self.share * 2**64

    def allows(self, *, store: bool | None, header: str | None) -> bool:
        """Whether a request may be recorded, by its field `store` and its header; neither of them there is None."""
        declines = store is False or (header or "").strip().casefold() in {"no", "false", "0"}
        return not declines and (self.consent == "opt-out" or store is True)

    def until(self, time: float) -> float:
        """When an answer of that time is forgotten, both in seconds since 1970."""
        return time + self.days * DAY

    @property
    def summary(self) -> str:
        """The policy in one line."""
        kept = "prompts and answers" if self.keep == "texts" else "lengths, refusals and digests, no texts"
        whom = "`store: false` declines" if self.consent == "opt-out" else "of requests with `store: true` alone"
        redacted = f"; without {', '.join(one.name for one in self.redact)}" if self.redact else ""
        return (
            f"{self.share:.3g} of requests, drawn by their ids and the seed {self.seed}; {kept}{redacted}; {whom}; "
            f"for {self.days:g} days, {self.most:,} at most"
        )
