"""What every section of a study file shares: frozen values, no unknown keys."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Section", "Text", "Word"]

Word = Annotated[str, Field(min_length=1, max_length=100)]
Text = Annotated[str, Field(min_length=1)]


class Section(BaseModel):
    """A part of the study: frozen, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")
