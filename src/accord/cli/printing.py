"""What all verbs share: printing, and recipe values given as flags."""

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from accord.loop.progress import ProgressDisplay

__all__ = ["complain", "overrides", "print_json", "progress_display", "table_console", "unfold"]


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


def unfold(arguments: Sequence[str]) -> list[str]:
    """Recipe values given as flags (`--policy.kl_coef 0.1`, `--policy.kl_coef=0.1`) as `--set policy.kl_coef=0.1`.

    The recipe's seed, which stands in no section, is one where a recipe is what the verb takes: `--seed 3`.
    """
    takes_recipe = arguments[:1] in (["run"], ["check"])
    unfolded: list[str] = []
    key = ""  # a recipe value whose flag has been read, and the value not yet
    for argument in arguments:
        if key:
            unfolded += ["--set", f"{key}={argument}"]
            key = ""
            continue
        name, equals, value = argument.partition("=")
        is_value = name.startswith("--") and ("." in name or (takes_recipe and name == "--seed"))
        if not is_value:
            unfolded.append(argument)
        elif equals:
            unfolded += ["--set", f"{name[2:]}={value}"]
        else:
            key = name[2:]
    return [*unfolded, f"--{key}"] if key else unfolded


def overrides(assignments: Sequence[str]) -> dict[str, str]:
    """`key=value` texts as a mapping. Raises `RecipeError` for one without a value."""
    from accord.errors import RecipeError

    values = {}
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        if not equals:
            raise RecipeError(f"recipe.{key}: no value; write --{key} VALUE")
        values[key] = value
    return values
