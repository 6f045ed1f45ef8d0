"""Whether what a recipe names is there: looked at before anything is started."""

from pathlib import Path

from accord.errors import AccordError
from accord.feedback import FORMATS, Ledger
from accord.feedback.store.location import is_url
from accord.lm.settings import ModelSettings
from accord.recipe import Recipe

__all__ = ["problems_of"]


def problems_of(recipe: Recipe) -> list[str]:
    """What stands in the way of running `recipe`, a line each; empty where nothing does."""
    problems = _data_problems(recipe)
    rewards = {
        "reward": recipe.reward,
        **{f"rewards.{name}": settings for name, settings in recipe.rewards.items()},
        "evaluate.judge": None if recipe.evaluate is None else recipe.evaluate.judge,
    }
    for name, reward in rewards.items():
        problems += [f"recipe.{name}.{problem}" for problem in (reward.problems() if reward is not None else ())]
    for name, settings in {"sft": recipe.sft, "policy": recipe.policy, **rewards}.items():
        if not isinstance(settings, ModelSettings) or settings.base is None:
            continue
        path = Path(settings.base)
        if path.is_absolute() and not (path / "config.json").is_file():
            problems.append(f"recipe.{name}.base: no model at {path} (no config.json)")
    return problems


def _data_problems(recipe: Recipe) -> list[str]:
    data = recipe.data
    if data.format is not None:
        if data.format not in FORMATS:
            return [f"recipe.data.format: '{data.format}' is not one of {', '.join(FORMATS)}"]
        if data.source != "packaged" and not Path(str(data.source)).is_file():
            return [f"recipe.data.source: no file {data.source}"]
        return []
    if not is_url(data.ledger) and not Path(data.ledger).is_file():
        return [f"recipe.data.ledger: no ledger at {data.ledger}; import feedback, or name a source"]
    try:
        with Ledger(data.ledger, write=False) as ledger:
            rows = ledger.rows()
    except AccordError as error:
        return [f"recipe.data.ledger: {error}"]
    return [] if rows else [f"recipe.data.ledger: {data.ledger} holds no feedback"]
