"""Settings of a learnt reward that say how it knows what it does not know."""

from typing import Literal

from pydantic import BaseModel, Field

__all__ = ["DoubtSettings"]


class DoubtSettings(BaseModel):
    """Where the standard deviation of scores comes from, beside the members of an ensemble."""

    doubt: Literal["none", "laplace"] = Field(
        default="none",
        description="laplace: a normal posterior of the head by the curvature of the likelihood, under head_prior_std",
    )
