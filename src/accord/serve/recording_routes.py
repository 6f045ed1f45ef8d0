"""What is recorded, as whoever asks is told it; and forgetting an answer by its id."""

import asyncio
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from litestar import delete, get
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler

from accord.serve.recording import Recorder
from accord.serve.requests import ApiError

__all__ = ["recording_routes"]

Guard = Callable[[ASGIConnection[Any, Any, Any, Any], BaseRouteHandler], None]


def recording_routes(recorder: Recorder | None, allowed: Guard) -> list[HTTPRouteHandler]:
    """`GET /v1/recording`, and `DELETE` of an answer as OpenAI has it for those that it stores."""

    @get("/v1/recording", guards=[allowed], sync_to_thread=False)
    def policy() -> dict[str, Any]:
        if recorder is None:
            return {"object": "recording", "recorded": False}
        stated = recorder.session.policy.model_dump(mode="json")
        counts = asdict(recorder.counts)
        return {"object": "recording", "recorded": True, "policy": stated, "requests": counts}

    @delete(["/v1/chat/completions/{name:str}", "/v1/completions/{name:str}"], guards=[allowed], status_code=200)
    async def forget(name: str) -> dict[str, Any]:
        if recorder is None or not await asyncio.wrap_future(recorder.forget(name)):
            raise ApiError(404, f"id: no answer '{name}' is recorded here, or none any more", field="id")
        return {"object": "chat.completion.deleted", "id": name, "deleted": True}

    return [policy, forget]
