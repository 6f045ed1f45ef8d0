"""Weights that whoever trains a policy hands over to the server that samples from it.

Off unless the server was started for it. A file is sent whole, or named by its path below a folder that both see. The
new weights take the place of the old ones when nothing is being written; each text says whose it is (`weights`).
"""

import asyncio
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Annotated, Any

from litestar import Request, get, post, put
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from pydantic import Field

from accord.errors import ModelError
from accord.serve.requests import ApiError, Checked, parse
from accord.serve.worker import Worker

__all__ = ["START", "WeightStore", "weight_routes"]

Guard = Callable[[ASGIConnection[Any, Any, Any, Any], BaseRouteHandler], None]
START = "start"
"""What the weights are called that the server was started with."""
NAME = r"^[A-Za-z0-9._:-]{1,100}$"


@dataclass
class WeightStore:
    """A `folder` that is shared with whoever trains, if there is one; the `name` of the weights in use."""

    folder: Path | None = None
    name: str = START


class NamedFile(Checked):
    """`POST /v1/weights`."""

    path: str
    weights: Annotated[str, Field(pattern=NAME)]


def weight_routes(worker: Worker, store: WeightStore | None, allowed: Guard) -> list[HTTPRouteHandler]:
    """`GET`, `PUT` (a file) and `POST` (a path) of `/v1/weights`; none of them where no weights are taken."""
    if store is None:
        return []
    one_at_a_time = asyncio.Lock()

    async def take(path: Path, name: str) -> dict[str, Any]:
        began, size = monotonic(), path.stat().st_size
        try:
            await worker.replace_weights(path, name)
        except ModelError as error:
            raise ApiError(400, f"weights: {error}", field="weights") from error
        store.name = name
        return {"object": "weights", "weights": name, "bytes": size, "seconds": round(monotonic() - began, 3)}

    @get("/v1/weights", guards=[allowed], sync_to_thread=False)
    def in_use() -> dict[str, Any]:
        return {"object": "weights", "weights": store.name}

    @put("/v1/weights/{name:str}", guards=[allowed], status_code=200, request_max_body_size=None)
    async def upload(request: Request[Any, Any, Any], name: str) -> dict[str, Any]:
        checked = parse(NamedFile, json.dumps({"path": "", "weights": name}).encode())
        with tempfile.NamedTemporaryFile(suffix=".safetensors") as kept:
            async for part in request.stream():
                await asyncio.to_thread(kept.write, part)
            kept.flush()
            async with one_at_a_time:
                return await take(Path(kept.name), checked.weights)

    @post("/v1/weights", guards=[allowed], status_code=200)
    async def from_folder(request: Request[Any, Any, Any]) -> dict[str, Any]:
        named: NamedFile = parse(NamedFile, await request.body())
        async with one_at_a_time:
            return await take(_below(store.folder, named.path), named.weights)

    return [in_use, upload, from_folder]


def _below(folder: Path | None, path: str) -> Path:
    """The file of this path. Raises `ApiError` where it lies elsewhere than in the folder, or is none."""
    if folder is None:
        raise ApiError(403, "path: no folder is shared; start accord serve with --weights-folder", field="path")
    found = (folder / path).resolve()
    if not found.is_relative_to(folder.resolve()):
        raise ApiError(403, "path: it lies outside of the folder that is shared", field="path")
    if not found.is_file():
        raise ApiError(404, f"path: there is no file '{path}' in the folder that is shared", field="path")
    return found
