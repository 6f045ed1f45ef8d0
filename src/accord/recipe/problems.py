"""What is said of a key that is wrong: its place, its new name, or the nearest one that there is."""

from collections import ChainMap
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError

from accord.errors import RecipeError, nearest
from accord.records import explain

__all__ = ["problem_of", "validated"]

M = TypeVar("M", bound=BaseModel)


def validated(owner: type[M], content: object, where: str) -> M:
    """The settings in a section. Raises `RecipeError` that names the first key that is wrong."""
    try:
        return owner.model_validate(content)
    except ValidationError as error:
        raise RecipeError(problem_of(error, owner, where)) from error


def problem_of(error: ValidationError, owner: type[BaseModel], where: str) -> str:
    """All keys that were renamed, with their new names; else the first problem, an unknown key with the nearest one.

    A settings class may have `renamed: ClassVar[Mapping[str, str]]`, from keys it once had to those it has now.
    """
    problems = error.errors(include_url=False)
    # A key that is unknown may be why another is missing.
    unknown = [problem["loc"] for problem in problems if problem["type"] == "extra_forbidden"]
    if not unknown:
        place = ".".join([where, *map(str, problems[0]["loc"])])
        return f"{place}: {explain(error)[1]}"
    new_names = []
    for path in unknown:
        names = _renamed(_owner_of(owner, path))
        if str(path[-1]) in names:
            new_names.append(f"{'.'.join([where, *map(str, path)])}: renamed to {names[str(path[-1])]}")
    if new_names:
        return "; ".join(new_names)
    known = list(_owner_of(owner, unknown[0]).model_fields)
    return f"{'.'.join([where, *map(str, unknown[0])])}: no such field{nearest(str(unknown[0][-1]), known)}"


def _owner_of(owner: Any, path: Sequence[str | int]) -> Any:
    """The settings class that holds the last key of a path into `owner`."""
    for name in path[:-1]:
        if not str(name).isdecimal():  # a place in a list
            owner = _section(owner.model_fields[name].annotation)
    return owner


def _renamed(section: type[BaseModel]) -> Mapping[str, str]:
    """What the keys that a settings class, or one that it inherits from, once had are called now."""
    return ChainMap(*(vars(parent).get("renamed", {}) for parent in section.__mro__))


def _section(annotation: Any) -> Any:
    """The settings class inside an annotation such as `LoRA | None`."""
    if get_origin(annotation) is None:
        return annotation
    return next(_section(part) for part in get_args(annotation) if part is not type(None))
