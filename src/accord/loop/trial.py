"""A run in little, to foretell the whole: every stage of a recipe with a few of its steps, in a folder that goes away.

It is the run's own code on the run's own data: each stage opens its models, makes its first steps at their true size,
keeps what came of them, and the next stage goes on from that. A ledger is copied first, nobody is told of the steps,
and what judges or programs the recipe names are asked as a run would ask them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

import psutil

from accord.errors import AccordError
from accord.feedback import Ledger, backup, read_data
from accord.feedback.store.location import is_url
from accord.lm.inspection import bytes_of_weights, is_here
from accord.lm.memory import peak_gb, release_memory, reset_peak
from accord.lm.settings import ModelSettings
from accord.loop.courses import Course, CourseDisplay
from accord.loop.drive import drive, start_run
from accord.loop.plan import PlannedStage, plan_of
from accord.loop.stages import stages_of
from accord.recipe import Recipe
from accord.run import RunDirectory

__all__ = ["STEPS", "Trial", "TriedStage", "obstacle", "try_stages"]

STEPS = 3
"""Steps that a stage makes: the first warms up, the others are measured."""
PAIRS = 400
"""Pairs of a trial at most: what is scored apart from steps grows with them, and is foretold from so many."""
PROMPTS = 12
"""Held-out prompts on which a trial evaluates, at most."""
WEIGHT_COPIES = 4.0  # times its weights that a model may need here: gradients, and the two moments of each weight


@dataclass(frozen=True)
class TriedStage:
    """What a stage of a trial took.

    stage     its name
    seconds   in all
    began     when, by the clock of its courses
    courses   its steps, and other things that were counted
    peak_gb   the most memory of the process meanwhile, in GB; None where the system does not tell
    problem   why it could not be tried; the stages after it were not
    """

    stage: str
    seconds: float = 0.0
    began: float = 0.0
    courses: tuple[Course, ...] = ()
    peak_gb: float | None = None
    problem: str = ""


@dataclass(frozen=True)
class Trial:
    """All stages of a trial; what the whole run would do, and how many times as many pairs it has."""

    stages: tuple[TriedStage, ...]
    plan: tuple[PlannedStage, ...] = ()
    ratio: float = 1.0


def obstacle(recipe: Recipe) -> str:
    """Why a recipe cannot be tried here; empty where it can."""
    if is_url(recipe.data.ledger):
        return "its ledger is a database, into which a trial would write"
    sections = {"sft": recipe.sft, "policy": recipe.policy, **recipe.reward_sections}
    for name, settings in sections.items():
        if isinstance(settings, ModelSettings) and settings.base is not None:
            try:
                why = _obstacle_of(settings, settings.base)
            except AccordError as error:
                why = str(error)
            if why:
                return f"recipe.{name}.base: {why}"
    return ""


def _obstacle_of(settings: ModelSettings, base: str) -> str:
    """Why a model cannot be tried; empty where it can. Raises `ModelError` where it cannot be had at all."""
    if not is_here(base, settings.revision):
        return f"{base} must be fetched first"
    system: Any = psutil
    needed, free = WEIGHT_COPIES * bytes_of_weights(base, settings.revision), system.virtual_memory().available
    if settings.resolved_device == "cpu" and needed > free:
        return f"to train {base} may take {needed / 1e9:,.1f} GB, and {free / 1e9:,.1f} GB of memory are free"
    return ""


def try_stages(recipe: Recipe) -> Trial:
    """Try all stages of a recipe of which `obstacle` says nothing; of one with rounds those of its first round.

    A stage that raises what accord raises on purpose ends the trial, and says why.
    """
    with TemporaryDirectory(prefix="accord-trial-") as name:
        folder = Path(name)
        whole = _in_little(recipe, folder)
        stages = list(_tried(whole, folder / "whole", only_data=True))
        if stages[-1].problem:
            return Trial(tuple(stages))
        with RunDirectory.open(folder / "whole", write=False) as run:
            data = read_data(run)
            plan = plan_of(recipe, data)  # read now, since the files go away
            ratio = max(1.0, sum(map(len, data.pairs.values())) / PAIRS)
        if ratio > 1.0:
            cut = whole.model_copy(update={"data": whole.data.model_copy(update={"max_pairs": PAIRS})})
            stages += list(_tried(cut, folder / "cut"))[1:]
        else:
            stages += list(_tried(whole, folder / "whole"))
        return Trial(tuple(stages), tuple(plan), ratio)


def _in_little(recipe: Recipe, folder: Path) -> Recipe:
    """The recipe as it is tried: on a copy of its ledger, once, told to nobody, on few held-out prompts."""
    ledger = folder / "ledger.db"
    if (there := Path(recipe.data.ledger)).is_file():
        with Ledger(there, write=False) as opened:
            backup(opened, ledger)
    changes: dict[str, object] = {
        "data": recipe.data.model_copy(update={"ledger": str(ledger)}),
        "loop": None,
        "track": None,
    }
    if recipe.evaluate is not None:
        most = min(PROMPTS, recipe.evaluate.max_prompts or PROMPTS)
        changes["evaluate"] = recipe.evaluate.model_copy(update={"max_prompts": most})
    return recipe.model_copy(update=changes)


def _tried(recipe: Recipe, folder: Path, *, only_data: bool = False) -> Iterator[TriedStage]:
    """The stages that are not done yet, one after the other."""
    with start_run(recipe, folder, resume=True) as run:
        run.most_steps = STEPS
        for name in ["data"] if only_data else stages_of(recipe):
            if name in run.manifest.stages:
                continue
            display, began = CourseDisplay(), monotonic()
            release_memory()
            known = reset_peak()
            problem = ""
            try:
                drive(recipe, run, display, only=(name,))
            except AccordError as error:
                problem = str(error)
            peak = peak_gb() if known else None
            yield TriedStage(name, monotonic() - began, began, tuple(display.courses), peak, problem)
            if problem:
                return
