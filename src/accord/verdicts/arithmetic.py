"""Arithmetic: is the number that a completion ends with the stated one?

A reference is `{"answer": "1,234"}`, or the answer alone; a text that ends with the answer will do (`... #### 1234`).
`"tolerance": 0.01` allows a difference of so much.
"""

import math
from decimal import Context, Decimal
from fractions import Fraction
from typing import Any

from accord.verdicts.marks import Mark, UnusableReferenceError, setting
from accord.verdicts.numbers import Number, final_number, same_number

__all__ = ["Arithmetic"]

EXAMPLE = '{"answer": "42"}'


class Arithmetic:
    """A `Marker` by the final number: 1 where it is the stated one, else 0; so where there is none."""

    name = "arithmetic"
    labels = ("right", "wrong")

    def mark(self, text: str, reference: Any) -> Mark:
        """1 or 0. Raises `UnusableReferenceError` where the reference states no number."""
        answer, tolerance = _stated(reference)
        number = final_number(text)
        if number is None:
            return Mark(0.0, "it ends with no number")
        right = same_number(number, answer, tolerance)
        return Mark(float(right), f"it ends with {_text(number)}, and the answer is {_text(answer)}")


def _stated(reference: Any) -> tuple[Number, Fraction]:
    whole = reference if isinstance(reference, dict) else {"answer": reference}
    answer, tolerance = setting(whole, "answer", EXAMPLE), whole.get("tolerance", 0)
    number = (
        final_number(str(answer)) if isinstance(answer, str | int | float) and not isinstance(answer, bool) else None
    )
    if number is None:
        raise UnusableReferenceError(f"the item's reference states no number ({answer!r:.60}); write {EXAMPLE}")
    if isinstance(tolerance, bool) or not isinstance(tolerance, int | float) or not 0 <= tolerance < math.inf:
        raise UnusableReferenceError(
            f"the tolerance of the item's reference is a number from 0 on, not {tolerance!r:.60}"
        )
    return number, Fraction(str(tolerance))


def _text(number: Number) -> str:
    value = number.value
    rounded = Context(prec=10).divide(Decimal(value.numerator), Decimal(value.denominator))
    text = str(value.numerator) if value.denominator == 1 else str(rounded)
    return f"{text:.40}{'%' if number.percent else ''}"
