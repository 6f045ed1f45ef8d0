"""What is installed beside accord, as a bill of materials: CycloneDX 1.6 in JSON, on the standard output.

    python tools/sbom.py > sbom.json

Everything that accord or its extras need, directly or by way of others, as it is installed here: name, version,
licence, package URL, and what each needs. Read from the metadata that the packages brought with them.
"""

import json
import sys
from importlib.metadata import PackageNotFoundError, distribution
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

__all__ = ["bill_of_materials", "installed"]


def installed(root: str = "accord") -> dict[str, set[str]]:
    """The packages that `root` and its extras need, as far as they are installed, with the extras asked of each."""
    found: dict[str, set[str]] = {}
    waiting = [(root, set(distribution(root).metadata.get_all("Provides-Extra") or []))]
    while waiting:
        name, extras = waiting.pop()
        if name in found and extras <= found[name]:
            continue
        found[name] = found.get(name, set()) | extras
        waiting += _needs(name, found[name]).items()
    return found


def bill_of_materials(root: str = "accord") -> dict[str, Any]:
    """The document."""
    packages = installed(root)
    names = sorted(packages)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "application", **_component(root)}},
        "components": [{"type": "library", **_component(name)} for name in names if name != root],
        "dependencies": [
            {"ref": _url(name), "dependsOn": [_url(need) for need in sorted(_needs(name, packages[name]))]}
            for name in names
        ],
    }


def _needs(name: str, extras: set[str]) -> dict[str, set[str]]:
    """What a package requires here with some of its extras, by name with theirs, as far as it is installed."""
    found: dict[str, set[str]] = {}
    for each in map(Requirement, distribution(name).requires or []):
        wanted = each.marker is None or any(each.marker.evaluate({"extra": extra}) for extra in {"", *extras})
        need = canonicalize_name(each.name)
        if wanted and need != name and _is_installed(need):
            found[need] = found.get(need, set()) | each.extras
    return found


def _is_installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True


def _component(name: str) -> dict[str, Any]:
    package = distribution(name)
    stated = [text for field in ("License-Expression", "License") for text in package.metadata.get_all(field) or []]
    licence = next(filter(None, stated), "")
    component: dict[str, Any] = {"bom-ref": _url(name), "name": name, "version": package.version}
    if licence and len(licence) < 80:  # some packages put the whole text there
        component["licenses"] = [{"license": {"name": licence}}]
    return {**component, "purl": _url(name)}


def _url(name: str) -> str:
    return f"pkg:pypi/{name}@{distribution(name).version.replace('+', '%2B')}"


if __name__ == "__main__":
    sys.stdout.write(json.dumps(bill_of_materials(), indent=1) + "\n")
