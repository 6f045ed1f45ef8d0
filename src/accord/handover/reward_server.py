"""A run's rewards behind `POST /get_reward`, as OpenRLHF's remote reward model is asked: query, prompts, labels.

The answer is {rewards, scores, extra_logs}, a number a query in each list. `extra_logs` has, by name, how sure the
reward is (`reward_std`), its components, the independent judge's opinion (`eval_reward`) and `open_end`, 1 where no end
that is known stood behind the answer. What is wrong is one line, to whoever asked and in the server's output, for
OpenRLHF shows none of it.
"""

import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any

from litestar import Litestar, Request, Response, get, post
from litestar.exceptions import HTTPException
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from accord.errors import AccordError, RecordError, StorageError
from accord.handover.batches import ScoreBatches
from accord.handover.openrlhf_texts import AnswerEnds, AskedText, take_apart
from accord.handover.run_reward import RunReward
from accord.handover.score_log import ScoreLog
from accord.handover.score_numbers import members_of, numbers_of
from accord.serve.access import token_guard
from accord.serve.requests import ApiError

__all__ = ["MAX_BODY", "make_reward_app"]

MAX_BODY = 64_000_000
MAX_TEXTS = 4096
UNENDED = 64  # so many texts in a row without an end that is known, and it is said
_LOG = logging.getLogger("accord")


class _Asked(BaseModel):
    """What OpenRLHF sends. Before its version 0.6 prompts and labels were missing, and prompts are needed."""

    model_config = ConfigDict(strict=True)

    query: Annotated[list[str], Field(max_length=MAX_TEXTS)]
    prompts: list[str]
    labels: list[Any] | None = None


def make_reward_app(
    rewards: Mapping[str, RunReward],
    *,
    token: str | None,
    ends: AnswerEnds | None = None,
    plain_prompts: bool = False,
    record: ScoreLog | None = None,
    most: int = 64,
) -> Litestar:
    """The server of rewards by name (`open_rewards`), of which `reward` is what is answered.

    Clients show `token` as bearer, or as the password of the address; where it is None this machine alone is served.
    `ends` and `plain_prompts` are as in `take_apart`; what is asked is kept in `record`, before it is answered. At most
    `most` texts are scored together.
    """
    known = ends or AnswerEnds()
    allowed = token_guard(token, basic=True)
    watch = _EndWatch()

    batches: list[ScoreBatches] = []

    @asynccontextmanager
    async def scoring(_: Litestar) -> AsyncIterator[None]:
        batches.append(ScoreBatches(_Scoring(rewards, record), most=most))
        batches[-1].start()
        try:
            yield
        finally:
            await batches.pop().stop()

    @get("/health", sync_to_thread=False)
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @get("/reward", guards=[allowed], sync_to_thread=False)
    def about() -> dict[str, Any]:
        return {name: _about(reward) for name, reward in rewards.items()}

    @post("/get_reward", guards=[allowed], status_code=200)
    async def get_reward(request: Request[Any, Any, Any]) -> dict[str, Any]:
        texts = _read(await request.body(), known, plain=plain_prompts)
        watch.see(texts)
        told = await batches[-1].ask(texts) if texts else []
        return _answer(told, texts)

    return Litestar(
        [health, about, get_reward],
        lifespan=[scoring],
        request_max_body_size=MAX_BODY,
        exception_handlers={
            ApiError: _said,
            AccordError: _refused,
            HTTPException: _http_error,
            Exception: _unexpected,
        },
        logging_config=None,
        openapi_config=None,
    )


@dataclass(frozen=True)
class _Scoring:
    """The numbers of texts by every reward, kept before they are answered."""

    rewards: Mapping[str, RunReward]
    record: ScoreLog | None

    def __call__(self, texts: Sequence[AskedText]) -> list[dict[str, Any]]:
        prompts, answers = [each.prompt for each in texts], [each.text for each in texts]
        scores = {name: reward.score(prompts, answers) for name, reward in self.rewards.items()}
        numbers = numbers_of(scores)
        told = [{name: values[i] for name, values in numbers.items()} for i in range(len(texts))]
        if self.record is not None:
            self.record.add(texts, [row | members_of(scores, i) for i, row in enumerate(told)])
        return told


def _read(body: bytes, ends: AnswerEnds, *, plain: bool) -> list[AskedText]:
    """The texts of a request. Raises `RecordError` that names the field and the remedy."""
    try:
        asked = _Asked.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "body"
        raise RecordError(f"{first['msg']}; send {{query, prompts, labels}}, a list each", place=where) from error
    labels = asked.labels if asked.labels is not None else [None] * len(asked.query)
    for name, values in (("prompts", asked.prompts), ("labels", labels)):
        if len(values) != len(asked.query):
            raise RecordError(f"{len(values)} for {len(asked.query)} in query; send one for each", place=name)
    rows = zip(asked.query, asked.prompts, labels, strict=True)
    return [take_apart(*row, ends, plain=plain, place=str(index)) for index, row in enumerate(rows)]


def _answer(told: Sequence[Mapping[str, float]], texts: Sequence[AskedText]) -> dict[str, Any]:
    values = [row["reward"] for row in told]
    names = [name for name in told[0] if name != "reward"] if told else []
    logs = {name: [row[name] for row in told] for name in names}
    logs["open_end"] = [float(not text.is_ended) for text in texts]
    return {"rewards": values, "scores": values, "extra_logs": logs}


def _about(reward: RunReward) -> dict[str, Any]:
    card = None if reward.card is None else reward.card.model_dump(mode="json", exclude_none=True)
    return {"run": reward.origin, "version": reward.version, "held_out_accuracy": reward.accuracy, "card": card}


class _EndWatch:
    """Says once where no answer ends with an end that is known: then ends may stand in what is scored."""

    def __init__(self) -> None:
        self.unended: int | None = 0

    def see(self, texts: Sequence[AskedText]) -> None:
        if self.unended is None:
            return
        self.unended = None if any(text.is_ended for text in texts) else self.unended + len(texts)
        if self.unended is not None and self.unended >= UNENDED:
            _LOG.warning(
                "none of the first %d answers ends with an end of sequence that is known; name the policy's by --end, "
                "or it is scored with the text",
                self.unended,
            )
            self.unended = None


def _said(_: Request[Any, Any, Any], error: ApiError) -> Response[dict[str, Any]]:
    _LOG.warning("refused: %s", error)
    return Response(error.body(), status_code=error.status)


def _refused(request: Request[Any, Any, Any], error: AccordError) -> Response[dict[str, Any]]:
    return _said(request, ApiError(500 if isinstance(error, StorageError) else 400, str(error)))


def _http_error(request: Request[Any, Any, Any], error: HTTPException) -> Response[dict[str, Any]]:
    return _said(request, ApiError(error.status_code, error.detail))


def _unexpected(_: Request[Any, Any, Any], error: Exception) -> Response[dict[str, Any]]:
    _LOG.error("a request failed", exc_info=error)
    said = ApiError(500, f"the reward failed ({type(error).__name__}: {error}); the server's output has more")
    return Response(said.body(), status_code=said.status)
