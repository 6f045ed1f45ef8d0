"""One step at which the reward goes on while the policy learns: texts are asked about, and it learns of the answers.

    policy-reward/0004/completions.jsonl  pairs.jsonl   what is asked, written before anybody is asked
    policy-reward/0004/metrics.jsonl  model/            the reward's own steps, and what came of them
    policy-reward/0004/update.json                      what was done, when all of it is

Each part is made again where it is not there, from the parts before it and from the answers in the ledger, to the same
numbers: a run that was stopped anywhere goes on, and asks nothing twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count

import numpy as np

from accord.artefacts import (
    ASKED_PAIRS,
    ASKED_TEXTS,
    METRICS,
    MODEL,
    MOMENTS,
    AskedPair,
    RewardMetrics,
)
from accord.errors import ExtensionError, ModelError, TrainingStopped
from accord.feedback import Dataset, Ledger, read_data
from accord.feedback.dataset.pairs import draw_pairs
from accord.feedback.dataset.two_readings import contradicted
from accord.feedback.store.fresh import ledger_to_fill
from accord.interfaces import Judge
from accord.loop.allotment import places_of
from accord.loop.asked_evaluators import Asker, asked_study
from accord.loop.asking_rule import probabilities
from accord.loop.stage import Context
from accord.loop.step_pairs import restated, step_pairs
from accord.policy.judge_failures import seconds_before, wait_for
from accord.policy.moving_judge import WrittenTexts
from accord.policy.online import Online
from accord.recipe.synchronous import Synchronous
from accord.records import Completion, Evaluator, Feedback, Pair, Prompt
from accord.reward.learnt import LearntReward
from accord.reward.observations import completions_of
from accord.run.stopping import termination
from accord.stats import Estimate, rate
from accord.train.seeds import seed_of, shuffled

__all__ = ["Answers", "UpdateFiles", "check_skips", "right_share"]

HELD_OUT = 200
"""Held-out pairs by which a reward is looked at before and after."""


@dataclass(frozen=True)
class Answers:
    """What was said of the pairs of some steps, and whoever said it; `problem` is why nobody was asked to the end."""

    records: Sequence[Feedback]
    evaluators: dict[str, Evaluator]
    texts: dict[str, Completion]
    problem: str = ""

    @property
    def labels(self) -> int:
        """Answers that a budget is for."""
        return Asker.count(self.records)

    @property
    def standing(self) -> list[Feedback]:
        """What was said, but for machines that say another thing in another order."""
        against = contradicted(lambda: self.records, self.evaluators)
        return [record for record in self.records if record.id not in against]

    @property
    def pairs(self) -> list[Pair]:
        """The pairs that they make, in the order of asking."""
        return list(draw_pairs(list(self.records), evaluators=self.evaluators).pairs)


class UpdateFiles:
    """The parts of one such step.

    context   of the policy's stage
    step      of the policy
    """

    def __init__(self, context: Context, settings: Synchronous, step: int) -> None:
        self.context, self.settings, self.step = context, settings, step
        self.run, self.stage = context.run, f"{context.stage}-reward/{step:04d}"
        self.seed = seed_of(context.run.seed, "synchronous", context.stage, step)
        self.round = context.recipe.round.number if context.recipe.round is not None else 1

    # -- what is asked -----------------------------------------------------------------------------------------

    @property
    def are_written(self) -> bool:
        """Whether it stands fixed what is asked."""
        return ASKED_PAIRS.has(self.run, self.stage) and ASKED_TEXTS.has(self.run, self.stage)

    def write(self, texts: WrittenTexts, judge: Judge, labels: int) -> None:
        """Fix what is asked: at most so many pairs of the step's texts, each with what the reward states of it."""
        places = list(places_of(self.settings.evaluators, min(self.settings.labels, labels)))
        drawn = step_pairs(texts.completions, len(places), seed=self.seed)
        writer = f"policy of round {self.round}, step {self.step}"
        written = [(restated(first, writer), restated(second, writer)) for first, second in drawn]
        by_name = {text.id: text for both in written for text in both}
        pairs = [
            AskedPair(
                prompt=first.prompt,
                completions=(first.id, second.id),
                writers=("policy", "policy"),
                evaluator=place,
                answers=answers,
            )
            for (first, second), (place, answers) in zip(written, places, strict=False)
        ]
        prompts = {prompt.id: prompt for prompt in texts.prompts}
        stated = probabilities(judge, prompts, by_name, pairs) if pairs else []
        pairs = [pair.model_copy(update={"probability": each}) for pair, each in zip(pairs, stated, strict=True)]
        ASKED_TEXTS.write(self.run, by_name.values(), stage=self.stage)
        ASKED_PAIRS.write(self.run, pairs, stage=self.stage)

    def questions(self) -> tuple[list[AskedPair], dict[str, Completion]]:
        """What is asked about: pairs, and their texts by id."""
        texts = {text.id: text for text in ASKED_TEXTS.read(self.run, self.stage)}
        return list(ASKED_PAIRS.read(self.run, self.stage)), texts

    def ask(self, prompts: Mapping[str, Prompt], policy: Online) -> Answers:
        """What is said of the pairs; whoever was asked before is asked nothing again.

        Whoever fails is asked again after a while, `judge_retries` times; then the error is raised, or told as
        `problem` where the policy skips what fails (`on_judge_failure`).
        """
        pairs, texts = self.questions()
        with ledger_to_fill(self.context.recipe.data.ledger, pooled=True) as ledger:
            problem = self._patiently(self._asker(prompts, texts, ledger), pairs, policy) if pairs else ""
            return replace(self.answers(prompts, ledger), problem=problem)

    def answers(self, prompts: Mapping[str, Prompt], ledger: Ledger) -> Answers:
        """What was said of the pairs, without asking anybody."""
        pairs, texts = self.questions()
        asker = self._asker(prompts, texts, ledger)
        return Answers(_in_order(asker.answers(pairs), pairs), ledger.evaluators(), texts)

    def _patiently(self, asker: Asker, pairs: Sequence[AskedPair], policy: Online) -> str:
        for tries in count(1):
            try:
                asker.ask(pairs)
            except (ModelError, ExtensionError) as problem:
                if tries <= policy.judge_retries and not termination():
                    wait_for(seconds_before(self.seed, self.step, tries))
                    continue
                if policy.on_judge_failure == "stop" or termination():
                    raise
                return str(problem)
            break
        return ""

    def _asker(self, prompts: Mapping[str, Prompt], texts: dict[str, Completion], ledger: Ledger) -> Asker:
        evaluators = self.settings.evaluators
        study = asked_study(self.settings.study, evaluators, self.round)
        return Asker(evaluators, study, prompts, texts, ledger, self.seed)

    # -- what is learnt ----------------------------------------------------------------------------------------

    @property
    def is_learnt(self) -> bool:
        """Whether the reward's steps are made, and the model that came of them is there."""
        return MODEL.has(self.run, self.stage) and METRICS.has(self.run, self.stage)

    def data(self, answers: Sequence[Answers]) -> Dataset:
        """What the reward learns from: the train split and these answers, or the answers alone.

        They weigh 1; prompts keep their split, and those that the policy answers are of the train split.
        """
        base = read_data(self.run, prefix=self.context.prefix)
        evaluators = dict(base.evaluators)
        completions = dict(base.completions)
        pairs, said = list[Pair](), list[Feedback]()
        for each in answers:
            evaluators |= {name: each.evaluators[name] for name in {record.evaluator for record in each.records}}
            completions |= each.texts
            pairs += each.pairs
            said += each.standing
        if self.settings.learns_from == "accumulate":
            pairs, said = [*base.pairs.get("train", ()), *pairs], [*base.feedback.get("train", ()), *said]
        return replace(
            base,
            completions=completions,
            evaluators=evaluators,
            pairs={**base.pairs, "train": tuple(pairs)},
            feedback={"train": said},
        )

    def learn(self, data: Dataset, before: str) -> None:
        """The reward's own steps, from the model that the stage `before` left."""
        self.forget_model()
        if METRICS.has(self.run, self.stage):
            self.run.discard(METRICS.path(self.stage))
        settings = self._reward(data, before)
        for _ in settings.steps(data, self.run, stage=self.stage):
            pass
        self.run.end_part(self.stage)

    def _reward(self, data: Dataset, before: str) -> LearntReward:
        own, reward = self.settings, self.context.recipe.reward
        assert isinstance(reward, LearntReward)
        moments = own.optimiser == "continue" and MOMENTS.has(self.run, before)
        optim = reward.optim.model_copy(
            update={
                "lr": own.lr or reward.optim.lr,
                "warmup_steps": 0,
                "lr_schedule": "constant",
                "keep_moments": own.optimiser == "continue" or reward.optim.keep_moments,
                "moments_from": str(MOMENTS.verified(self.run, before)) if moments else None,
            }
        )
        _, observations, _ = reward.read(data, "train", stage=self.stage)
        texts = len(completions_of([each for each, _ in observations]))
        size = min(reward.step_completions, max(2, texts))
        return reward.model_copy(
            update={
                "go_on_from": str(MODEL.verified(self.run, before)),
                "prior_about": "new" if own.learns_from == "accumulate" else "earlier",
                "max_steps": own.steps,
                "epochs": own.steps * (1.0 + size / texts),
                "step_completions": size,
                "optim": optim,
            }
        )

    def losses(self) -> tuple[float, float]:
        """Of the reward's first and last step."""
        rows = [row for row in METRICS.read(self.run, self.stage) if isinstance(row, RewardMetrics)]
        return rows[0].loss, rows[-1].loss

    def forget_model(self) -> None:
        """Take the model out of the run; what was asked and what became of it stays."""
        for artefact in (MODEL, MOMENTS):
            if artefact.has(self.run, self.stage):
                self.run.discard(artefact.path(self.stage))


def _in_order(answers: Sequence[Feedback], pairs: Sequence[AskedPair]) -> list[Feedback]:
    """Answers in the order of the pairs that were asked about, whoever was quicker."""
    place = {frozenset(pair.completions): number for number, pair in enumerate(pairs)}
    return sorted(answers, key=lambda record: place[frozenset(record.completions)])


def right_share(
    judge: Judge, prompts: Mapping[str, Prompt], texts: Mapping[str, Completion], pairs: Sequence[Pair], *, seed: int
) -> Estimate | None:
    """How often a judge orders pairs as they were ordered; ties are left out, at most 200 are drawn. None of none."""
    decided = [pair for pair in pairs if not pair.tie]
    drawn = [decided[place] for place in sorted(shuffled(len(decided), seed, "looked at")[:HELD_OUT])]
    if not drawn:
        return None
    both = [texts[name] for pair in drawn for name in (pair.chosen, pair.rejected)]
    value_P2 = judge.score([prompts[text.prompt] for text in both], both).value_N.reshape(-1, 2)
    right_P = (np.sign(value_P2[:, 0] - value_P2[:, 1]) + 1) / 2
    return rate(right_P, [pair.prompt for pair in drawn])


def check_skips(skipped: Sequence[int], policy: Online, problem: str) -> None:
    """Raises `TrainingStopped` where more steps than `max_skipped_steps` had nobody answer."""
    if len(skipped) > policy.max_skipped_steps:
        raise TrainingStopped(
            f"whoever is asked between steps failed at step {skipped[-1]} ({problem}), and at as many before as "
            f"max_skipped_steps allows ({', '.join(map(str, skipped[:-1]))}); see to them, and go on with --resume"
        )
