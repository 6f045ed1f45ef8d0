"""What is installed beside accord, as a bill of materials: CycloneDX 1.6 in JSON, on the standard output.

    python tools/sbom.py > sbom.json

Everything that accord or its extras need, directly or by way of others, as it is installed here: name, version, licence,
package URL, and what each needs. Read from the metadata that the packages brought with them; nothing is fetched.
"""

import json
import re
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

__all__ = ["bill_of_materials", "installed"]


def installed(root: str = "accord") -> dict[str, Distribution]:
    """The packages that `root` and its extras need, by name, as far as they are installed; with `root` itself."""
    found: dict[str, Distribution] = {}
    waiting = [root]
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name in found:
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            continue  # an extra that is not installed here
        waiting += _needs(found[name])
    return found


def bill_of_materials(root: str = "accord") -> dict[str, Any]:
    """The document."""
    packages = installed(root)
    own = packages.pop(root)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "application", **_component(root, own)}},
        "components": [{"type": "library", **_component(name, packages[name])} for name in sorted(packages)],
        "dependencies": [
            {"ref": _url(name, each), "dependsOn": sorted(_url(need, packages[need]) for need in _present(each, packages))}
            for name, each in sorted({root: own, **packages}.items())
        ],
    }


def _needs(package: Distribution) -> list[str]:
    """What a package requires here, and in any of its extras."""
    extras = ["", *(package.metadata.get_all("Provides-Extra") or [])]
    requirements = [Requirement(text) for text in package.requires or []]
    return [
        each.name
        for each in requirements
        if each.marker is None or any(each.marker.evaluate({"extra": extra}) for extra in extras)
    ]


def _present(package: Distribution, packages: dict[str, Distribution]) -> set[str]:
    return {canonicalize_name(name) for name in _needs(package)} & packages.keys()


def _component(name: str, package: Distribution) -> dict[str, Any]:
    licence = package.metadata.get("License-Expression") or package.metadata.get("License") or ""
    component: dict[str, Any] = {"bom-ref": _url(name, package), "name": name, "version": package.version}
    if licence and len(licence) < 80:  # some packages put the whole text there
        component["licenses"] = [{"license": {"name": licence}}]
    return {**component, "purl": _url(name, package)}


def _url(name: str, package: Distribution) -> str:
    return f"pkg:pypi/{re.sub(r'[-_.]+', '-', name).lower()}@{package.version.replace('+', '%2B')}"


if __name__ == "__main__":
    sys.stdout.write(json.dumps(bill_of_materials(), indent=1) + "\n")
