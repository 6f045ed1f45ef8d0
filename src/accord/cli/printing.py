"""What all verbs share: printing, and recipe values given as flags."""

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from accord.loop.progress import ProgressDisplay

__all__ = ["complain", "overrides", "print_json", "progress_display", "table_console", "unfolded"]


def complain(message: str) -> None:
    """To the standard error, under the program's name."""
    print(f"accord: {message}", file=sys.stderr)


def print_json(content: object) -> None:
    """JSON alone, on the standard output."""
    print(json.dumps(content, indent=1, allow_nan=False))


def table_console() -> "Console":
    """Where tables go: as wide as the terminal, and never narrower than a table wants where there is none."""
    from rich.console import Console

    return Console() if sys.stdout.isatty() else Console(width=110)


def progress_display(*, quiet: bool, errors: bool = False) -> "ProgressDisplay":
    """Progress on the standard output, or on the standard error where the output is data; or none."""
    from rich.console import Console

    from accord.loop.progress import ProgressDisplay

    return ProgressDisplay(Console(stderr=errors, quiet=quiet, width=None if sys.stdout.isatty() else 110))


def unfolded(arguments: Sequence[str]) -> list[str]:
    """Recipe values given as flags (`--policy.kl_coef 0.1`, `--policy.kl_coef=0.1`) as `--set policy.kl_coef=0.1`."""
    out: list[str] = []
    waiting = ""
    for argument in arguments:
        if waiting:
            out += ["--set", f"{waiting}={argument}"]
            waiting = ""
            continue
        name, equals, value = argument.partition("=")
        if name.startswith("--") and "." in name:
            if equals:
                out += ["--set", f"{name[2:]}={value}"]
            else:
                waiting = name[2:]
        else:
            out.append(argument)
    return [*out, f"--{waiting}"] if waiting else out


def overrides(given: Sequence[str]) -> dict[str, str]:
    """`key=value` texts as a mapping. Raises `RecipeError` for one without a value."""
    from accord.errors import RecipeError

    found = {}
    for each in given:
        key, equals, value = each.partition("=")
        if not equals:
            raise RecipeError(f"recipe.{key}: no value; write --{key} VALUE")
        found[key] = value
    return found
