"""Runs whose evaluation is there, without a model: texts of two arms on held-out prompts, and a recipe."""

from pathlib import Path

from accord.artefacts import EVALUATION_SAMPLES, RECIPE, EvaluationSample
from accord.feedback import write_data
from accord.loop.progress import ProgressDisplay
from accord.loop.stage import Context
from accord.loop.stages import stages_of
from accord.recipe import Recipe, dump, parse
from accord.run import RunDirectory
from small_data import letters_dataset

__all__ = ["START", "evaluated_run", "perform", "recipe_with"]

START = '[policy]\nkind = "ppo"\nbase = "tiny"\n[reward]\nkind = "length"\ntarget = 3\n'


def recipe_with(sections: str, before: str = START) -> Recipe:
    """A small recipe with further sections."""
    return parse(before + sections)


def evaluated_run(path: Path, recipe: Recipe, texts: dict[str, list[list[str]]]) -> RunDirectory:
    """A run whose arms wrote `texts`: by arm a list for each held-out prompt."""
    run = RunDirectory.create(path)
    data = letters_dataset(prompts=30)
    write_data(run, data)
    RECIPE.write(run, dump(recipe))
    prompts = [name for name, split in data.split_of.items() if split == "held_out"]
    rows = [
        EvaluationSample(arm=arm, index=0, prompt=prompt, text=text)
        for arm in ("start", "policy")
        for prompt, several in zip(prompts, texts[arm], strict=False)
        for text in several
    ]
    numbered = [row.model_copy(update={"index": place}) for place, row in enumerate(rows)]
    EVALUATION_SAMPLES.write(run, numbered, stage="evaluate")
    return run


def perform(run: RunDirectory, recipe: Recipe, *names: str) -> None:
    """The stages of these names."""
    stages = stages_of(recipe)
    for name in names:
        stages[name].perform(Context(recipe, run, ProgressDisplay(quiet=True), stage=name))
