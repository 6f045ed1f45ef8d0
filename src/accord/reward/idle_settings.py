"""Settings that would do nothing beside the others, which are refused rather than passed over."""

from collections.abc import Iterable, Mapping, Sequence

from pydantic import BaseModel

__all__ = ["not_default", "without_effect"]


def not_default(settings: BaseModel, names: Iterable[str]) -> list[str]:
    """Those of the settings `names` that are not at their defaults, however they came to be set."""
    fields = type(settings).model_fields
    return [name for name in names if getattr(settings, name) != fields[name].get_default(call_default_factory=True)]


def without_effect(settings: BaseModel, needed: Mapping[str, tuple[bool, Sequence[str]]]) -> list[str]:
    """Each setting that does nothing, as `key: needs ...`; `needed` has what some settings need, and whether it is."""
    return [
        f"{name}: needs {condition}"
        for condition, (holds, names) in needed.items()
        if not holds
        for name in not_default(settings, names)
    ]
