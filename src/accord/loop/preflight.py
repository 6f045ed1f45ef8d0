"""Whether what a recipe names is there, and what it leaves unused: looked at before anything is started."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from accord.errors import AccordError
from accord.feedback import FORMATS, LEARNS_FROM, PAIR_KINDS, Ledger, Selection, current_feedback
from accord.feedback.store.location import is_url
from accord.lm.settings import ModelSettings
from accord.policy.materials import Material
from accord.recipe import Recipe
from accord.records import Feedback
from accord.report.words import count
from accord.reward.settings import RewardSettings

__all__ = ["notes_of", "problems_of", "unlearnt_note"]

FROM_PAIRS: frozenset[Material] = frozenset({"pairs", "compared", "preferred"})


def problems_of(recipe: Recipe) -> list[str]:
    """What stands in the way of running `recipe`, a line each; empty where nothing does."""
    problems = _data_problems(recipe)
    rewards = _rewards(recipe)
    for name, reward in rewards.items():
        problems += [f"recipe.{name}.{problem}" for problem in reward.problems()]
    for name, settings in {"sft": recipe.sft, "policy": recipe.policy, **rewards}.items():
        if not isinstance(settings, ModelSettings) or settings.base is None:
            continue
        path = Path(settings.base)
        if path.is_absolute() and not (path / "config.json").is_file():
            problems.append(f"recipe.{name}.base: no model at {path} (no config.json)")
    return problems


def notes_of(recipe: Recipe) -> list[str]:
    """What of its feedback the recipe leaves unused, a line each; what a `source` holds is only said by the run."""
    data = recipe.data
    if data.format is not None:
        return []
    with Ledger(data.ledger, write=False) as ledger:
        note = unlearnt_note(recipe, data.selection.of(list(ledger.feedback()), ledger.evaluators()))
    return [note] if note else []


def unlearnt_note(recipe: Recipe, feedback: Iterable[Feedback]) -> str | None:
    """The kinds of judgement that nothing in the recipe learns from, with their numbers; None where there are none.

    Who could not judge said nothing that could be learnt: `declined` is left out.
    """
    learnt = _learnt_kinds(recipe) | {"declined"}
    kinds = Counter(record.judgement.kind for record in current_feedback(feedback))
    unlearnt = [
        count(number, kind, kind if kind.endswith("s") else "") for kind, number in kinds.items() if kind not in learnt
    ]
    return f"nothing in this recipe learns from {', '.join(unlearnt)}" if unlearnt else None


def _learnt_kinds(recipe: Recipe) -> set[str]:
    """The kinds of judgement that some stage of the recipe learns from."""
    from_examples = LEARNS_FROM[recipe.data.supervised]
    learnt: set[str] = set() if recipe.sft is None else set(from_examples)
    learnt |= {kind for reward in _rewards(recipe).values() for kind in reward.learns_from}
    needs = frozenset() if recipe.policy is None else recipe.policy.needs
    if needs & FROM_PAIRS:
        learnt |= PAIR_KINDS
    if "examples" in needs:
        learnt |= from_examples
    return learnt


def _rewards(recipe: Recipe) -> dict[str, RewardSettings]:
    """The rewards of a recipe, by their sections."""
    sections = {"reward": recipe.reward, **{f"rewards.{name}": reward for name, reward in recipe.rewards.items()}}
    sections |= {"evaluate.judge": None if recipe.evaluate is None else recipe.evaluate.judge}
    return {name: reward for name, reward in sections.items() if reward is not None}


def _data_problems(recipe: Recipe) -> list[str]:
    data = recipe.data
    if data.format is not None:
        if data.format not in FORMATS:
            return [f"recipe.data.format: '{data.format}' is not one of {', '.join(FORMATS.names)}"]
        if data.source != "packaged" and not Path(str(data.source)).is_file():
            return [f"recipe.data.source: no file {data.source}"]
        return []
    if not is_url(data.ledger) and not Path(data.ledger).is_file():
        return [f"recipe.data.ledger: no ledger at {data.ledger}; import feedback, or name a source"]
    try:
        with Ledger(data.ledger, write=False) as ledger:
            if not ledger.rows():
                return [f"recipe.data.ledger: {data.ledger} holds no feedback"]
            if data.selection != Selection():
                data.selection.of(list(ledger.feedback()), ledger.evaluators())
    except AccordError as error:
        return [str(error) if str(error).startswith("recipe.") else f"recipe.data.ledger: {error}"]
    return []
