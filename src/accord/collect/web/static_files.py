"""Sheets, scripts and signs of pages: read from where they lie once, and served so that browsers keep them."""

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import PurePath
from typing import Any

from litestar import Response, get
from litestar.exceptions import NotFoundException

__all__ = ["SHARED", "read_static", "static_route", "version_of"]

MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
SHARED = ("accord.css", "accord.js", "accord.svg")
"""What all pages share, of this room."""
HEADERS = {"cache-control": "public, max-age=31536000, immutable"}


def read_static(*names: str, package: str = "accord.collect.web") -> dict[str, bytes]:
    """Files of a package's `static` folder, by name."""
    return {name: _read(package, name) for name in names}


@cache
def _read(package: str, name: str) -> bytes:
    return files(package).joinpath("static", name).read_bytes()


def version_of(static: Mapping[str, bytes]) -> str:
    """The version of files, part of their addresses so that browsers may keep them."""
    return hashlib.sha256(b"".join(static.values())).hexdigest()[:12]


def static_route(static: Mapping[str, bytes]) -> Any:
    """The handler that serves these files and no other below /static."""

    @get("/static/{name:str}", sync_to_thread=False)
    def static_file(name: str) -> Response[bytes]:
        if name not in static:
            raise NotFoundException
        return Response(static[name], media_type=MEDIA_TYPES[PurePath(name).suffix], headers=HEADERS)

    return static_file
