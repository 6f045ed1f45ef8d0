"""Thresholds of X5 and FT1."""

from typing import ClassVar

from pydantic import Field

from accord.audit.settings import Thresholds

__all__ = ["FeedbackKindsThresholds", "MachineWrittenThresholds"]


class MachineWrittenThresholds(Thresholds):
    """Thresholds of X5."""

    family: ClassVar[str] = "machine_written"

    prevalence: float = Field(default=0.1, gt=0, lt=1, description="share of written answers that a machine wrote")
    untyped: float = Field(default=0.25, gt=0, lt=1, description="share of written answers with too few keys")


class FeedbackKindsThresholds(Thresholds):
    """Thresholds of FT1."""

    family: ClassVar[str] = "feedback_kinds"

    rate: float = Field(default=0.5, gt=0, le=1, description="bits a second, of those of the best other kind")
    uncovered: float = Field(default=0.1, gt=0, lt=1, description="share of labels in which no option was chosen")
    cycles: float = Field(default=0.05, gt=0, lt=1, description="share of triads in a circle, more than noise explains")
    min_people: int = Field(default=6, ge=3, description="people who judged the same texts by both kinds")
    draws: int = Field(default=199, ge=99, description="simulated data sets that circles are held against")
