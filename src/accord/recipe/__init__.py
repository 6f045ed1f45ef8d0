"""A whole run as one value, read from one TOML file.

    extensions  seed  [data]  [sft]  [reward]  [rewards.NAME]  [combine]  [policy]  [evaluate]  [audit]  [checkpoints]
    [engine]  [processes]  [disclosure]  [track]  [loop]

`kind` picks the settings class where there is a choice. An unknown key is an error that names its nearest neighbour;
values given beside the file (`--policy.kl_coef 0.1`) override it; the resolved recipe can be written and loaded again.
"""

from typing import TYPE_CHECKING, Any

from accord.extras import import_module

if TYPE_CHECKING:
    from accord.recipe.audit_section import load_audit_section
    from accord.recipe.reading import dump, load, parse
    from accord.recipe.sections import Checkpoints, Data, Disclosure, Evaluate, Processes, Recipe, Track
    from accord.recipe.toml_text import read_toml

__all__ = [
    "Checkpoints",
    "Data",
    "Disclosure",
    "Evaluate",
    "Processes",
    "Recipe",
    "Track",
    "dump",
    "load",
    "load_audit_section",
    "parse",
    "read_toml",
]

_HOME = {
    "Checkpoints": "sections",
    "Data": "sections",
    "Disclosure": "sections",
    "Evaluate": "sections",
    "Processes": "sections",
    "Recipe": "sections",
    "Track": "sections",
    "dump": "reading",
    "load": "reading",
    "load_audit_section": "audit_section",
    "parse": "reading",
    "read_toml": "toml_text",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
