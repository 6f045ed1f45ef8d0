"""What clients may ask, checked field by field, and the errors they get: the OpenAI wire format."""

import secrets
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from accord.records import Message, Prompt, Sampling

__all__ = ["ApiError", "ChatRequest", "CompletionRequest", "parse"]

Stop = Annotated[tuple[Annotated[str, Field(min_length=1, max_length=200)], ...], Field(max_length=4)]
Temperature = Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)]
TokenIds = Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)]


class ApiError(Exception):
    """An answer other than 200: status, message, and the field that it is about."""

    def __init__(self, status: int, message: str, *, field: str | None = None, kind: str = "invalid_request_error"):
        super().__init__(message)
        self.status, self.field, self.kind = status, field, kind

    def body(self) -> dict[str, Any]:
        """As the OpenAI API says it."""
        return {"error": {"message": str(self), "type": self.kind, "param": self.field, "code": None}}


class StreamOptions(BaseModel):
    """What a stream carries beside text."""

    model_config = ConfigDict(extra="forbid")

    include_usage: bool = False


class _Asked(BaseModel):
    """Fields of both endpoints. Those that would be ignored are refused, but for labels without effect."""

    model_config = ConfigDict(extra="forbid")

    model: str
    temperature: Temperature = 1.0
    top_p: float = Field(default=1.0, gt=0, le=1)
    n: int = Field(default=1, ge=1, le=128)
    seed: int | None = None
    stop: Stop = ()
    stream: bool = False
    stream_options: StreamOptions = StreamOptions()
    presence_penalty: Literal[0] = 0
    frequency_penalty: Literal[0] = 0
    logit_bias: None = None
    user: str | None = None
    metadata: dict[str, str] | None = None
    store: bool | None = None

    @field_validator("stop", mode="before")
    @classmethod
    def _one_or_more(cls, value: Any) -> Any:
        return () if value is None else (value,) if isinstance(value, str) else value

    @field_validator("presence_penalty", "frequency_penalty", mode="before")
    @classmethod
    def _no_penalty(cls, value: Any) -> Any:
        return 0 if value is None or value == 0 else value

    @field_validator("temperature", "top_p", "n", "stream", "stream_options", mode="before")
    @classmethod
    def _unset(cls, value: Any, info: Any) -> Any:
        return cls.model_fields[info.field_name].get_default() if value is None else value

    def sampling(self, limit: int) -> Sampling:
        """The settings of the sampler; without a seed a fresh one is drawn."""
        seed = secrets.randbits(62) if self.seed is None else self.seed
        return Sampling(temperature=self.temperature, top_p=self.top_p, max_tokens=limit, seed=seed)


class ChatRequest(_Asked):
    """`POST /v1/chat/completions`."""

    messages: tuple[dict[str, Any], ...] = Field(min_length=1)
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    logprobs: bool | None = False
    top_logprobs: int | None = Field(default=None, ge=0, le=20)
    response_format: dict[Literal["type"], Literal["text"]] | None = None

    @model_validator(mode="after")
    def _together(self) -> Self:
        if self.top_logprobs and not self.logprobs:
            raise ApiError(400, "top_logprobs: needs logprobs to be true", field="top_logprobs")
        return self

    @property
    def limit(self) -> int | None:
        """How many tokens may be written."""
        return self.max_completion_tokens or self.max_tokens

    def prompt(self) -> Prompt:
        """The conversation. Raises `ApiError` for a message that is not plain text of a known role."""
        messages = []
        for number, message in enumerate(self.messages):
            extra = sorted(set(message) - {"role", "content", "name"})
            content = message.get("content")
            if isinstance(content, list) and all(part.get("type") == "text" for part in content):
                content = "".join(str(part.get("text", "")) for part in content)
            if extra or not isinstance(content, str):
                what = f"'{extra[0]}' is not supported" if extra else "content must be text"
                raise ApiError(400, f"messages.{number}: {what}", field=f"messages.{number}")
            try:
                messages.append(Message(role=message.get("role"), content=content))  # type: ignore[arg-type]
            except ValidationError as error:
                raise ApiError(
                    400, f"messages.{number}: {error.errors()[0]['msg']}", field=f"messages.{number}"
                ) from error
        return Prompt(messages=tuple(messages))


class CompletionRequest(_Asked):
    """`POST /v1/completions`. A prompt is a text, token ids, or a list of either."""

    prompt: str | TokenIds | tuple[str, ...] | tuple[TokenIds, ...]
    max_tokens: int | None = Field(default=16, ge=1)
    logprobs: int | None = Field(default=None, ge=0, le=20)
    echo: Literal[False] = False
    best_of: Literal[1] | None = None
    suffix: None = None

    def prompts(self) -> list[str | tuple[int, ...]]:
        """Each prompt."""
        if isinstance(self.prompt, str) or isinstance(self.prompt[0], int):
            return [self.prompt]
        return list(self.prompt)


def parse(model: type[ChatRequest] | type[CompletionRequest], body: bytes) -> Any:
    """The request in a body. Raises `ApiError` (400) naming the field."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        message = "not supported here" if first["type"] == "extra_forbidden" else first["msg"]
        raise ApiError(400, f"{field}: {message}" if field else message, field=field or None) from error
