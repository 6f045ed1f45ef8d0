"""All runs below a folder: what each does, its newest number, what it waits for, when it was last active, its size."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accord.errors import AccordError, ArtefactError, StorageError, storage
from accord.report.words import clean, interval
from accord.run import LOCK, MANIFEST
from accord.watch.rounds import ROUNDS, Watched, natural_order
from accord.watch.view import RunView, view_of

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["ListedRun", "list_runs", "render_runs", "size_words"]


@dataclass(frozen=True)
class ListedRun:
    """A run of the list.

    name      its folder below the one that was asked about
    state     what it does: `running`, `waits`, `stopped`, `ended`, `empty` or `damaged`; `words` say why
    stage     the stage, or the round and its stage, that this is about
    number    the newest number that says most: reward, win rate, accuracy or loss
    active    when a file of it last changed
    size      bytes that its files take on the disk, each counted once; those of its rounds among them
    """

    name: str
    state: str
    words: str
    stage: str
    step: int | None
    total: int | None
    number: str
    active: datetime | None
    size: int

    def to_json(self) -> dict[str, Any]:
        """As the verb prints it."""
        return {**vars(self), "active": None if self.active is None else self.active.isoformat(timespec="seconds")}


def list_runs(folder: Path) -> list[ListedRun]:
    """The runs below a folder, the one that was active last first.

    Folders of a run are not looked into, but for its rounds, which are a part of it. Raises `ArtefactError` where there
    is no such folder, `StorageError` where it cannot be read.
    """
    with storage(folder):
        if not folder.is_dir():
            raise ArtefactError(f"{folder}: there is no such folder; name the one that your runs are in")
    found = [_listed(folder, path) for path in sorted(_runs_below(folder))]
    return sorted(found, key=lambda run: (-(run.active.timestamp() if run.active else 0.0), natural_order(run.name)))


def _runs_below(folder: Path) -> Iterator[Path]:
    """The folders that hold a manifest, or rounds that do; symbolic links are not followed."""
    with storage(folder):
        if (folder / MANIFEST).is_file() or any(folder.glob(f"{ROUNDS}/*/{MANIFEST}")):
            yield folder
            return
        below = [path for path in folder.iterdir() if path.is_dir() and not path.is_symlink()]
    for path in below:
        if path.name.startswith("."):
            continue
        try:
            yield from list(_runs_below(path))
        except StorageError:
            yield path  # whose line says why


def _listed(folder: Path, path: Path) -> ListedRun:
    name = str(path.relative_to(folder)) if path != folder else str(folder)
    size, active = _weight(path)
    try:
        view = view_of(Watched(path), whole=False)
    except AccordError as error:  # gone meanwhile, or a folder that cannot be read
        return ListedRun(name, "damaged", clean(str(error)), "", None, None, "", active, size)
    stage = " ".join(filter(None, (view.place.name, view.state.stage)))
    row = next((row for row in view.stages if row.name == view.state.stage), None)
    return ListedRun(
        name=name,
        state=view.state.kind,
        words=clean(view.state.words),
        stage=stage,
        step=None if row is None else row.step,
        total=None if row is None else row.total,
        number=_number(view),
        active=active,
        size=size,
    )


def _number(view: RunView) -> str:
    """The newest number that says most of a run."""
    evaluation = view.snapshot.evaluation
    if evaluation is not None and (win_rate := evaluation.win_rate or evaluation.win_rate_reward) is not None:
        return f"win rate {interval(win_rate, 2)}"
    for training in view.training:
        forms = (("reward", "reward {:.3f}"), ("accuracy", "accuracy {:.2f}"), ("loss", "loss {:.3f}"))
        known = [form.format(value) for key, form in forms if (value := training.newest(key)) is not None][:1]
        if known and (kl := training.newest("kl")) is not None:
            known.append(f"KL {kl:.2f}")
        if known:
            return ", ".join(known)
    return ""


def _weight(path: Path) -> tuple[int, datetime | None]:
    """Bytes on the disk and the newest change; what a run deletes meanwhile is passed over."""
    size, newest, seen = 0, 0.0, set[tuple[int, int]]()
    for state, name in _states(path):
        if (state.st_dev, state.st_ino) in seen:
            continue
        seen.add((state.st_dev, state.st_ino))
        size += state.st_blocks * 512
        if name != LOCK:
            newest = max(newest, state.st_mtime)
    return size, datetime.fromtimestamp(newest, UTC) if newest else None


def _states(path: Path) -> Iterator[tuple[os.stat_result, str]]:
    for folder, _, files in os.walk(path):
        for name in files:
            try:
                yield os.lstat(os.path.join(folder, name)), name
            except FileNotFoundError:
                continue


def size_words(size: int) -> str:
    """`1.2 GB`."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} B"


def render_runs(runs: Sequence[ListedRun]) -> "RenderableType":
    """The list as a table, and a line of why for each run that is neither worked on nor ended."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("run", "state", "stage", "step", "newest number", "last active (UTC)", "size"):
        table.add_column(name, justify="right" if name in {"step", "size"} else "left")
    for run in runs:
        step = "" if run.step is None else f"{run.step:,}" + ("" if run.total is None else f"/{run.total:,}")
        active = "" if run.active is None else f"{run.active:%Y-%m-%d %H:%M}"
        row = (run.state, Text(clean(run.stage)), step, run.number, active, size_words(run.size))
        table.add_row(Text(clean(run.name)), *row)
    why = [Text(f"{clean(run.name)}: {run.words}", "dim") for run in runs if run.state not in {"running", "ended"}]
    return Group(table, *why)
