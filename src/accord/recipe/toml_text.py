"""The text of a recipe as nested dictionaries, before anything is known of what its sections mean."""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from accord.errors import RecipeError, storage

__all__ = ["flat", "read_text", "read_toml"]


def read_text(path: Path | str) -> str:
    """The text of a file. Raises `RecipeError` where it is not UTF-8, `StorageError` where it cannot be read."""
    with storage(path):
        content = Path(path).read_bytes()
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise RecipeError(f"{path}:{line}: not UTF-8 ({error.reason}); save the recipe as UTF-8") from error


def read_toml(text: str, place: str) -> dict[str, Any]:
    """A recipe's text as nested dictionaries.

    Raises `RecipeError` where it is no TOML, or holds a NUL, which no path can.
    """
    try:
        content = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise RecipeError(f"{place}: not TOML ({error})") from error
    if key := next((key for key, value in _leaves(content) if "\0" in f"{key}{value}"), None):
        raise RecipeError(f"{place}: recipe.{key!r} holds a NUL; leave it out")
    return content


def flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings by dotted key: {"optim": {"lr": 1}} as {"optim.lr": 1}."""
    by_key: dict[str, Any] = {}
    for key, value in settings.items():
        by_key |= flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return by_key


def _leaves(content: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """All values of nested dictionaries and lists, by dotted key."""
    if isinstance(content, (dict, list)):
        for name, value in content.items() if isinstance(content, dict) else enumerate(content):
            yield from _leaves(value, f"{key}.{name}" if key else str(name))
    else:
        yield key, content
