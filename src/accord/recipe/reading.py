"""A recipe read from TOML, with what is given beside the file, and written so that it can be read again."""

import tomllib
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, Protocol

import tomli_w

from accord.deferred import deferred
from accord.errors import RecipeError
from accord.extensions import load_extensions
from accord.policy.registry import ALGORITHMS
from accord.recipe.judges import JUDGE_KINDS, METRIC_KINDS, ModelJudge, with_kind
from accord.recipe.problems import validated
from accord.recipe.sections import Recipe
from accord.recipe.toml_text import read_text, read_toml
from accord.reward.combine import COMBINATIONS
from accord.reward.registry import REWARDS

with deferred():
    from accord.feedback.store.location import is_url
    from accord.recipe.together import check_together
    from accord.reward.settings import RewardSettings

__all__ = ["dump", "load", "parse"]


def load(
    path: Path | str, overrides: Mapping[str, str] | None = None, *, say: Callable[[str], None] = lambda note: None
) -> Recipe:
    """The recipe in a file, its paths made absolute; `overrides` and `say` as in `parse`.

    Raises `RecipeError` naming the key, `StorageError` where the file cannot be read.
    """
    text = read_text(path)
    folder = Path(path).resolve().parent
    return _anchored(parse(text, overrides, place=str(path), folder=folder, say=say), folder)


def parse(
    text: str,
    overrides: Mapping[str, str] | None = None,
    *,
    place: str = "recipe",
    folder: Path | None = None,
    say: Callable[[str], None] = lambda note: None,
) -> Recipe:
    """The recipe in a text; `overrides` maps dotted keys to TOML values (a bare word is a string).

    Where an override gives a section another `kind`, keys that only the kind of the text has are left out, and `say` is
    told which. The recipe's extensions are loaded first, from `folder` (unset: the working directory). Raises
    `RecipeError` naming the key, `ExtensionError` where an extension cannot be loaded.
    """
    content = read_toml(text, place)
    before = deepcopy(content)
    for key, value in (overrides or {}).items():
        _put(content, key, value)
    try:
        load_extensions(_extensions(content), folder or Path())
        for section, registry, default in _switched(before, content):
            for key in _drop_foreign(before, content, section, registry, default):
                say(f"recipe.{section}.{key} is left out: kind '{_part(content, section)['kind']}' has no such key")
        for path, registry, default in _KINDS:
            _choose(content, path, registry, default)
        recipe = validated(Recipe, content, "recipe")
        check_together(recipe)
    except RecipeError as error:
        raise RecipeError(f"{place}: {error}") from error
    return recipe


def dump(recipe: Recipe) -> str:
    """The recipe as TOML that `parse` reads back to the same value; what is unset is left out."""
    return tomli_w.dumps(recipe.model_dump(mode="json", exclude_none=True))


def _anchored(recipe: Recipe, folder: Path) -> Recipe:
    """The recipe with its paths made absolute; they are meant from the recipe's own folder."""
    ledger = recipe.data.ledger
    paths = {"ledger": ledger if is_url(ledger) else str(folder / ledger)}
    if recipe.data.source not in {None, "packaged"}:
        paths["source"] = str(folder / str(recipe.data.source))
    for key in ("prompts", "deployment_prompts"):
        if (file := getattr(recipe.data, key)) is not None:
            paths[key] = str(folder / file)
    sections: dict[str, object] = {
        "extensions": tuple(str(folder / path) for path in recipe.extensions),
        "data": recipe.data.model_copy(update=paths),
        "rewards": {name: settings.anchored(folder) for name, settings in recipe.rewards.items()},
        "audit": recipe.audit.anchored(folder),
    }
    if recipe.disclosure is not None:
        place = str(folder / recipe.disclosure.statements)
        sections["disclosure"] = recipe.disclosure.model_copy(update={"statements": place})
    if recipe.track is not None:
        sections["track"] = recipe.track.model_copy(update={"folder": str(folder / recipe.track.folder)})
    for name in ("sft", "reward", "policy", "synchronous", "loop", "round"):
        if (section := getattr(recipe, name)) is not None:
            sections[name] = section.anchored(folder)
    if recipe.evaluate is not None:
        evaluate = recipe.evaluate
        added = {
            "judges": {name: _anchored_judge(judge, folder) for name, judge in evaluate.judges.items()},
            "metrics": {name: metric.anchored(folder) for name, metric in evaluate.metrics.items()},
        }
        sections["evaluate"] = evaluate.model_copy(update={"judge": evaluate.judge.anchored(folder), **added})
    return recipe.model_copy(update=sections)


def _anchored_judge(judge: RewardSettings | ModelJudge, folder: Path) -> RewardSettings | ModelJudge:
    return judge.anchored(folder) if isinstance(judge, RewardSettings) else judge


def _extensions(content: dict[str, Any]) -> list[str]:
    """The extensions that a recipe names; their digests are kept by file name, so no two may have the same."""
    paths = content.get("extensions", [])
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise RecipeError('recipe.extensions: not a list of files; write extensions = ["my_module.py"]')
    names = [Path(path).name for path in paths]
    if doubled := next((name for name in names if names.count(name) > 1), None):
        raise RecipeError(f"recipe.extensions: two files are called {doubled}; rename one")
    return paths


class Kinds(Protocol):
    """Settings classes by kind."""

    def get(self, name: str) -> Any:
        """The class of a kind. Raises `RecipeError` where there is none."""
        ...

    def __contains__(self, name: object) -> bool: ...

    @property
    def names(self) -> tuple[str, ...]:
        """All kinds."""
        ...


_KINDS: tuple[tuple[str, Kinds, str | None], ...] = (
    ("reward", REWARDS, "bradley_terry"),
    ("rewards.*", REWARDS, "bradley_terry"),
    ("evaluate.judge", REWARDS, "bradley_terry"),
    ("evaluate.judges.*", JUDGE_KINDS, None),
    ("evaluate.metrics.*", METRIC_KINDS, None),
    ("combine", COMBINATIONS, "weighted_sum"),
    ("policy", ALGORITHMS, None),
)
"""The sections whose settings class `kind` picks: where they stand, from what, and which kind where none is named."""


_ADDED = ("recipe.evaluate.judges", "recipe.evaluate.metrics")
"""Where a section need not say its kind where something else says it."""


Kinded = tuple[str, Kinds, str | None]


def _switched(before: dict[str, Any], after: dict[str, Any]) -> Iterator[Kinded]:
    """The sections of both whose kind is another one now."""
    for path, registry, default in _KINDS:
        head, _, rest = path.partition(".")
        names = [f"{head}.{name}" for name in _part(after, head)] if rest == "*" else [path]
        for name in names:
            was, now = _part(before, name), _part(after, name)
            if was and now.get("kind", default) != was.get("kind", default):
                yield name, registry, default


def _drop_foreign(
    before: dict[str, Any], after: dict[str, Any], name: str, registry: Kinds, default: str | None
) -> list[str]:
    """Take the keys out of a section of `after` that the text gave to its former kind, and that the new one lacks."""
    was, now = _part(before, name), _part(after, name)
    kinds = str(was.get("kind", default)), str(now.get("kind", default))
    if not all(kind in registry for kind in kinds):
        return []
    old, new = (registry.get(kind).model_fields for kind in kinds)
    foreign = [key for key in was if key in old and key not in new and now[key] == was[key]]
    for key in foreign:
        del now[key]
    return foreign


def _part(content: Any, path: str) -> dict[str, Any]:
    """A section by its dotted path; empty where there is none."""
    for name in path.split("."):
        content = content.get(name) if isinstance(content, dict) else None
    return content if isinstance(content, dict) else {}


def _choose(content: dict[str, Any], path: str, registry: Kinds, default: str | None, *, where: str = "recipe") -> None:
    """Put the settings of the class that `kind` picks in the place of a section."""
    head, _, rest = path.partition(".")
    for name in list(content) if head == "*" else [head]:
        section = content.get(name)
        if not isinstance(section, dict):
            continue
        if rest:
            _choose(section, rest, registry, default, where=f"{where}.{name}")
            continue
        if where in _ADDED:
            section = with_kind(section)
        kind = section.get("kind", default)
        if kind is None:
            raise RecipeError(f"{where}.{name}.kind: missing; one of {', '.join(registry.names)}")
        try:
            owner = registry.get(str(kind))
        except RecipeError as error:
            raise RecipeError(f"{where}.{name}.kind: {error}") from error
        content[name] = validated(owner, section, f"{where}.{name}")


def _put(content: dict[str, Any], key: str, value: str) -> None:
    *path, last = key.split(".")
    for name in path:
        content = content.setdefault(name, {})
        if not isinstance(content, dict):
            raise RecipeError(f"recipe.{key}: '{name}' is a value, not a section")
    try:
        content[last] = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        content[last] = value
