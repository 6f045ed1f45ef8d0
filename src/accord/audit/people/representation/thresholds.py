"""Thresholds of MH1."""

from typing import ClassVar

from pydantic import Field

from accord.audit.settings import Thresholds

__all__ = ["RepresentationThresholds"]


class RepresentationThresholds(Thresholds):
    """Thresholds of MH1."""

    family: ClassVar[str] = "representation"

    distance: float = Field(default=0.1, gt=0, lt=1, description="total variation of the answers from the population")
    ratio: float = Field(
        default=0.8, gt=0, lt=1, description="share of a group's answers over its share of the population"
    )
    effective: float = Field(default=0.5, gt=0, lt=1, description="effective answers after raking, over all answers")
    most_active: int = Field(default=5, ge=1, description="how many evaluators are the most active ones")
    concentration: float = Field(default=0.5, gt=0, lt=1, description="share of the answers of the most active")
    shift: float = Field(default=0.05, gt=0, lt=0.5, description="root mean square shift of the votes on a pair")
    selection: float = Field(
        default=0.2, ge=0, lt=1, description="rank correlation of the number of answers with agreement with researchers"
    )
    min_shared: int = Field(default=3, ge=1, description="items of a person that researchers answered as well")
    min_selected: int = Field(default=10, ge=10, description="people who answered so many")
    researchers: str = Field(default="researchers", min_length=1, description="pool of those who run the project")
