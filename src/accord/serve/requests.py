"""What clients may ask, checked field by field, and the errors they get: the OpenAI wire format."""

import secrets
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from accord.records import Message, Prompt, Sampling

__all__ = ["ApiError", "ChatRequest", "Checked", "CompletionRequest", "invalid", "parse"]

MAX_CHOICES = 1024  # that one request may ask for: prompts times n
Stop = Annotated[tuple[Annotated[str, Field(min_length=1, max_length=200)], ...], Field(max_length=16)]
Temperature = Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)]
TokenIds = Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)]
Texts = Annotated[tuple[str, ...], Field(min_length=1)]
PROMPT = "give a text, token ids, or a list of either; none may be empty"


class ApiError(Exception):
    """An answer other than 200: status, message, and the field that it is about."""

    def __init__(self, status: int, message: str, *, field: str | None = None, kind: str = "invalid_request_error"):
        super().__init__(message)
        self.status, self.field, self.kind = status, field, kind

    def body(self) -> dict[str, Any]:
        """As the OpenAI API says it."""
        return {"error": {"message": str(self), "type": self.kind, "param": self.field, "code": None}}


def invalid(field: str, message: str) -> ApiError:
    """A request whose field cannot be taken."""
    return ApiError(400, f"{field}: {message}", field=field)


class Checked(BaseModel):
    """Nothing is converted, and no field is ignored."""

    model_config = ConfigDict(extra="forbid", strict=True)


class StreamOptions(Checked):
    """What a stream carries beside text."""

    include_usage: bool = False


class _GenerationRequest(Checked):
    """Fields of both endpoints. Those that would be ignored are refused, but for labels without effect."""

    model: str
    temperature: Temperature = 1.0
    top_p: float = Field(default=1.0, gt=0, le=1)
    n: int = Field(default=1, ge=1, le=128)
    seed: int | None = None
    stop: Stop = ()
    stream: bool = False
    stream_options: StreamOptions | None = None
    presence_penalty: Literal[0] = 0
    frequency_penalty: Literal[0] = 0
    logit_bias: None = None
    user: str | None = None
    metadata: dict[str, str] | None = None
    store: bool | None = None

    @field_validator("stop", mode="before")
    @classmethod
    def _one_or_more(cls, value: Any) -> Any:
        if isinstance(value, str):
            return (value,)
        return tuple(value or ()) if value is None or isinstance(value, list) else value

    @field_validator("presence_penalty", "frequency_penalty", mode="before")
    @classmethod
    def _no_penalty(cls, value: Any) -> Any:
        return 0 if value is None or value == 0 else value

    @field_validator("temperature", "top_p", "n", "stream", mode="before")
    @classmethod
    def _unset(cls, value: Any, info: Any) -> Any:
        return cls.model_fields[info.field_name].get_default() if value is None else value

    @model_validator(mode="after")
    def _only_in_streams(self) -> Self:
        if self.stream_options is not None and not self.stream:
            raise invalid("stream_options", "needs stream to be true")
        return self

    def random_streams(self) -> list[int | tuple[int, ...]]:
        """Which of the random streams of the seed each text of a prompt draws from."""
        return list(range(self.n))

    @property
    def wants_usage(self) -> bool:
        """Whether a stream ends with the counts."""
        return self.stream_options is not None and self.stream_options.include_usage

    def sampling(self, limit: int) -> Sampling:
        """The settings of the sampler; without a seed a fresh one is drawn."""
        seed = secrets.randbits(62) if self.seed is None else self.seed
        stop = self.stop or None
        return Sampling(temperature=self.temperature, top_p=self.top_p, max_tokens=limit, seed=seed, stop=stop)


class ChatRequest(_GenerationRequest):
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
            raise invalid("top_logprobs", "needs logprobs to be true")
        if None not in (self.max_tokens, self.max_completion_tokens) and self.max_tokens != self.max_completion_tokens:
            raise invalid("max_tokens", "differs from max_completion_tokens; give one of them")
        return self

    @property
    def limit(self) -> int | None:
        """How many tokens may be written."""
        return self.max_completion_tokens or self.max_tokens

    @property
    def limited_by(self) -> str:
        """The field that says so."""
        return "max_completion_tokens" if self.max_completion_tokens else "max_tokens"

    def prompt(self) -> Prompt:
        """The conversation. Raises `ApiError` for a message that is not plain text of a known role."""
        return Prompt(messages=tuple(_message(number, message) for number, message in enumerate(self.messages)))


class CompletionRequest(_GenerationRequest):
    """`POST /v1/completions`. A prompt is a text, token ids, or a list of either."""

    prompt: str | TokenIds | Texts | Annotated[tuple[TokenIds, ...], Field(min_length=1)]
    max_tokens: int | None = Field(default=16, ge=0)
    logprobs: int | None = Field(default=None, ge=0, le=20)
    echo: bool | None = None
    best_of: Literal[1] | None = None
    suffix: None = None
    return_token_ids: bool | None = None
    random_stream: Annotated[tuple[Annotated[int, Field(ge=0, lt=1 << 32)], ...], Field(max_length=4)] | None = None

    @model_validator(mode="after")
    def _nothing_written(self) -> Self:
        if self.max_tokens == 0 and not self.echo:
            raise invalid("max_tokens", "0 needs echo to be true: without it there is nothing to answer")
        return self

    @model_validator(mode="after")
    def _ids_of_whole_answers(self) -> Self:
        if self.return_token_ids and (self.stream or self.echo or self.logprobs is None):
            raise invalid("return_token_ids", "needs logprobs, and neither stream nor echo")
        return self

    @model_validator(mode="after")
    def _not_too_many(self) -> Self:
        if len(self.prompts()) * self.n > MAX_CHOICES:
            raise invalid("prompt", f"prompts times n exceed {MAX_CHOICES}; send them in several requests")
        return self

    @property
    def limit(self) -> int | None:
        """How many tokens may be written."""
        return self.max_tokens

    @property
    def limited_by(self) -> str:
        """The field that says how many tokens may be written."""
        return "max_tokens"

    def random_streams(self) -> list[int | tuple[int, ...]]:
        """Those below `random_stream`, where that is given."""
        if self.random_stream is None:
            return super().random_streams()
        return [(*self.random_stream, number) for number in range(self.n)]

    def prompts(self) -> list[str | tuple[int, ...]]:
        """Each prompt."""
        if isinstance(self.prompt, str):
            return [self.prompt]
        ids = tuple(item for item in self.prompt if isinstance(item, int))
        return [ids] if ids else [item for item in self.prompt if not isinstance(item, int)]


def parse(model: type[Checked], body: bytes) -> Any:
    """The request in a body. Raises `ApiError` (400) naming the field."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        if first["loc"][:1] == ("prompt",) and first["type"] not in ("missing", "extra_forbidden"):
            raise invalid("prompt", PROMPT) from error
        field = ".".join(str(part) for part in first["loc"])
        message = "not supported here" if first["type"] == "extra_forbidden" else first["msg"]
        raise ApiError(400, f"{field}: {message}" if field else message, field=field or None) from error


def _message(number: int, message: dict[str, Any]) -> Message:
    """One turn. Fields that are null, as in an answer that is sent back, say nothing and are no error."""
    field = f"messages.{number}"
    fields = {name: value for name, value in message.items() if value is not None}
    if extra := sorted(set(fields) - {"role", "content"}):
        raise invalid(field, f"'{extra[0]}' is not supported here")
    text = _text(fields.get("content"))
    if text is None:
        raise invalid(field, "content must be text, or a list of parts {'type': 'text', 'text': ...}")
    try:
        return Message(role=fields.get("role"), content=text)  # type: ignore[arg-type]  # pydantic checks it
    except ValidationError as error:
        raise invalid(field, f"role: {error.errors()[0]['msg']}") from error


def _text(content: Any) -> str | None:
    """The text of a message, which may come in parts; None where it is anything else."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list) or not all(isinstance(part, dict) for part in content):
        return None
    texts = [part["text"] for part in content if set(part) == {"type", "text"} and part["type"] == "text"]
    if len(texts) < len(content) or not all(isinstance(text, str) for text in texts):
        return None
    return "".join(texts)
