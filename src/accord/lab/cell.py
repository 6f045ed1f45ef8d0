"""A cell of a reproduction, and what is measured in it."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict

__all__ = ["Cell", "CellResult", "Measurement"]


@dataclass(frozen=True)
class Cell:
    """One arm with one seed."""

    arm: str
    seed: int


class Measurement(BaseModel):
    """What is measured of one policy; each reproduction has a subclass."""

    model_config = ConfigDict(frozen=True, extra="forbid")


M = TypeVar("M", bound=Measurement)


class CellResult(BaseModel, Generic[M]):
    """A cell of a reproduction in its short or whole form, and what was measured there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    short: bool
    arm: str
    seed: int
    seconds: float
    measurements: tuple[M, ...]
