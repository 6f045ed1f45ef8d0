"""The numbers of each step, told to trackers of others (TensorBoard, Weights & Biases, MLflow, trackio) besides.

What a tracker is told is what stands in the run's own files, which need no tracker. Each stage is a run of its own in
it, below the name of the whole, since each counts its steps from 1. All of them are spoken to through accelerate, which
knows them. One that fails is said to have failed, once, and left alone from then on: it never stops a run.
"""

import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from accord.interfaces import Step
from accord.recipe.toml_text import flat
from accord.run import RunDirectory

if TYPE_CHECKING:
    from accord.recipe import Recipe

__all__ = ["Trackers", "missing_trackers"]

S = TypeVar("S", bound=Step)


def _to_errors(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201 - where no display was given


@dataclass
class Trackers:
    """Who is told of the steps of a run; nobody unless the recipe says so.

    to        the trackers by name
    project   what they file runs under
    folder    where TensorBoard's files go
    name      of the run, told apart from others of its name
    settings  of the recipe, flat
    say       prints a line
    """

    to: tuple[str, ...] = ()
    project: str = "accord"
    folder: Path = Path("tracked")
    name: str = "run"
    settings: Mapping[str, Any] = field(default_factory=dict)
    say: Callable[[str], None] = _to_errors
    _given_up: set[str] = field(default_factory=set, repr=False)
    _open: dict[tuple[str, str], Any] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, recipe: "Recipe", run: RunDirectory, say: Callable[[str], None]) -> Self:
        """Those that a recipe names, for a run."""
        track = recipe.track
        if track is None or not track.to:
            return cls(say=say)
        settings = flat(recipe.model_dump(mode="json", exclude_none=True, exclude={"track"}))
        name = f"{run.manifest.name}-{run.manifest.id[:6]}"
        return cls(tuple(dict.fromkeys(track.to)), track.project, Path(track.folder), name, settings, say)

    def follow(self, steps: Iterable[S], stage: str) -> Iterator[S]:
        """Pass on the steps of a stage, telling each tracker of each; then the stage is ended there too."""
        if not self.to:
            yield from steps
            return
        for step in steps:
            self._tell(stage, numbers_of(step), step.step)
            yield step
        self._end(stage)

    def note(self, stage: str, numbers: Mapping[str, float]) -> None:
        """Numbers that a stage came to at its end."""
        self._tell(stage, numbers, 1)
        self._end(stage)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for stage in dict.fromkeys(stage for _, stage in self._open):
            self._end(stage)

    # -- inside ----------------------------------------------------------------------------------------------

    def _tell(self, stage: str, numbers: Mapping[str, float], step: int) -> None:
        for tracker in self.to:
            self._try(tracker, partial(self._log, tracker, stage, dict(numbers), step))

    def _log(self, tracker: str, stage: str, numbers: dict[str, float], step: int) -> None:
        self._of(tracker, stage, step).log(numbers, step=step)

    def _of(self, tracker: str, stage: str, first: int) -> Any:
        """The tracker's run of a stage, begun where it has not been."""
        if (tracker, stage) not in self._open:
            self._open[tracker, stage] = _begun(self, tracker, stage, first)
        return self._open[tracker, stage]

    def _end(self, stage: str) -> None:
        for tracker in self.to:
            begun = self._open.pop((tracker, stage), None)
            if begun is not None:
                self._try(tracker, begun.finish)

    def _try(self, tracker: str, act: Callable[[], object]) -> None:
        """Do something with a tracker that was not given up; give it up where that fails."""
        if tracker in self._given_up:
            return
        try:
            with warnings.catch_warnings(), redirect_stdout(sys.stderr):  # what it prints is no result of the run
                warnings.simplefilter("ignore")  # of the tracker's own code, about its own ways
                act()
        except Exception as error:  # noqa: BLE001 - of code of others, which must not stop a run
            self._given_up.add(tracker)
            self.say(f"  {tracker} is told no more, the run goes on: {_words(tracker, error)}")


def _words(tracker: str, error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError) and (note := _missing(tracker)):
        return note
    line = " ".join(str(error).split())
    return f"{type(error).__name__}: {line[:300]}"


def numbers_of(step: Step) -> dict[str, float]:
    """The numbers of a step by name, `components/length` for an entry of a column; none that is not finite."""
    metrics = getattr(step, "metrics", None)
    content = {} if metrics is None else metrics.model_dump(mode="json", exclude_none=True)
    return {
        key.replace(".", "/"): float(value)
        for key, value in flat(content).items()
        if isinstance(value, int | float) and not isinstance(value, bool) and key != "step" and isfinite(value)
    }


def _begun(trackers: Trackers, tracker: str, stage: str, first: int) -> Any:
    """A run of a tracker for a stage that goes on with the step `first`; what it had beyond that is written anew."""
    from accelerate import PartialState, tracking

    PartialState()  # which its own logging asks for
    name = f"{trackers.name}/{stage}"
    begun: Any
    if tracker == "tensorboard":
        begun = tracking.TensorBoardTracker(name, logging_dir=trackers.folder, purge_step=first)
    elif tracker == "wandb":
        run = {"name": name, "group": trackers.name, "id": name.replace("/", "-"), "resume": "allow"}
        begun = tracking.WandBTracker(trackers.project, dir=str(trackers.folder), **run)
        trackers.folder.mkdir(parents=True, exist_ok=True)
    elif tracker == "mlflow":
        begun = tracking.MLflowTracker(trackers.project, run_name=name)
    else:
        begun = tracking.TrackioTracker(trackers.project, name=name.replace("/", "-"), resume="allow")
    begun.start()
    if tracker != "tensorboard":  # which would keep them in a run of their own
        begun.store_init_configuration({key: _plain(value) for key, value in trackers.settings.items()})
    return begun


def _plain(value: object) -> object:
    return value if isinstance(value, bool | int | float | str) else str(value)


def missing_trackers(recipe: "Recipe") -> list[str]:
    """A line for each tracker that a recipe names and that is not installed, as `accord check` tells it."""
    named = () if recipe.track is None else tuple(dict.fromkeys(recipe.track.to))
    return [f"recipe.track.to: {note}; the run goes on without it" for name in named if (note := _missing(name))]


def _missing(tracker: str) -> str:
    """That a tracker is not installed, and how it would be; empty where it is there."""
    package = "'accord[tensorboard]'" if tracker == "tensorboard" else tracker
    return "" if find_spec(tracker) is not None else f"{tracker} is not installed here (pip install {package})"
