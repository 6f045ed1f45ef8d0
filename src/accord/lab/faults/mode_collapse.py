"""Mode collapse: a sound reward model, and far too much of it."""

from typing import ClassVar

from accord.lab.faults.base import Fault, register_fault

__all__ = ["ModeCollapse"]


@register_fault
class ModeCollapse(Fault):
    """The policy is pressed until it writes the same few words.

    The strength is the pressure at the last step.
    """

    name: ClassVar = "mode-collapse"
    strengths: ClassVar = (6.0, 12.0)
    sets_off: ClassVar = ("DC2 diversity", "DC2 entropy")

    def pressure(self, healthy: float) -> float:
        return self.strength
