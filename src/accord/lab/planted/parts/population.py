"""The population that the people of a planted run are to stand for."""

from typing import TYPE_CHECKING, ClassVar

from accord.artefacts import POPULATION, Population
from accord.lab.planted.panels import GROUPS
from accord.lab.planted.parts.base import Part

if TYPE_CHECKING:
    from accord.lab.planted.planting import Planting

__all__ = ["TargetPopulation"]


class TargetPopulation(Part):
    """The run names the population of which its panels are drawn evenly (`panels.GROUPS`)."""

    challenges: ClassVar = ("MH1",)

    def after(self, planting: "Planting") -> None:
        POPULATION.write(planting.run, Population(shares={"group": dict(GROUPS)}), stage="data")
