"""Errors that stand where nobody who judges sees them."""

from typing import ClassVar

from accord.lab.faults.base import Fault, register_fault
from accord.lab.planted.visibility import Visibility
from accord.lab.settings import S

__all__ = ["HiddenErrors"]


@register_fault
class HiddenErrors(Fault):
    """The page shows a part of each item, and the errors of some texts stand in the rest.

    The strength is the share of texts whose errors are hidden.
    """

    name: ClassVar = "hidden-errors"
    strengths: ClassVar = (0.5, 1.0)
    sets_off: ClassVar = ("OV2 hidden", "OV2 shown")
    cure: ClassVar = "everything there is to see is shown to whoever judges"

    def part(self, settings: S) -> S:
        if isinstance(settings, Visibility) and not self.cured:
            return type(settings)(hidden_errors=self.strength)
        return settings
