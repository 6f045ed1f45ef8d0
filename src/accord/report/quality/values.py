"""Everything that was measured, for programs."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from accord.feedback.quality.unknown import NotAssessed
from accord.stats import Estimate

__all__ = ["as_json"]


def as_json(value: object) -> Any:
    """Values of `feedback.quality` as JSON: an Estimate with all its parts, `{"not_assessed": reason}` for a lack."""
    match value:
        case Estimate():
            return value.to_json()
        case NotAssessed(reason=reason):
            return {"not_assessed": reason}
        case str() | int() | float() | None:
            return value
        case Mapping():
            return {str(key): as_json(part) for key, part in value.items()}
        case Sequence():
            return [as_json(part) for part in value]
        case _:
            assert is_dataclass(value), type(value)
            return {column.name: as_json(getattr(value, column.name)) for column in fields(value)}
