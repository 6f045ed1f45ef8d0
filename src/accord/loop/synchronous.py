"""The reward that goes on between the steps of the policy that learns from it: a judge that moves.

Every so many steps it asks about texts of that very step, learns of the answers, and is from then on what scores. What
is done stands in files of its own (`accord.loop.reward_update`), by the step of the policy; so whichever checkpoint the
policy goes on from, the reward is again what it was there.
"""

import shutil
from collections.abc import Sequence
from functools import cached_property

from accord.artefacts import (
    MODEL,
    MOMENTS,
    REWARD_UPDATE,
    REWARD_UPDATES,
    RewardUpdate,
    RightShare,
)
from accord.feedback import Dataset, Ledger, read_data
from accord.interfaces import Judge, Scores
from accord.loop.earlier_round import asked_before
from accord.loop.reward_update import Answers, UpdateFiles, check_skips, right_share
from accord.loop.rewards import named_judges
from accord.loop.stage import Context
from accord.policy.moving_judge import WrittenTexts
from accord.policy.online import Online
from accord.records import Completion, Prompt
from accord.reward.combined import CombinedJudge
from accord.reward.dense import with_credits
from accord.stats import Estimate
from accord.train.seeds import seed_of, seeded

__all__ = ["SynchronousReward"]


class SynchronousReward:
    """A `MovingJudge`: `[reward]`, which goes on as `[synchronous]` says, with the other rewards as components."""

    name = "reward"

    def __init__(self, context: Context) -> None:
        recipe = context.recipe
        assert recipe.synchronous is not None
        assert isinstance(recipe.policy, Online)
        self.context, self.settings, self.policy = context, recipe.synchronous, recipe.policy
        self.run = context.run
        self._rows: list[RewardUpdate] = []
        self._digests: dict[int, str] = {}
        self._main: Judge | None = None
        self._others = named_judges(context)

    # -- what it is now ----------------------------------------------------------------------------------------

    @property
    def version(self) -> int:
        """How often it has learnt in this stage."""
        return self._rows[-1].version if self._rows else 0

    @property
    def labels(self) -> int:
        """Answers of this stage so far."""
        return self._rows[-1].spent if self._rows else 0

    def score(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Scores:
        """The scores of the reward as it is now."""
        main = self._judge()
        judge: Judge = CombinedJudge(self.name, main, self._others) if self._others else main
        return (with_credits(judge) if self.policy.needs_credits else judge).score(prompts, completions)

    def _judge(self) -> Judge:
        if self._main is None:
            reward = self.context.recipe.reward
            assert reward is not None
            self._main = reward.load(self.run, stage=self._model_stage(self._rows))
        return self._main

    def _model_stage(self, rows: Sequence[RewardUpdate]) -> str:
        """The stage whose model is what came of these steps, made again where it is not kept any more."""
        learnt = [row for row in rows if row.learnt]
        if not learnt:
            return self.context.beside("reward")
        files = self._files(learnt[-1].step)
        if not files.is_learnt:
            self._learn(files, [row for row in rows if row.step < files.step])
        return files.stage

    def _files(self, step: int) -> UpdateFiles:
        return UpdateFiles(self.context, self.settings, step)

    # -- the policy's steps ------------------------------------------------------------------------------------

    def take_up(self, step: int) -> None:
        """Be what it was after a step of the policy."""
        due = [self._files(each) for each in range(self.settings.every, step + 1, self.settings.every)]
        self._rows = [row for files in due if (row := self._made(files)) is not None]
        self._main = None

    def before_scores(self, texts: WrittenTexts) -> None:
        """Fix what is asked about a step's texts, where it is due; and learn of it, where the reward goes first."""
        if texts.step % self.settings.every:
            return
        files = self._files(texts.step)
        if self._made(files) is None:
            self._digests[texts.step] = texts.policy()
            if not files.are_written:
                files.write(texts, self._judge(), self._left)
        if self.settings.order == "reward_first":
            self._go_on(files)

    def after_update(self, step: int) -> None:
        """Learn of what was asked about the step, where the policy goes first."""
        if self.settings.order == "policy_first" and not step % self.settings.every:
            self._go_on(self._files(step))

    def finish(self) -> None:
        """Keep what it has become as `policy-reward/model`, and what was done as rows of the stage."""
        stage = self.context.stage
        REWARD_UPDATES.write(self.run, self._rows, stage=stage)
        if self.version:
            last = self._model_stage(self._rows)
            for artefact in (MODEL, MOMENTS):
                if artefact.has(self.run, last):
                    with artefact.write(self.run, stage=f"{stage}-reward") as folder:
                        shutil.copytree(artefact.verified(self.run, last), folder, dirs_exist_ok=True)
        for row in self._rows:
            self._files(row.step).forget_model()

    # -- one step at which it goes on --------------------------------------------------------------------------

    @property
    def _left(self) -> int:
        """Answers that may still be asked for, here and in all rounds."""
        left, rounds = self.settings.budget - self.labels, self.context.recipe.round
        if rounds is not None:
            left = min(left, rounds.budget - asked_before(self.context.reader) - self.labels)
        return max(0, left)

    def _made(self, files: UpdateFiles) -> RewardUpdate | None:
        return REWARD_UPDATE.read(self.run, files.stage) if REWARD_UPDATE.has(self.run, files.stage) else None

    def _go_on(self, files: UpdateFiles) -> None:
        with seeded(seed_of(files.seed, "global")):
            row = self._made(files) or self._make(files)
        self._rows.append(row)
        if row.learnt:
            self._main = None
            self._forget_old_models()
        skipped = [each.step for each in self._rows if each.skipped]
        if row.skipped:
            check_skips(skipped, self.policy, row.reason)
        self.context.progress.say(f"  {self.context.stage}: step {row.step}: {_told(row, self.settings.budget)}")

    def _make(self, files: UpdateFiles) -> RewardUpdate:
        """Ask, learn, look at what came of it, and write that down: it is done then."""
        answers = files.ask(self._data.prompts, self.policy)
        reason = self._why_not(files, answers)
        before = None if reason else self._looked_at(files, answers)
        if not reason:
            self._main = None
            if not files.is_learnt:
                self._learn(files, self._rows)
        row = RewardUpdate(
            step=files.step,
            every=self.settings.every,
            order=self.settings.order,
            round=files.round,
            policy=self._digests[files.step],
            pairs=len(files.questions()[0]),
            new_pairs=len(answers.pairs),
            labels=answers.labels,
            spent=self.labels + answers.labels,
            learnt=not reason,
            reason=reason or f"the reward learnt of {len(answers.pairs)} new pairs",
            version=self.version + (not reason),
            learns_from=self.settings.learns_from,
            steps=0 if reason else self.settings.steps,
            skipped=True if answers.problem else None,
        )
        if before is not None:
            row = row.model_copy(update=self._what_came_of_it(files, answers, before))
        REWARD_UPDATE.write(self.run, row, stage=files.stage)
        return row

    def _why_not(self, files: UpdateFiles, answers: Answers) -> str:
        """Why the reward does not learn at a step; empty where it does."""
        if answers.problem:
            return f"whoever is asked failed: {answers.problem}"
        if not files.questions()[0]:
            return "no two texts of a prompt differ" if self._left else "the budget is spent"
        if not self.settings.steps:
            return "answers are gathered, and the reward stays (steps = 0)"
        return "" if answers.pairs else "no answer says which of two texts is better"

    def _learn(self, files: UpdateFiles, earlier: Sequence[RewardUpdate]) -> None:
        """The reward's own steps at a step of the policy, from what came of the earlier ones."""
        before = self._model_stage(earlier)
        files.learn(self._learnt_from(files, earlier), before)

    def _learnt_from(self, files: UpdateFiles, earlier: Sequence[RewardUpdate]) -> Dataset:
        asked = [] if self.settings.learns_from == "newest" else [self._files(row.step) for row in earlier]
        with Ledger(self.context.recipe.data.ledger, write=False) as ledger:
            answers = [each.answers(self._data.prompts, ledger) for each in [*asked, files]]
        return files.data(answers)

    def _looked_at(self, files: UpdateFiles, answers: Answers) -> tuple[Estimate | None, Estimate | None]:
        """How right the reward is now, on the new pairs and on held-out ones."""
        judge, data, seed = self._judge(), self._data, self.run.seed
        return (
            right_share(judge, data.prompts, answers.texts, answers.pairs, seed=seed),
            right_share(judge, data.prompts, data.completions, data.pairs.get("held_out", ()), seed=seed),
        )

    def _what_came_of_it(
        self, files: UpdateFiles, answers: Answers, before: tuple[Estimate | None, Estimate | None]
    ) -> dict[str, object]:
        reward = self.context.recipe.reward
        assert reward is not None
        self._main = reward.load(self.run, stage=files.stage)
        fresh, held_out = (
            None if was is None else RightShare(before=was, after=now)
            for was, now in zip(before, self._looked_at(files, answers), strict=True)
        )
        first, last = files.losses()
        return {
            "reward": MODEL.digest(self.run, files.stage),
            "judgements": len(answers.pairs) + self._learnt_before,
            "optimiser": self.settings.optimiser,
            "first_loss": first,
            "last_loss": last,
            "fresh": fresh,
            "held_out": held_out,
        }

    @property
    def _learnt_before(self) -> int:
        """Pairs that the reward learns from beside those of the newest asking."""
        rule = self.settings.learns_from
        asked = 0 if rule == "newest" else sum(row.new_pairs for row in self._rows)
        return asked + (len(self._data.pairs.get("train", ())) if rule == "accumulate" else 0)

    @cached_property
    def _data(self) -> Dataset:
        return read_data(self.run, prefix=self.context.prefix)

    def _forget_old_models(self) -> None:
        """Take models out of the run that no checkpoint of the policy may go on with; they can be made again."""
        save_every, keep = self.policy.save_every, self.context.recipe.checkpoints.keep
        oldest = ((self._rows[-1].step - 1) // save_every - keep + 1) * save_every
        learnt = [row for row in self._rows if row.learnt]
        needed = [row.step for row in learnt if row.step <= oldest][-1:] + [r.step for r in learnt if r.step > oldest]
        for row in learnt:
            if row.step not in needed:
                self._files(row.step).forget_model()


def _told(row: RewardUpdate, budget: int) -> str:
    shares = [("new pairs", row.fresh), ("held-out ones", row.held_out)]
    right = ", ".join(
        f"{share.before.value:.2f} to {share.after.value:.2f} right on {name}"
        for name, share in shares
        if share is not None and share.after is not None
    )
    return f"{row.labels:,} answers, {row.spent:,} of {budget:,}; {row.reason}{': ' if right else ''}{right}"
