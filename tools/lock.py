"""Hashes of the packages that constraints.txt pins, as pip's hash-checking mode reads them, on the standard output.

    python tools/lock.py URL_OF_A_PACKAGE_INDEX > requirements.lock

Every file of a pinned version that one of the supported machines may install is named by its SHA-256, so that one lock
serves them all. torch is left out: which of its builds is installed depends on the machine (processor, CUDA), and their
indexes are many; it stays pinned by its version.
"""

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import Version

__all__ = ["lock", "pins"]

ROOT = Path(__file__).parents[1]
BY_MACHINE = frozenset({"torch"})
INTERPRETERS = frozenset({"py3", "cp311", "cp312", "cp313", "cp314"})
PLATFORMS = ("any", "manylinux", "linux_x86_64", "macosx", "win_amd64")
PROCESSORS = ("i686", "ppc64", "s390x", "armv7", "riscv64", "loongarch64")  # that are not among the supported


def pins(constraints: str) -> dict[str, str]:
    """The version of each package that the text of constraints.txt pins, by its canonical name."""
    lines = [line.strip() for line in constraints.splitlines()]
    pairs = [line.partition("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): version for name, _, version in pairs}


def lock(constraints: str, files_of: Callable[[str], Iterable[Mapping[str, Any]]]) -> str:
    """The text of requirements.lock, from an index's files of a package (PEP 691).

    Raises ValueError for a package without a file that could be installed.
    """
    lines = [
        "# Made by tools/lock.py from constraints.txt: python tools/lock.py INDEX > requirements.lock",
        "# All packages but torch, whose build depends on the machine.",
    ]
    for name, version in pins(constraints).items():
        if name in BY_MACHINE:
            continue
        digests = sorted(each["hashes"]["sha256"] for each in files_of(name) if _serves(each["filename"], version))
        if not digests:
            raise ValueError(f"{name}=={version}: the index has no file that could be installed")
        lines.append(" \\\n    ".join([f"{name}=={version}", *(f"--hash=sha256:{digest}" for digest in digests)]))
    return "\n".join(lines) + "\n"


def _files(index: str, name: str) -> list[dict[str, Any]]:
    """What a package index says of a package's files."""
    request = Request(f"{index.rstrip('/')}/{name}/", headers={"Accept": "application/vnd.pypi.simple.v1+json"})
    with urlopen(request) as answer:
        files: list[dict[str, Any]] = json.load(answer)["files"]
    return files


def _serves(filename: str, version: str) -> bool:
    """Whether a file is of this version and can be installed on a supported machine."""
    try:
        if not filename.endswith(".whl"):
            return parse_sdist_filename(filename)[1] == Version(version)
        _, found, _, tags = parse_wheel_filename(filename)
    except (InvalidSdistFilename, InvalidWheelFilename):
        return False
    return found == Version(version) and any(
        (tag.interpreter in INTERPRETERS or (tag.abi == "abi3" and tag.interpreter.startswith("cp3")))
        and not tag.abi.endswith("t")
        and tag.platform.startswith(PLATFORMS)
        and not tag.platform.endswith(PROCESSORS)
        for tag in tags
    )


if __name__ == "__main__":
    sys.stdout.write(lock((ROOT / "constraints.txt").read_text(), partial(_files, sys.argv[1])))
