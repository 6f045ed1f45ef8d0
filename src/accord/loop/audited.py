"""Whatever `accord audit` is asked about, as a run that can be examined: one of accord, another tool's, or a ledger."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from accord.artefacts import MODEL, result_of
from accord.audit.evidence import Elsewhere
from accord.errors import ArtefactError, RecipeError, storage
from accord.extras import TRAIN, lacking
from accord.foreign.ledgers import ledger_at, write_ledger
from accord.foreign.recognition import recognise
from accord.foreign.registry import Tool
from accord.foreign.settings import ReadingSettings
from accord.interfaces import Judge
from accord.run import MANIFEST, RunDirectory

__all__ = ["Audited", "audited_run"]

ACCORD = "accord"


@dataclass(frozen=True)
class Audited:
    """A run that is open.

    made_by    the software that made it: `accord`, `ledger`, or a name in `accord.foreign.TOOLS`
    notes      what was read of another tool's files, and what was left out, a sentence each
    elsewhere  what the audit is told of such a run
    judges     models of it that can be asked for a score
    """

    run: RunDirectory
    made_by: str = ACCORD
    notes: tuple[str, ...] = ()
    elsewhere: Elsewhere = field(default_factory=Elsewhere)
    judges: Mapping[str, Judge] = field(default_factory=dict)

    @property
    def is_of_accord(self) -> bool:
        """Whether accord made it."""
        return self.made_by == ACCORD


@contextmanager
def audited_run(
    location: str, *, made_by: str | None = None, out: Path | None = None, write: bool, reading: ReadingSettings
) -> Iterator[Audited]:
    """The run at a location. What is none of accord's is read into a new one at `out`, or into one that goes again.

    Raises `ArtefactError` where nothing is recognised, or not what `made_by` says; `RecipeError` where what is asked
    for does not go with it; and what reading it raises.
    """
    ledger = ledger_at(location)
    if ledger is None and _is_of_accord(Path(location), made_by):
        if out is not None or reading != ReadingSettings():
            raise RecipeError(
                f"{location} is a run of accord, which is read as it stands: leave out --out, --judge, --preferences "
                "and --held-out"
            )
        with RunDirectory.open(result_of(Path(location)), write=write) as run:
            yield Audited(run)
        return
    if ledger is not None and (made_by not in {None, ACCORD} or reading != ReadingSettings()):
        raise RecipeError(f"{location} is a ledger: leave out --from, --judge, --preferences and --held-out")
    tool = None if ledger is not None else recognise(_folder(location), made_by)
    with _new_run(out) as run:
        yield _of_ledger(run, location) if tool is None else _of_tool(run, Path(location), tool, reading)


def _is_of_accord(path: Path, made_by: str | None) -> bool:
    """Whether the run is accord's own, by its manifest; by what was said where it has none."""
    with storage(path):
        has_manifest = (path / MANIFEST).is_file()
    return made_by == ACCORD or (made_by is None and has_manifest)


def _folder(location: str) -> Path:
    path = Path(location)
    with storage(path):
        if path.is_file():
            raise ArtefactError(f"{path}: neither the folder of a run nor a ledger")
    return path


@contextmanager
def _new_run(out: Path | None) -> Iterator[RunDirectory]:
    """A run that stays at `out` unless the block fails; without it one that goes at the end of the block."""
    if out is not None:
        with RunDirectory.create(out) as run:
            try:
                yield run
            except BaseException:
                shutil.rmtree(out, ignore_errors=True)  # so that the same can be asked again
                raise
        return
    with TemporaryDirectory(prefix="accord-audit-") as folder, RunDirectory.create(Path(folder) / "run") as run:
        yield run


def _of_ledger(run: RunDirectory, location: str) -> Audited:
    return Audited(run, "ledger", (write_ledger(run, location),))


def _of_tool(run: RunDirectory, folder: Path, tool: Tool, reading: ReadingSettings) -> Audited:
    gathered = tool.read(folder, reading)
    files = {"train": reading.preferences, "held_out": reading.held_out}
    gathered.preferences = {split: path for split, path in files.items() if path is not None}
    gathered.write(run)
    run.record_maker(tool.title)
    models = {name: path.resolve() for name, path in gathered.models.items()}
    judges: dict[str, Judge] = {}
    if (model := models.get(MODEL.path("reward"))) is not None:
        judge, said = _asked_reward(run, model, reading.held_out)
        judges |= {} if judge is None else {"reward": judge}
        gathered.note(said)
    return Audited(run, tool.name, tuple(gathered.notes), Elsewhere(models, tool.words), judges)


def _asked_reward(run: RunDirectory, model: Path, held_out: Path | None) -> tuple[Judge | None, str]:
    if closed := lacking(TRAIN):
        return None, f"The reward model was not asked: it takes {closed}."
    from accord.loop.foreign_reward import asked_reward

    return asked_reward(run, model, held_out)
