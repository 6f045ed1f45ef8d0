"""What a run would do, stage by stage: with how many examples, in how many steps; and what it would have nothing for.

Numbers are those of the run itself: its data set is drawn in memory as the first stage draws it.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

from accord.deferred import deferred
from accord.errors import AccordError
from accord.feedback import PAIR_KINDS, Dataset
from accord.recipe.rounds import Loop
from accord.reward.observations import completions_of, group_observations, plan_steps
from accord.train import planned_draws, seed_of_stage

with deferred():
    from accord.audit import CHECKS
    from accord.loop.learnt_kinds import no_examples
    from accord.loop.stages import stages_of
    from accord.policy.materials import Materials
    from accord.policy.online import Online
    from accord.policy.pairwise import Pairwise
    from accord.policy.settings import PolicySettings
    from accord.policy.sft import SFT
    from accord.policy.supervised import Supervised
    from accord.recipe import Recipe
    from accord.recipe.synchronous import Synchronous
    from accord.report.words import count
    from accord.reward.learnt import LearntReward
    from accord.reward.settings import RewardSettings

__all__ = ["PlannedStage", "plan_of"]

READ_AT_ONCE = PAIR_KINDS | {"label"}
"""Judgements that are read without a model or a word list, so that they can be counted beforehand."""


@dataclass(frozen=True)
class PlannedStage:
    """A stage of a run that is still to be begun.

    stage     its name
    does      what it does, in words
    examples  how many things it learns from or asks about, None where that is known only when it has begun
    steps     how many steps it trains; None where it trains none, or that is known only then
    lacks     why it would stop the run; empty where nothing is known to
    """

    stage: str
    does: str
    examples: int | None = None
    steps: int | None = None
    lacks: str = ""


def plan_of(recipe: Recipe, data: Dataset | None) -> list[PlannedStage]:
    """The stages of a recipe in order; `data` is what its first stage draws, None where that is not known yet."""
    stages = [_planned(name, recipe, data) for name in stages_of(recipe)]
    return stages if recipe.loop is None else [*stages, _rounds(recipe.loop)]


def _rounds(loop: Loop) -> PlannedStage:
    """What is done after the first round, which the other stages are."""
    more = count(loop.rounds - 1, "further round")
    if loop.ask == "never":
        return PlannedStage("rounds", f"{more} at most, which ask nobody", loop.rounds)
    when = {"every": f"every {count(loop.every, 'round')}", "rule": "where the rule finds the reward wrong"}[loop.ask]
    asked = f"up to {count(loop.labels, 'answer')} each, {loop.budget:,} in all"
    return PlannedStage("rounds", f"{more} at most, asking {when}: {asked}", loop.rounds)


def _planned(name: str, recipe: Recipe, data: Dataset | None) -> PlannedStage:
    kind, _, part = name.partition("/")
    match kind:
        case "data":
            return PlannedStage(name, "draws the data set" if data is None else _drawn(data))
        case "sft":
            assert recipe.sft is not None
            return _supervised(name, recipe.sft, recipe, data)
        case "reward" | "rewards" | "eval_reward":
            section = {"reward": "reward", "eval_reward": "evaluate.judge"}.get(kind, f"rewards.{part}")
            return _reward(name, recipe.reward_sections[section], recipe, data)
        case "judges" | "metrics":
            assert recipe.evaluate is not None
            added = recipe.evaluate.judges.get(part) if kind == "judges" else recipe.evaluate.metrics[part]
            if isinstance(added, RewardSettings):
                return _reward(name, added, recipe, data)
            return PlannedStage(name, "asks a model about pairs of texts, each in both orders")
        case "policy":
            assert recipe.policy is not None
            return _policy(name, recipe.policy, recipe, data)
        case "evaluate":
            return _evaluate(name, recipe, data)
        case "combine":
            return PlannedStage(name, f"makes one reward of {', '.join(recipe.parts)}")
        case "audit":
            return PlannedStage(name, f"asks {len(CHECKS)} checks", len(CHECKS))
        case _:
            return PlannedStage(name, "writes the page" if name == "report" else f"does {name}")


def _drawn(data: Dataset) -> str:
    kinds = Counter(record.judgement.kind for side in data.feedback.values() for record in side)
    said = ", ".join(count(number, kind, kind if kind.endswith("s") else "") for kind, number in kinds.items())
    people = {record.evaluator for side in data.feedback.values() for record in side}
    pairs = ", ".join(f"{len(pairs):,} {split}" for split, pairs in data.pairs.items())
    by = f" by {count(len(people), 'evaluator')}" if people else ""
    return f"{said or 'no feedback'}{by}; pairs: {pairs}; {count(len(data.prompts), 'prompt')}"


def _supervised(name: str, settings: SFT, recipe: Recipe, data: Dataset | None) -> PlannedStage:
    does = f"trains {settings.base}"
    if data is None:
        return PlannedStage(name, does)
    if not data.examples:
        return PlannedStage(name, does, 0, None, no_examples(data, recipe.data))
    size = _at_most(len(data.examples), settings.max_examples)
    return PlannedStage(name, f"{does} on {count(size, 'example')}", size, _steps(settings, size))


def _steps(settings: Supervised | Pairwise, size: int) -> int:
    return ceil(planned_draws(settings.epochs, size) / settings.batch_size)


def _at_most(size: int, most: int | None) -> int:
    return size if most is None else min(size, most)


def _reward(name: str, settings: RewardSettings, recipe: Recipe, data: Dataset | None) -> PlannedStage:
    kind = str(getattr(settings, "kind", ""))
    if not isinstance(settings, LearntReward):
        return PlannedStage(name, f"{kind}, which learns nothing" if not settings.reads else kind)
    does = f"{kind} on {settings.base}"
    if data is None or not settings.reads <= READ_AT_ONCE:
        return PlannedStage(name, does)
    try:
        split = "eval_reward" if name.startswith(("eval_reward", "judges/")) else "train"
        judged = settings.observations(data, split, stage=name)
    except AccordError as error:
        return PlannedStage(name, does, 0, None, str(error))
    groups = group_observations(judged, settings.group_completions)
    planned = plan_steps(
        groups,
        epochs=settings.epochs,
        step_completions=settings.step_completions,
        seed=seed_of_stage(recipe.seed, name),
    )
    planned = planned[: settings.max_steps]
    texts = count(len(completions_of(judged)), "completion")
    return PlannedStage(name, f"{does}, from {count(len(judged), 'judgement')} of {texts}", len(judged), len(planned))


def _policy(name: str, settings: PolicySettings, recipe: Recipe, data: Dataset | None) -> PlannedStage:
    does = f"{settings.kind} from {settings.base or 'the supervised start'}"
    if data is None:
        return PlannedStage(name, does, None, settings.max_steps if isinstance(settings, Online) else None)
    needs = dict(_materials(settings, data))
    lacks = next((f"{name}: no {thing} to learn from" for thing, number in needs.items() if not number), "")
    size = min(needs.values(), default=0)
    told = ", ".join(count(number, thing.removesuffix("s")) for thing, number in needs.items())
    steps: int | None = None
    if isinstance(settings, Online):
        steps = settings.max_steps
        told += f", {count(settings.prompts_per_step * settings.group_size, 'text')} a step"
    elif isinstance(settings, Pairwise | Supervised) and len(needs) == 1 and size:
        size = _at_most(size, getattr(settings, "max_pairs", None) or getattr(settings, "max_examples", None))
        steps = _steps(settings, size)
    if recipe.synchronous is not None and isinstance(settings, Online):
        told += f"; {_between_steps(recipe.synchronous, settings)}"
    return PlannedStage(name, f"{does}: {told}" if told else does, size, steps, lacks)


def _between_steps(settings: Synchronous, policy: Online) -> str:
    """What is asked between the steps of a policy, and what the reward makes of it."""
    times = policy.max_steps // settings.every
    if not times:
        return f"the reward stays as it is, since every = {settings.every} is more than all steps"
    asked = f"{count(settings.labels, 'answer')} every {count(settings.every, 'step')}"
    learns = f"{count(settings.steps, 'step')} of the reward each" if settings.steps else "and the reward stays"
    return f"{asked}, {min(settings.budget, times * settings.labels):,} in all, {learns}"


def _materials(settings: PolicySettings, data: Dataset) -> Iterator[tuple[str, int]]:
    """What an algorithm asks for of the data set, with its number."""
    materials = Materials(data=data)
    if "prompts" in settings.needs:
        yield "prompts", len(materials.prompts)
    if "pairs" in settings.needs:
        yield "pairs", len(data.pairs["train"])
    for need in ("examples", "compared", "preferred"):
        if need in settings.needs:
            yield "examples", len(getattr(materials, need))


def _evaluate(name: str, recipe: Recipe, data: Dataset | None) -> PlannedStage:
    settings = recipe.evaluate
    assert settings is not None
    does = f"{count(settings.samples_per_prompt, 'sample')} of start and policy a prompt"
    if data is None:
        return PlannedStage(name, does)
    held_out = _at_most(len(data.prompts_of("held_out")), settings.max_prompts)
    return PlannedStage(name, f"{does}, {count(held_out, 'held-out prompt')}", held_out)
