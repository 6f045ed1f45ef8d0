"""A policy that answers with whatever option stands first."""

from dataclasses import replace
from typing import ClassVar

from accord.lab.faults.base import Fault, register_fault
from accord.lab.settings import S

__all__ = ["OrderBound"]


@register_fault
class OrderBound(Fault):
    """The policy's answers depend on the order in which options are shown: nothing can be concluded from them.

    The strength is what the first place adds, in log-odds.
    """

    name: ClassVar = "order-bound"
    strengths: ClassVar = (2.0, 4.0)

    def part(self, settings: S) -> S:
        from accord.lab.planted.parts.questions import QuestionSettings

        return replace(settings, place=self.strength) if isinstance(settings, QuestionSettings) else settings
