"""Code that the recipe of a run names, and what is done before any of it is executed."""

from collections.abc import Sequence
from os.path import relpath
from pathlib import Path
from typing import TYPE_CHECKING

from accord.artefacts import RECIPE
from accord.errors import ArtefactError
from accord.extensions import load_extensions
from accord.recipe.toml_text import flat, read_toml
from accord.run import InputEntry, RunDirectory

if TYPE_CHECKING:
    from accord.recipe import Recipe

__all__ = ["check_extensions", "code_named_in", "extension_inputs", "extensions_named_in", "recipe_of", "refuse_code"]

FUNCTIONS = frozenset(
    {"audit.attacks.judge", "audit.distribution.meaning", "audit.harm.harmful", "audit.harm.harmless"}
)
"""Settings that may name functions of Python files."""


def code_named_in(run: RunDirectory) -> list[str]:
    """What of a run's recipe has code executed, by key; nothing of it is executed to see."""
    settings = flat(read_toml(RECIPE.read(run), RECIPE.path()))
    named = [f"{key} = {value!r}" for key, value in settings.items() if key == "extensions" and value]
    for key, value in settings.items():
        section, _, last = key.rpartition(".")
        if last == "trust_remote_code" and value:
            named.append(f"{key} = true")
        if key in FUNCTIONS and ".py:" in str(value):
            named.append(f"{key} = {value!r}")
        if last == "kind" and value == "python":
            named.append(f"{section}.path = {settings.get(f'{section}.path')!r}")
    return named


def refuse_code(run: RunDirectory, *, trusted: bool) -> None:
    """Raises `ArtefactError` where the recipe names code, and the run is not said to be `trusted`."""
    if not trusted and (code := code_named_in(run)):
        raise ArtefactError(
            f"{run.path}: its recipe would have code executed ({', '.join(code)}); read that, and say --trust-run"
        )


def extensions_named_in(run: RunDirectory) -> list[str]:
    """The extensions of a run's recipe."""
    named = read_toml(RECIPE.read(run), RECIPE.path()).get("extensions", [])
    return [str(path) for path in named] if isinstance(named, list) else []


def check_extensions(paths: Sequence[str], run: RunDirectory) -> None:
    """Load extensions. Raises `ArtefactError` where one is not the file that the run was made with."""
    for name, entry in extension_inputs(paths, run).items():
        noted = run.manifest.inputs.get(name)
        if noted is not None and noted.digest != entry.digest:
            raise ArtefactError(f"{run.path}: {name} has changed since; put the old file back, or use a new folder")


def extension_inputs(paths: Sequence[str], run: RunDirectory) -> dict[str, InputEntry]:
    """Extensions, which are loaded, as inputs of the run, by name."""
    return {
        f"extension {extension.path.name}": InputEntry(extension.sha256, relpath(extension.path, run.path.resolve()))
        for extension in load_extensions(paths, Path())
    }


def recipe_of(run: RunDirectory, *, trusted: bool = False) -> "Recipe":
    """The recipe that a run was made by.

    Reading it may execute code that the run names (extensions, functions as rewards, code beside a model's weights):
    that is done only where whoever opens the run says that it is `trusted`. Raises `ArtefactError` where it is not, or
    where an extension has changed since.
    """
    from accord.recipe import load

    file = RECIPE.verified(run)
    refuse_code(run, trusted=trusted)
    recipe = load(file)
    check_extensions(recipe.extensions, run)
    return recipe
