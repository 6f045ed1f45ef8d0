"""What pydantic finds wrong with a study, in the words of its file: the key, and what to do about it."""

from typing import get_args, get_origin

from pydantic import BaseModel, ValidationError

from accord.collect.study.kinds import KINDS
from accord.errors import nearest
from accord.records import explain

__all__ = ["first_problem"]


def first_problem(error: ValidationError, study: type[BaseModel]) -> str:
    """The first problem of a study's keys, with the nearest known name for an unknown one."""
    first = error.errors(include_url=False)[0]
    path, model = _path(first["loc"], study)
    where = ".".join(["study", *path])
    match first["type"]:
        case "extra_forbidden" if owners := _kinds_with(path):
            kind = _kind_of(first["loc"])
            return f'{where}: belongs to kind = "{owners[0]}", not to "{kind}"; leave it out'
        case "extra_forbidden":
            return f"{where}: no such key{nearest(path[-1], list(model.model_fields))}"
        case "missing" if path == ["questions"]:
            return f"{where}: missing; ask one: [[questions]] with its kind and its text"
        case "too_short" if path == ["questions"]:
            return f"{where}: empty; ask one: [[questions]] with its kind and its text"
        case "tuple_type" if path == ["questions"]:
            return f"{where}: is a list; write [[questions]], with two brackets"
        case "missing":
            return f"{where}: missing; add it"
        case "union_tag_not_found":
            return f"{where}.kind: missing; add it"
        case "union_tag_invalid":
            tag = str(first["ctx"]["tag"])
            return f"{where}.kind: {tag!r:.80} is no kind of judgement{nearest(tag, list(KINDS))}"
        case _:
            return f"{where}: {explain(error)[1]}"


def _path(location: tuple[int | str, ...], study: type[BaseModel]) -> tuple[list[str], type[BaseModel]]:
    """The keys to a place as they stand in a study file, and the section that the last one stands in."""
    path: list[str] = []
    model: type[BaseModel] = study
    for part in location:
        if part in KINDS and len(path) == 1 and path[0].startswith("questions["):
            model = KINDS[part]
        elif isinstance(part, int):
            path[-1] += f"[{part}]"
        else:
            path.append(part)
    for key in path[:-1]:
        model = _section(model, key) or model
    return path, model


def _section(model: type[BaseModel], key: str) -> type[BaseModel] | None:
    """The class of a section by its key, where the key is one."""
    field = model.model_fields.get(key)
    if field is None or field.annotation is None:
        return None
    options = get_args(field.annotation) if get_origin(field.annotation) else (field.annotation,)
    return next((option for option in options if isinstance(option, type) and issubclass(option, BaseModel)), None)


def _kind_of(location: tuple[int | str, ...]) -> str:
    return str(location[2])


def _kinds_with(path: list[str]) -> list[str]:
    """The kinds that know a question's key."""
    if not path[0].startswith("questions[") or len(path) != 2:
        return []
    return [kind for kind, question in KINDS.items() if path[1] in question.model_fields]
