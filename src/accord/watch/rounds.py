"""A folder that is watched: a run, and its rounds, which are runs below it or prefixes of its own stages.

    RUN/rounds/01/manifest.json        a round that is a run of its own
    rounds/01/policy in a manifest     a round whose stages stand below a prefix

The newest round is the one that is opened where nobody asks for another.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from accord.errors import ArtefactError, nearest, storage
from accord.run import MANIFEST
from accord.watch.live_run import LiveRun
from accord.watch.snapshot import Snapshot

__all__ = ["ROUNDS", "Place", "Watched", "natural_order"]

ROUNDS = "rounds"
"""The folder of a run that its rounds are in."""


@dataclass(frozen=True)
class Place:
    """What can be looked at: the run itself (`name` is empty), or one of its rounds.

    folder  of the run that it is in
    prefix  of its stages there
    """

    name: str
    folder: Path
    prefix: str = ""

    @property
    def words(self) -> str:
        """As it is shown."""
        return self.name or "the whole run"


class Watched:
    """A folder with a run, or with rounds, looked at again and again.

    `prefix` narrows it to what stands below: `rounds/03` of a run whose stages have prefixes. Raises `ArtefactError`
    where there is neither a run nor a round.
    """

    def __init__(self, folder: Path, prefix: str = "") -> None:
        self.folder, self.prefix = folder, prefix
        self._runs: dict[Path, LiveRun] = {}
        if not self.places():
            below = f" with stages below {self.prefix}/" if self.prefix else ""
            raise ArtefactError(
                f"{self.folder}: there is no run here{below} (no {MANIFEST}, and no {ROUNDS}/01/{MANIFEST}); name the "
                "folder of a run"
            )

    def places(self) -> list[Place]:
        """The run itself and its rounds, the newest last; of a folder that only holds rounds, those alone."""
        found: list[Place] = []
        if _is_file(self.folder / MANIFEST):
            prefixes = [each for each in self.run(self.folder).prefixes() if _below(each, self.prefix)]
            if not self.prefix:
                found = [Place("", self.folder)]
                prefixes = [each for each in prefixes if each]
            found += [Place(each, self.folder, each) for each in sorted(prefixes, key=natural_order)]
        if not self.prefix:
            own = {place.name for place in found}
            found += [place for place in _round_folders(self.folder) if place.name not in own]
        return found

    def place(self, name: str | None = None) -> Place:
        """The place of a name; without one the newest round, or the run where there is none.

        Raises `ArtefactError` for a name that is none of them.
        """
        places = self.places()
        if not places:
            raise ArtefactError(f"{self.folder}: the run is not there any more; name the folder that it was moved to")
        if name is None:
            return places[-1]
        found = next((place for place in places if place.name == name), None)
        if found is None:
            raise ArtefactError(f"{self.folder}: no round '{name}'{nearest(name, [place.name for place in places])}")
        return found

    def run(self, folder: Path) -> LiveRun:
        """The run in a folder; the same one each time, so that only what has come since is read."""
        return self._runs.setdefault(folder, LiveRun(folder))

    def look(self, place: Place, *, whole: bool = True) -> Snapshot:
        """A place as it is now; not `whole`, with the newest of its steps alone and without samples."""
        return self.run(place.folder).look(place.prefix, whole=whole)


def natural_order(name: str) -> list[tuple[int, int, str]]:
    """The key by which `round 9` comes before `round 10`."""
    parts: list[str] = re.split(r"(\d+)", name)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part]


def _below(prefix: str, wanted: str) -> bool:
    return not wanted or prefix == wanted or prefix.startswith(f"{wanted}/")


def _round_folders(folder: Path) -> list[Place]:
    rounds = folder / ROUNDS
    with storage(rounds):
        try:
            names = sorted((path.name for path in rounds.iterdir() if _is_file(path / MANIFEST)), key=natural_order)
        except (FileNotFoundError, NotADirectoryError):
            return []
    return [Place(f"{ROUNDS}/{name}", rounds / name) for name in names]


def _is_file(path: Path) -> bool:
    with storage(path):
        return path.is_file()
