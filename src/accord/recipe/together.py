"""What sections of a recipe need of one another, and what no single field can know."""

from accord.errors import RecipeError
from accord.feedback.trust.dataset_weights import check_population
from accord.lm.settings import ModelSettings
from accord.recipe.rounds import Loop
from accord.recipe.sections import Evaluate, Recipe
from accord.recipe.synchronous import Synchronous
from accord.reward.combine import MAIN

__all__ = ["check_together"]


def check_together(recipe: Recipe) -> None:
    """What no single field can know. Raises `RecipeError` that names the key."""
    total = recipe.data.train + recipe.data.eval_reward + recipe.data.held_out
    if abs(total - 1) > 1e-6:
        raise RecipeError(f"recipe.data: train, eval_reward and held_out sum to {total:g}; make them sum to 1")
    if recipe.data.raking and not recipe.data.population:
        raise RecipeError("recipe.data.population: missing; raking needs shares, [data.population.ATTRIBUTE]")
    check_population(recipe.data.population)
    if (recipe.data.source is None) != (recipe.data.format is None):
        raise RecipeError("recipe.data: source and format go together; give both or neither")
    judged = recipe.policy is not None and "judge" in recipe.policy.needs
    if recipe.policy is not None and judged and recipe.reward is None and not recipe.rewards:
        raise RecipeError(f"recipe.policy: {recipe.policy.kind} needs a judge to learn from; add a [reward] section")
    if "length" in recipe.rewards:
        raise RecipeError("recipe.rewards.length: every score has its length in tokens by this name; choose another")
    if recipe.evaluate is not None:
        _check_judges(recipe.evaluate)
    if recipe.combine is not None:
        if recipe.combine.normalise != "none" and any(part.asks_people for part in recipe.reward_sections.values()):
            raise RecipeError('recipe.combine.normalise: people are not asked to set a scale by; take "none"')
        if recipe.reward is not None and MAIN in recipe.rewards:
            raise RecipeError(f"recipe.rewards.{MAIN}: [reward] is called so in [combine]; choose another name")
        recipe.combine.check(recipe.parts)
    _check_stages(recipe)


def _check_stages(recipe: Recipe) -> None:
    """How rewards and policy go on, and from what."""
    if recipe.loop is not None or recipe.round is not None:
        _check_rounds(recipe)
    if recipe.synchronous is not None:
        _check_synchronous(recipe, recipe.synchronous)
    if recipe.policy is not None and recipe.policy.base is None and recipe.sft is None:
        raise RecipeError("recipe.policy.base: missing; name a model, or add an [sft] section")


def _check_judges(evaluate: Evaluate) -> None:
    """Raises `RecipeError` where people are to judge, who are asked for what the policy learns from alone."""
    for name, judge in {"evaluate.judge": evaluate.judge, **evaluate.further}.items():
        if judge.asks_people:
            raise RecipeError(f"recipe.{name}: people are asked for what the policy learns from alone; take a model")


def _check_rounds(recipe: Recipe) -> None:
    """What rounds need of the rest of a recipe."""
    if recipe.loop is not None and recipe.round is not None:
        raise RecipeError(
            "recipe.round: stands in the recipes of the rounds, which [loop] makes; leave one of them out"
        )
    if recipe.policy is None:
        raise RecipeError("recipe.loop: rounds go on with a policy, and there is none; add a [policy] section")
    if recipe.data.split_by != "prompt":
        raise RecipeError(
            f'recipe.data.split_by: "{recipe.data.split_by}" divides what later rounds add anew, so that what was '
            'learnt from could be held out; with [loop] take "prompt"'
        )
    rounds = recipe.loop or recipe.round
    if rounds is not None and rounds.ask == "rule" and recipe.reward is None and not recipe.rewards:
        raise RecipeError('recipe.loop.ask: the rule tests a reward, and there is none; take "every"')
    if rounds is not None and rounds.ask == "rule" and any(r.asks_people for r in recipe.reward_sections.values()):
        raise RecipeError('recipe.loop.ask: the rule tests what a reward foretells, and people are asked; take "every"')
    if recipe.loop is not None and recipe.loop.stop_at_peak and not (recipe.evaluate and recipe.evaluate.judged):
        raise RecipeError(
            "recipe.loop.stop_at_peak: the peak is that of an independent judge's scores, and there is none; add "
            "[evaluate.judge]"
        )
    if recipe.policy.reference_model is not None and recipe.loop is not None:
        raise RecipeError("recipe.policy.reference_model: [loop] sets it by `reference`; leave it out")
    if recipe.loop is not None and recipe.loop.optimiser == "continue":
        _check_moments(recipe, recipe.loop)


def _check_moments(recipe: Recipe, loop: Loop) -> None:
    """Whether the optimisers of a round can go on where those of the round before ended."""
    if loop.policy == "restart" and loop.reward == "anew":
        raise RecipeError('recipe.loop.optimiser: nothing goes on whose moments could; take "anew"')
    going_on: dict[str, object] = {"policy": recipe.policy if loop.policy == "continue" else None}
    if loop.reward != "anew":
        going_on |= {name: reward for name, reward in recipe.reward_sections.items() if name != "evaluate.judge"}
    for name, settings in going_on.items():
        if isinstance(settings, ModelSettings) and settings.lora is not None:
            raise RecipeError(
                f"recipe.{name}.lora: adapters begin anew in each round, and moments are not theirs; leave lora "
                'out, or set loop.optimiser = "anew"'
            )


def _check_synchronous(recipe: Recipe, settings: Synchronous) -> None:
    """What a reward that goes on while the policy learns needs of the rest of a recipe."""
    if problem := settings.problem_with(recipe.policy, recipe.reward):
        raise RecipeError(f"recipe.{problem}")
    if recipe.combine is not None:
        raise RecipeError(
            "recipe.combine: its scales are measured before the policy learns, and [synchronous] moves the reward "
            "meanwhile; leave one of them out, or add [rewards.NAME] without [combine]"
        )
    if recipe.data.split_by != "prompt":
        raise RecipeError(
            f'recipe.data.split_by: "{recipe.data.split_by}" divides what [synchronous] adds anew, so that what was '
            'learnt from could be held out; take "prompt"'
        )
    if recipe.checkpoints.best_by == "reward":
        raise RecipeError(
            'recipe.checkpoints.best_by: steps are scored by different versions of the reward; take "eval_reward"'
        )
    rounds = recipe.loop or recipe.round
    if rounds is not None and rounds.reward == "window" and (rounds.ask != "every" or rounds.every > 1):
        raise RecipeError(
            'recipe.loop.reward: "window" learns from what a round asked, and with [synchronous] each learns; take '
            '"accumulate", or ask in every round'
        )
    if rounds is not None and settings.budget > rounds.budget:
        raise RecipeError(
            f"recipe.synchronous.budget: {settings.budget:,} is more than the {rounds.budget:,} answers of [loop]; "
            "lower it"
        )
