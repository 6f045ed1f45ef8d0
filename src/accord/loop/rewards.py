"""Rewards: trained, looked at on held-out pairs, and loaded again as the judges of the run."""

from collections.abc import Iterator

from accord.artefacts import (
    CALIBRATION,
    CARD,
    MODEL,
    NORMALISATION,
    OBJECTIVE,
    SCORES,
    JudgeAgreement,
    JudgeCalibration,
    Normalisation,
    RewardCard,
)
from accord.errors import RecipeError
from accord.feedback import Dataset, read_data
from accord.interfaces import Judge, Step
from accord.loop.processes import StepsOf, make_steps
from accord.loop.stage import Context
from accord.reward.card.held_out_calibration import calibrate_on_held_out
from accord.reward.card.measure import evaluate
from accord.reward.card.other_judge import judge_agreement
from accord.reward.card.scored import SplitScores, score_split
from accord.reward.combined import moments
from accord.reward.objective import combination_row, objective_row
from accord.reward.of_run import RewardSections
from accord.reward.settings import RewardSettings
from accord.train import stage_seed

__all__ = [
    "combine",
    "eval_reward",
    "judge_steps",
    "judges_of",
    "named_judges",
    "named_reward",
    "policy_judge",
    "reward",
    "train_reward",
]


def reward(context: Context) -> None:
    """The reward that the policy learns from."""
    assert context.recipe.reward is not None
    train_reward(context.recipe.reward, context, _reward_steps, split="train")


def named_reward(context: Context) -> None:
    """One of the rewards that are components of what the policy learns from."""
    train_reward(context.recipe.rewards[context.stage.rpartition("/")[2]], context, _named_steps, split="train")


def combine(context: Context) -> None:
    """The means and standard deviations of the rewards that are combined, on the completions of the train split."""
    combination = context.recipe.combine
    assert combination is not None
    OBJECTIVE.write(context.run, combination_row(combination), stage=context.stage)
    if combination.normalise == "none":
        NORMALISATION.write(context.run, Normalisation(parts={}), stage=context.stage)
        return
    data = read_data(context.run, prefix=context.prefix)
    texts = [each for each in data.completions.values() if data.split_of[each.prompt] == "train"]
    if not texts:
        raise RecipeError('recipe.combine.normalise: the train split has no completions; take normalise = "none"')
    prompts = [data.prompts[each.prompt] for each in texts]
    judges = _sections(context).parts(context.run, context.beside)
    with context.progress.busy(f"  {context.stage}: scoring the completions of the train split"):
        parts = {name: judge.score(prompts, texts) for name, judge in judges.items()}
    NORMALISATION.write(context.run, Normalisation(parts=moments(parts, combination)), stage=context.stage)


def eval_reward(context: Context) -> None:
    """The independent judge, from feedback that the reward never sees."""
    assert context.recipe.evaluate is not None
    train_reward(context.recipe.evaluate.judge, context, _eval_steps, split="eval_reward")


def judge_steps(context: Context) -> Iterator[Step]:
    """The steps of one of the further judges."""
    assert context.recipe.evaluate is not None
    settings = context.recipe.evaluate.judges[context.stage.rpartition("/")[2]]
    assert isinstance(settings, RewardSettings)
    return _steps(settings, context, split="eval_reward")


def _reward_steps(context: Context) -> Iterator[Step]:
    assert context.recipe.reward is not None
    return _steps(context.recipe.reward, context, split="train")


def _named_steps(context: Context) -> Iterator[Step]:
    return _steps(context.recipe.rewards[context.stage.rpartition("/")[2]], context, split="train")


def _eval_steps(context: Context) -> Iterator[Step]:
    assert context.recipe.evaluate is not None
    return _steps(context.recipe.evaluate.judge, context, split="eval_reward")


def _steps(settings: RewardSettings, context: Context, *, split: str) -> Iterator[Step]:
    data = read_data(context.run, prefix=context.prefix)
    return settings.steps(data, context.run, split=split, stage=context.stage)


def policy_judge(context: Context) -> Judge | None:
    """What the policy learns from; None where the recipe has no reward.

    `[reward]`, with each `[rewards.NAME]` as a component; or what `[combine]` makes of them.
    """
    return _sections(context).judge(context.run, context.beside, main=stage_of_reward(context))


def stage_of_reward(context: Context) -> str:
    """The stage whose model the reward is: its own, or the policy's, where it has gone on in that."""
    moved = context.beside("policy-reward")
    return moved if MODEL.has(context.run, moved) else context.beside("reward")


def named_judges(context: Context) -> dict[str, Judge]:
    """Each `[rewards.NAME]`, by its name."""
    return _sections(context).named(context.run, context.beside)


def _sections(context: Context) -> RewardSections:
    recipe = context.recipe
    return RewardSections(recipe.reward, recipe.rewards, recipe.combine)


def judges_of(context: Context) -> dict[str, Judge]:
    """The judges of the run that are trained: `reward`, which the policy learns from, and `eval_reward`.

    People are no such judge: they are asked for what the policy learns from, and for nothing else.
    """
    recipe, run = context.recipe, context.run
    judges: dict[str, Judge] = {}
    rewards = {f"rewards/{name}": settings for name, settings in recipe.rewards.items()}
    if recipe.reward is not None:
        rewards["reward"] = recipe.reward
    combined = recipe.combine is None or NORMALISATION.has(run, context.beside("combine"))
    able = combined and not any(settings.asks_people for settings in rewards.values())
    if able and all(settings.trained(run, stage=context.beside(name)) for name, settings in rewards.items()):
        judge = policy_judge(context)
        judges |= {} if judge is None else {"reward": judge}
    stage = context.beside("eval_reward")
    judged = recipe.evaluate is not None and recipe.evaluate.judged
    if recipe.evaluate is not None and judged and recipe.evaluate.judge.trained(run, stage=stage):
        judges["eval_reward"] = recipe.evaluate.judge.load(run, stage=stage)
    return judges


def train_reward(settings: RewardSettings, context: Context, steps_of: StepsOf, *, split: str) -> None:
    """Train a reward on a split; write what it is the optimum of, and its card."""
    run, stage = context.run, context.stage
    make_steps(context, settings, steps_of)
    OBJECTIVE.write(run, objective_row(settings), stage=stage)
    if settings.asks_people:
        context.progress.say(f"  {stage}: people are asked for what the policy writes, so it is not tested")
        return
    _write_card(settings, read_data(run, prefix=context.prefix), context, split=split)


def _write_card(settings: RewardSettings, data: Dataset, context: Context, *, split: str) -> None:
    """Score the held-out completions, and write the scores and the card."""
    stage = context.stage
    judge = settings.load(context.run, stage=stage)
    with context.progress.busy(f"  {stage}: scoring the held-out completions"):
        scores = score_split(judge, data, "held_out")
    if not scores.values:
        context.progress.say(f"  {stage}: nothing that was held out has been judged, so it is not tested")
        return
    calibration = _calibrate(settings, scores, data, context, split=split)
    summary = context.reader.summary
    with context.progress.busy(f"  {stage}: looking for what it can be fooled by"):
        card = evaluate(
            scores,
            data,
            fitted_on=split,
            agreement=summary.agreement,
            consensus=summary.consensus,
            judge=judge if settings.probed else None,
            seed=stage_seed(context.run, stage),
            other_judge=_other_judge(scores, context),
            calibration=calibration,
        )
    SCORES.write(context.run, scores.rows(data), stage=stage)
    CARD.write(context.run, card, stage=stage)
    if card.accuracy is not None:
        context.trackers.note(stage, {"held_out_accuracy": card.accuracy.value})
    context.progress.say(f"  {stage}: {_best_known(card)}")


def _calibrate(
    settings: RewardSettings, scores: SplitScores, data: Dataset, context: Context, *, split: str
) -> JudgeCalibration | None:
    """Set the judge's probabilities right where that is asked for, and keep how beside it."""
    if settings.calibration_kind == "none":
        return None
    found = calibrate_on_held_out(scores, data, fitted_on=split, kind=settings.calibration_kind)
    CALIBRATION.write(context.run, found, stage=context.stage)
    return found


def _other_judge(scores: SplitScores, context: Context) -> JudgeAgreement | None:
    """How the independent judge agrees with the reward, which has scored the held-out completions before.

    The reward's own card says nothing of it: made again for a damaged file, it must be the same as when it was first.
    """
    other = "reward" if context.stage.rpartition("/")[2] == "eval_reward" else None
    if other is None or not SCORES.has(context.run, context.beside(other)):
        return None
    stage = context.beside(other)
    digest = context.run.manifest.files[SCORES.path(stage)].sha256
    return judge_agreement(scores.values, list(SCORES.read(context.run, stage)), judge=other, digest=digest)


def _best_known(card: RewardCard) -> str:
    """The number of a card that says most: its accuracy, or what was measured on another kind of judgement."""
    if card.accuracy is not None:
        return f"held-out accuracy {card.accuracy}"
    for row in card.judgements or ():
        if row.estimate is not None:
            return f"held-out {row.kind} judgements, {row.name}: {row.estimate}"
    return "too little was held out to test it; its card says what it would take"
