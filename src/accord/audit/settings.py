"""Thresholds by family of checks: each family declares its own class, and `[audit]` of a recipe is made of them all."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

from pydantic import BaseModel, ConfigDict, SerializeAsAny, ValidationError, create_model, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from accord.errors import AuditError, nearest
from accord.registry import Registry

__all__ = ["FAMILIES", "AuditSettings", "Thresholds"]

T = TypeVar("T", bound="Thresholds")


class Thresholds(BaseModel):
    """The thresholds of one family of checks: its fields are the keys of the recipe's section `[audit.<family>]`.

    Every field has a default and a description. `renamed` maps keys that older recipes have to those of today.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", defer_build=True)

    family: ClassVar[str]
    renamed: ClassVar[Mapping[str, str]] = {}

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, content: object) -> object:
        """Refuse a key that is not known with the nearest one, or with its name of today."""
        if isinstance(content, Mapping):
            _refuse_unknown(cls.__name__, content, list(cls.model_fields), cls.renamed)
        return content

    def anchored(self, folder: Path) -> Self:
        """The same with every path made absolute; paths are meant from the folder of the recipe."""
        return self


FAMILIES: Registry[type[Thresholds]] = Registry("family of checks", error=AuditError)
"""The classes of thresholds of all registered checks, by family."""


class AuditSettings(BaseModel):
    """The section `[audit]` of a recipe: the thresholds of every family that has a registered check.

    Families are those registered when the settings are made, so extensions are loaded before.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    __pydantic_extra__: dict[str, SerializeAsAny[Thresholds]]

    @model_validator(mode="wrap")
    @classmethod
    def _by_family(cls, content: Any, build: Callable[[Any], Self]) -> Self:
        if not isinstance(content, Mapping):
            return build(content)
        _refuse_unknown(cls.__name__, content, list(FAMILIES.names), {})
        sections = create_model("AuditSections", **{family.family: (family, family()) for family in FAMILIES})  # type: ignore[call-overload]
        return build(dict(sections.model_validate(content)))

    def of(self, thresholds: type[T]) -> T:
        """The thresholds of that class: its defaults where its family was registered after these settings were made."""
        section = (self.model_extra or {}).get(thresholds.family)
        return section if isinstance(section, thresholds) else thresholds()

    def anchored(self, folder: Path) -> Self:
        """The same with every path made absolute; paths are meant from the folder of the recipe."""
        sections: Mapping[str, Thresholds] = self.model_extra or {}
        return self.model_copy(update={name: each.anchored(folder) for name, each in sections.items()})


def _refuse_unknown(title: str, content: Iterable[str], known: list[str], renamed: Mapping[str, str]) -> None:
    """Raises `ValidationError` where a key is not known, with its name of today or the nearest one."""
    problems = [
        InitErrorDetails(
            type=PydanticCustomError(
                "value_error",
                "{error}",
                {"error": f"renamed to {renamed[key]}" if key in renamed else f"no such field{nearest(key, known)}"},
            ),
            loc=(key,),
            input=None,
        )
        for key in content
        if key not in known
    ]
    if problems:
        raise ValidationError.from_exception_data(title, problems)
