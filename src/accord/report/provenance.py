"""How the run was made: settings, stages, machine, versions, inputs, files."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from accord.artefacts import REPORT, RunReader
from accord.report.optional import goes_of, recipe_of, seconds_of
from accord.report.words import counted, duration, memory, size
from accord.run import Manifest

__all__ = ["File", "Provenance", "flat", "provenance"]

DIGITS = 12  # of a digest, as shown


@dataclass(frozen=True)
class File:
    """An artefact of the run as the manifest knows it."""

    name: str
    size: str
    sha256: str
    stage: str


@dataclass(frozen=True)
class Provenance:
    """Names and values, in the order in which they are shown. `made_by` is other software that trained the run."""

    origin: list[tuple[str, str]]
    stages: list[tuple[str, str]]
    settings: list[tuple[str, str]]
    inputs: list[tuple[str, list[tuple[str, str]]]]
    files: list[File]
    made_by: str = ""


def provenance(reader: RunReader) -> Provenance:
    """From the manifest and the recipe. The page itself is no part of what it lists."""
    manifest = reader.run.manifest
    origin = [("name", manifest.name)]
    if manifest.made_by:
        origin += [("made by", manifest.made_by), ("read", manifest.created)]
    else:
        origin += [("created", manifest.created), ("seed", str(manifest.seed))]
    origin += [("parents", ", ".join(manifest.parents))] if manifest.parents else []
    origin += [(name, counted(value)) for name, value in manifest.machine.items()]
    origin += [(f"version of {name}", value) for name, value in manifest.versions.items()]
    seconds, goes = seconds_of(reader), goes_of(reader)
    stages = [
        (
            name,
            duration(of_stage)
            + _goes(goes[name])
            + _processes(manifest, name)
            + _peak(manifest, name)
            + _maker(manifest, name),
        )
        for name, of_stage in seconds.items()
    ]
    if stages:
        stages.append(("together", duration(sum(seconds.values()))))
    files = [
        File(name, size(entry.bytes), entry.sha256[:DIGITS], entry.stage)
        for name, entry in sorted(manifest.files.items())
        if name != REPORT.path()
    ]
    inputs = [
        (name, [(key, counted(value)) for key, value in entry.to_json().items()])
        for name, entry in manifest.inputs.items()
    ]
    settings = [(key, shown(value)) for key, value in flat(recipe_of(reader))]
    return Provenance(origin, stages, settings, inputs, files, manifest.made_by)


def _processes(manifest: Manifest, stage: str) -> str:
    """How many trained a stage, go after go; nothing where it was one alone."""
    counts = manifest.processes.get(stage)
    return f", by {', then '.join(map(str, counts))} processes" if counts else ""


def _goes(number: int) -> str:
    """How often a stage was begun; nothing where that was once."""
    return "" if number == 1 else f" in {number:,} goes"


def _peak(manifest: Manifest, stage: str) -> str:
    """The most memory that a stage held; nothing where that is not known."""
    entry = manifest.stages.get(stage)
    held = "" if entry is None else memory(entry.memory, entry.gpu_memory)
    return f", {held} of memory at the most" if held else ""


def _maker(manifest: Manifest, stage: str) -> str:
    """Which run made a stage that was taken from another; nothing where it is the run's own."""
    entry = manifest.stages.get(stage)
    return f", taken from run {entry.run[:DIGITS]}" if entry is not None and entry.run else ""


def flat(content: dict[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Nested settings as dotted keys with their values."""
    for key, value in content.items():
        if isinstance(value, dict):
            yield from flat(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value


def shown(value: object) -> str:
    """A setting as it stands in the recipe; text without its quotes."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
