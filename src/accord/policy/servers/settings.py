"""Where the server is that samples, and how it comes by the weights."""

import os
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from accord.errors import RecipeError

__all__ = ["SamplerServer"]

ADDRESS = "ACCORD_SAMPLER_URL"

HandOver = Literal["upload", "file", "reload", "lora"]
WAYS: dict[str, tuple[HandOver, ...]] = {
    "accord": ("upload", "file"),
    "vllm": ("reload", "lora"),
    "sglang": ("reload",),
}
"""How each server can be given weights, the usual way first."""


class SamplerServer(BaseModel):
    """`[policy.sampler]`: a server that samples for the policy. It has the same tokenizer, and weights handed over."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str | None = Field(
        default=None, description="its address, with or without /v1; unset: the environment's ACCORD_SAMPLER_URL"
    )
    server: Literal["accord", "vllm", "sglang"] = Field(default="accord", description="what it is")
    model: str | None = Field(default=None, description="what it calls the model; unset: the first one that it lists")
    key: str = Field(default="ACCORD_TOKEN", description="the environment variable that has its bearer token")
    hand_over: HandOver | None = Field(
        default=None,
        description="how it is given weights: accord `upload` or `file`, vllm `reload` or `lora`, sglang `reload`; "
        "unset: the first of these",
    )
    folder: str | None = Field(
        default=None, description="where weights are written that it reads from files: a folder that both see"
    )
    server_folder: str | None = Field(
        default=None, description="the same folder as the server sees it; unset: by the same path"
    )
    parallel: int = Field(default=16, ge=1, description="requests under way at once")
    timeout: float = Field(default=600.0, gt=0, description="seconds that an answer may take")
    retries: int = Field(default=4, ge=0, description="how often a request that failed is sent again")
    max_logprob_diff: float = Field(
        default=0.5,
        gt=0,
        description="mean size of the log-ratio of a token, trainer to server, nats: training stops where the first "
        "answers are further off",
    )

    @field_validator("url")
    @classmethod
    def _address(cls, url: str | None) -> str | None:
        if url is None:
            return None
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"'{url}' is no address of a server; write http://HOST:PORT")
        if parts.username or parts.password:
            raise ValueError("leave user and password out of the address; name the variable of its token in `key`")
        return url

    @model_validator(mode="after")
    def _handed_over(self) -> Self:
        if self.hand_over not in (None, *WAYS[self.server]):
            ways = " or ".join(f'"{way}"' for way in WAYS[self.server])
            raise ValueError(f'hand_over = "{self.hand_over}" is none of the ways of "{self.server}"; take {ways}')
        if self.way != "upload" and self.folder is None:
            raise ValueError(f'hand_over = "{self.way}" reads files: name a folder that both see in `folder`')
        if self.way == "upload" and (self.folder or self.server_folder):
            raise ValueError('folder is for weights that are read from files; leave it out, or set hand_over = "file"')
        return self

    @property
    def way(self) -> HandOver:
        """How the server is given weights."""
        return self.hand_over or WAYS[self.server][0]

    def address(self) -> str:
        """Where it is now. Raises `RecipeError` where nothing says so."""
        if self.url is not None:
            return self.url
        if not (told := os.environ.get(ADDRESS)):
            raise RecipeError(f"policy.sampler: no server is named; set url, or {ADDRESS} in the environment")
        return str(type(self)._address(told))

    def anchored(self, folder: Path) -> Self:
        """The same with its own folder made absolute, which is meant from `folder`."""
        return (
            self if self.folder is None else self.model_copy(update={"folder": str((folder / self.folder).resolve())})
        )
