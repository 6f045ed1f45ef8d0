"""All reproductions, by name."""

from accord.lab.exact_optimum import EXACT_OPTIMUM

__all__ = ["REPRODUCTIONS"]

REPRODUCTIONS = {each.name: each for each in (EXACT_OPTIMUM,)}
