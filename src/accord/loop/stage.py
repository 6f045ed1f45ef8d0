"""A stage of a run: what it needs, which settings its outcome depends on, and the function that does it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from accord.artefacts import RunReader
from accord.errors import ModelError
from accord.interfaces import Step
from accord.lm.out_of_memory import is_out_of_memory, memory_lacked
from accord.lm.paths import telling_paths
from accord.loop.progress import ProgressDisplay
from accord.loop.tracking import Trackers
from accord.recipe import Recipe
from accord.run import RunDirectory

__all__ = ["Context", "Stage", "in_run", "perform"]

S = TypeVar("S", bound=Step)


def in_run(recipe: Recipe, run: RunDirectory) -> Recipe:
    """A recipe with what is the same for every model of a run: its today, and whether texts too long are cut.

    Today stays the day on which the run was begun, so that a chat template writes the same after midnight.
    """
    begun = datetime.fromisoformat(run.manifest.created).date()
    return recipe.with_models(template_date=begun, cut_to_context=recipe.data.too_long == "cut")


@dataclass(frozen=True)
class Context:
    """What a stage works with.

    recipe     the settings of the run
    run        its folder
    progress   what a person sees meanwhile
    stage      the full name of the stage, which names its files: `policy`, `rewards/helpful`, `rounds/03/policy`
    prefix     what stands before the names of all stages that belong together: `rounds/03`
    trackers   who is told of each step besides

    A stage reads what other stages left below the same prefix, and writes below its own name.
    """

    recipe: Recipe
    run: RunDirectory
    progress: ProgressDisplay = field(default_factory=lambda: ProgressDisplay(quiet=True))
    stage: str = ""
    prefix: str = ""
    trackers: Trackers = field(default_factory=Trackers)

    def steps(self, steps: Iterable[S]) -> Iterator[S]:
        """Pass on the steps of this stage's training loop, shown and told to whoever tracks them."""
        return self.trackers.follow(self.progress.steps(steps, self.stage), self.stage)

    def beside(self, name: str) -> str:
        """The full name of another stage below the same prefix."""
        return f"{self.prefix}/{name}" if self.prefix else name

    @property
    def reader(self) -> RunReader:
        """What the stages before this one left."""
        return RunReader.of(self.run, prefix=self.prefix)


@dataclass(frozen=True)
class Stage:
    """A stage, which a recipe asks for by having its section.

    name       its name below any prefix
    needs      the stages whose files it reads, where the recipe has them
    section    what of the recipe it is set by (`evaluate.judge`); "" for a stage without settings. A section of named
               parts, such as `rewards`, makes a stage of each: `rewards/helpful`
    perform    does it, and writes its files below the name that the context gives
    asked_by   what else a recipe must have
    beside     other sections by which it is set, where the recipe has them
    """

    name: str
    needs: tuple[str, ...]
    section: str
    perform: Callable[[Context], None]
    asked_by: Callable[[Recipe], bool] = lambda recipe: True
    beside: tuple[str, ...] = ()

    def sections(self, recipe: Recipe) -> dict[str, str]:
        """The section of each stage that the recipe makes of it, by the stage's name; empty where it asks for none."""
        settings = _part(recipe, self.section)
        if settings is None or not self.asked_by(recipe):
            return {}
        if isinstance(settings, Mapping):
            return {f"{self.name}/{name}": f"{self.section}.{name}" for name in settings}
        return {self.name: self.section}


def _part(recipe: Recipe, section: str) -> Any:
    """The settings of a section, None where the recipe does not have it."""
    settings: Any = recipe
    for name in filter(None, section.split(".")):
        settings = getattr(settings, name, None)
    return settings


def perform(stage: Stage, context: Context) -> None:
    """Do a stage. Raises what it raises; where memory was not enough, `ModelError` with what to lower."""
    try:
        with telling_paths(context.progress.say):
            stage.perform(context)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        settings = _part(context.recipe, stage.section) if stage.section else None
        raise ModelError(f"{context.stage}: {memory_lacked(error, settings)}") from error
