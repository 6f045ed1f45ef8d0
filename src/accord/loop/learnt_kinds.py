"""Of which feedback the stages of a recipe learn, and what is said where there is none, or more than that."""

from collections import Counter
from collections.abc import Iterable

from accord.feedback import LEARNS_FROM, PAIR_KINDS, Dataset, current_feedback
from accord.policy.materials import FROM_PAIRS
from accord.recipe import Data, Recipe
from accord.records import Feedback
from accord.report.words import count

__all__ = ["learnt_kinds", "no_examples", "unlearnt_note"]


def unlearnt_note(recipe: Recipe, feedback: Iterable[Feedback]) -> str | None:
    """The kinds of judgement that nothing in the recipe learns from, with their numbers; None where there are none.

    Who could not judge said nothing that could be learnt: `declined` is left out.
    """
    learnt = learnt_kinds(recipe) | {"declined"}
    kinds = Counter(record.judgement.kind for record in current_feedback(feedback))
    unlearnt = [
        count(number, kind, kind if kind.endswith("s") else "") for kind, number in kinds.items() if kind not in learnt
    ]
    return f"nothing in this recipe learns from {', '.join(unlearnt)}" if unlearnt else None


def learnt_kinds(recipe: Recipe) -> set[str]:
    """The kinds of judgement that some stage of the recipe learns from."""
    from_examples = LEARNS_FROM[recipe.data.supervised]
    learnt: set[str] = set() if recipe.sft is None else set(from_examples)
    learnt |= {kind for reward in recipe.reward_sections.values() for kind in reward.reads}
    needs = frozenset() if recipe.policy is None else recipe.policy.needs
    if needs & FROM_PAIRS:
        learnt |= PAIR_KINDS
    if "examples" in needs:
        learnt |= from_examples
    return learnt


def no_examples(data: Dataset, settings: Data) -> str:
    """That the supervised start has nothing to learn from, and what it could learn from instead."""
    counts = {
        "chosen": sum(not pair.tie for pair in data.pairs["train"]),
        "demonstrations": len(data.demonstrations("train")),
        "corrections": len(data.corrections("train")),
    }
    others = ", ".join(f'"{name}" ({number})' for name, number in counts.items() if number)
    remedy = f"set it to one of {others}" if others else "collect some, or leave the [sft] section out"
    return f'recipe.data.supervised: "{settings.supervised}" gives the supervised start nothing to learn from; {remedy}'
