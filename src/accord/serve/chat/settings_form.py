"""The sampling that a form asks for, within reason."""

import math
import secrets
from collections.abc import Mapping

from accord.collect.study.form_fields import short_field
from accord.errors import FormError
from accord.records import Sampling

__all__ = ["MAX_TEMPERATURE", "MAX_TOP_K", "sampling_of"]

MAX_TEMPERATURE = 2.0
MAX_TOP_K = 1000
MAX_SEED = 2**62


def sampling_of(form: Mapping[str, str], base: Sampling, context: int) -> tuple[Sampling, bool]:
    """The settings in a form, else those of `base`, and whether the seed is one that somebody chose.

    Stop strings are those of `base`. Raises `FormError` that names the setting and its range.
    """
    seed = _whole(form, "seed", None, 0, MAX_SEED)
    return base.model_copy(
        update={
            "temperature": _number(form, "temperature", base.temperature, 0.0, MAX_TEMPERATURE),
            "top_p": _number(form, "top_p", base.top_p, 0.01, 1.0),
            "top_k": _whole(form, "top_k", base.top_k, 0, MAX_TOP_K),
            "max_tokens": _whole(form, "max_tokens", base.max_tokens, 1, context - 1),
            "seed": secrets.randbits(62) if seed is None else seed,
        }
    ), seed is not None


def _number(form: Mapping[str, str], field: str, unset: float, low: float, high: float) -> float:
    text = short_field(form, field, required=False, longest=40)
    if not text:
        return unset
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not low <= number <= high:
        raise FormError(field, f"{_words(field)}: give a number from {low:g} to {high:g}.")
    return number


def _whole(form: Mapping[str, str], field: str, unset: int | None, low: int, high: int) -> int | None:
    text = short_field(form, field, required=False, longest=40)
    if not text:
        return unset
    number = int(text) if text.isascii() and text.isdigit() else -1
    if not low <= number <= high:
        raise FormError(field, f"{_words(field)}: give a whole number from {low:,} to {high:,}.")
    return number


def _words(field: str) -> str:
    return {"top_p": "Top-p", "top_k": "Top-k", "max_tokens": "Tokens at most"}.get(field, field.capitalize())
