"""Which training software made a folder."""

from pathlib import Path

import accord.foreign.openrlhf
import accord.foreign.trl
import accord.foreign.verl  # noqa: F401 - each of the three registers itself
from accord.errors import ArtefactError, storage
from accord.foreign.registry import TOOLS, Tool

__all__ = ["recognise"]

SHOWN = 12


def recognise(folder: Path, named: str | None = None) -> Tool:
    """The software that a folder is of: the one named, or the only one of which something is there.

    Raises `ArtefactError` that says what was looked for and what is there where that is none, several, or not the one
    named; `StorageError` where there is no folder.
    """
    with storage(folder):
        there = sorted(path.name + ("/" if path.is_dir() else "") for path in folder.iterdir())
    found = {tool.name: reason for tool in TOOLS if (reason := tool.found_in(folder))}
    if named is not None:
        tool = TOOLS.get(named)
        if named in found:
            return tool
        others = "".join(f"; of {TOOLS.get(name).title} there is {reason}" for name, reason in found.items())
        raise ArtefactError(
            f"{folder}: no run of {tool.title} is here (looked for {tool.looks_for}){others}; {_listed(there)}"
        )
    if len(found) == 1:
        return TOOLS.get(next(iter(found)))
    if found:
        choice = "; ".join(f"{name}: {reason}" for name, reason in found.items())
        raise ArtefactError(
            f"{folder}: of several tools there is something here ({choice}); say which is meant (--from)"
        )
    looked_for = "; ".join(f"{tool.title}: {tool.looks_for}" for tool in TOOLS)
    raise ArtefactError(
        f"{folder}: there is no run here (no manifest.json of accord's; {looked_for}); {_listed(there)}"
    )


def _listed(names: list[str]) -> str:
    """What a folder holds, in words."""
    if not names:
        return "the folder is empty"
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"there is {', '.join(names[:SHOWN])}{more}"
