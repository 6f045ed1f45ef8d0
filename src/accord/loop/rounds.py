"""A run in rounds: each asks, learns, improves and is looked at, in a folder of its own whose manifest names the last.

RUN/manifest.json  recipe.toml  rounds.json
RUN/rounds/01/     a run like any other
RUN/rounds/02/     begins with the stage `ask`; goes on from what rounds/01 left
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from accord.artefacts import (
    ASKING,
    EVALUATION,
    EVALUATION_SAMPLES,
    MODEL,
    ROUNDS,
    PeakRow,
    RoundRow,
    RoundsSummary,
    RunReader,
    folder_of_round,
)
from accord.errors import ArtefactError
from accord.interfaces import Judge
from accord.loop.carried import carry_over
from accord.loop.drive import drive, noting_end, start_run
from accord.loop.earlier_round import asked_between, digest_of_round
from accord.loop.peak import curve_of_rounds, scores_by_prompt
from accord.loop.progress import ProgressDisplay
from accord.loop.rewards import judges_of
from accord.loop.round_recipe import round_recipe
from accord.loop.stage import Context, in_run
from accord.recipe import Recipe
from accord.run import RunDirectory, digest_of_settings, timed
from accord.stats import Estimate, mean

__all__ = ["drive_rounds"]

STAGE = "rounds"
KEPT_STAGES = ("data", "reward", "rewards", "combine", "eval_reward")
"""Stages whose outcome stands where nothing was asked."""


def drive_rounds(recipe: Recipe, run: RunDirectory, progress: ProgressDisplay) -> RoundsSummary:
    """All rounds that `[loop]` asks for, or as many as its rules of stopping leave.

    Those that have ended stay as they are, by the recipes that they were made by; the others go by this one. Raises
    what a stage raises, with its round's folder left to go on with.
    """
    loop = recipe.loop
    assert loop is not None
    rows = _ended(run)[: loop.rounds]
    summary = _summary(recipe, rows) if rows else None
    run.begin(STAGE)
    with timed() as seconds:
        for number in range(len(rows) + 1, loop.rounds + 1):
            if summary is not None and summary.ended is not None:
                break
            progress.say(f"round {number} of {loop.rounds}")
            with noting_end(run, STAGE), _round(recipe, run, rows, number) as current:
                _drive(current, progress)
                rows.append(_row(recipe, run, current, rows))
                summary = _summary(recipe, rows)
            ROUNDS.write(run, summary, stage=STAGE)
        assert summary is not None
        ROUNDS.write(run, summary, stage=STAGE)
    run.finish(STAGE, digest_of_settings({"rounds": loop.rounds, "budget": loop.budget}), seconds())
    progress.say(f"rounds: {summary.ended or 'all made'}; the result is round {summary.result}")
    return summary


def _ended(run: RunDirectory) -> list[RoundRow]:
    """The rounds that have ended, as far as each is still what it was then."""
    rows: list[RoundRow] = []
    for row in ROUNDS.read(run).rounds if ROUNDS.has(run) else ():
        with RunDirectory.open(folder_of_round(run.path, row.number), write=False) as opened:
            parents = [rows[-1].digest] if rows else []
            if digest_of_round(opened) != row.digest or opened.manifest.parents != parents:
                break
        rows.append(row)
    return rows


@dataclass(frozen=True)
class _Round:
    """A round that is being made: its number, its recipe and its folder, and the folder of the one before."""

    number: int
    recipe: Recipe
    run: RunDirectory
    before: Path | None

    @property
    def reader(self) -> RunReader:
        return RunReader.of(self.run)

    @property
    def context(self) -> Context:
        return Context(in_run(self.recipe, self.run), self.run)


@contextmanager
def _round(recipe: Recipe, run: RunDirectory, rows: Sequence[RoundRow], number: int) -> Iterator[_Round]:
    """The folder of a round, made where it is not there.

    Raises `ArtefactError` where it was made from another round than the one before is now.
    """
    path = folder_of_round(run.path, number)
    own = round_recipe(recipe, run.path, number)
    parents = (rows[-1].digest,) if rows else ()
    with start_run(own, path, resume=True, parents=parents) as opened:
        if tuple(opened.manifest.parents) != parents:
            raise ArtefactError(
                f"{path}: this round was made from another round {number - 1} than there is now; move it and those "
                "after it away to make them again (what people said stays in the ledger)"
            )
        yield _Round(number, own, opened, folder_of_round(run.path, number - 1) if rows else None)


def _drive(current: _Round, progress: ProgressDisplay) -> None:
    """The stages of a round; where it asked nothing, what was learnt before stands."""
    if current.before is not None:
        drive(current.recipe, current.run, progress, only=("ask",))
        # What a reward has learnt while the policy did is in no stage of its own: the next one learns it again.
        moved = MODEL.path("policy-reward")
        if not ASKING.read(current.run).learns_anew and not (current.before / moved).is_dir():
            with RunDirectory.open(current.before, write=False) as before:
                carry_over(current.recipe, before, current.run, KEPT_STAGES, progress)
    drive(current.recipe, current.run, progress)


# -- what came of it ------------------------------------------------------------------------------------------------


def _row(recipe: Recipe, run: RunDirectory, current: _Round, rows: Sequence[RoundRow]) -> RoundRow:
    reader, judge = current.reader, _judge(current)
    evaluation = reader.value(EVALUATION) if reader.has(EVALUATION) else None
    asked = reader.value(ASKING) if reader.has(ASKING) else None
    between = asked_between(reader)
    spent = (rows[-1].spent if rows else 0) if asked is None else asked.spent
    return RoundRow(
        number=current.number,
        digest=digest_of_round(current.run),
        labels=between + (0 if asked is None else asked.labels),
        spent=spent + between,
        between_steps=between or None,
        learnt_anew=None if asked is None else asked.learns_anew,
        reason=None if asked is None else asked.reason,
        kl=None if evaluation is None else evaluation.kl,
        win_rate=None if evaluation is None else evaluation.win_rate,
        gain=_gain(current, judge),
        peak=_peak(recipe, run.path, current.number, judge),
    )


def _gain(current: _Round, judge: Judge | None) -> Estimate | None:
    """Mean score of the policy's texts less that of the policy before, on the same prompts, by this round's judge.

    None where no independent judge reads them, or in the first round.
    """
    if current.before is None or judge is None:
        return None
    with RunDirectory.open(current.before, write=False) as before:
        earlier = _scores(RunReader.of(before), judge)
    now = _scores(current.reader, judge)
    prompts = sorted(now.keys() & earlier.keys())
    if not prompts:
        return None
    return mean([float(np.mean(now[name]) - np.mean(earlier[name])) for name in prompts])


def _judge(current: _Round) -> Judge | None:
    """The independent judge of a round; None where there is none, or it has nothing to read."""
    return judges_of(current.context).get("eval_reward") if current.reader.has(EVALUATION_SAMPLES) else None


def _scores(reader: RunReader, judge: Judge) -> dict[str, list[float]]:
    """A judge's scores of the policy's evaluation samples, by prompt."""
    return scores_by_prompt(reader, [each for each in reader.evaluation_samples if each.arm == "policy"], judge)


def _peak(recipe: Recipe, path: Path, number: int, judge: Judge | None) -> PeakRow | None:
    """Where the curve over the rounds turns, where the loop looks for it."""
    assert recipe.loop is not None
    if not recipe.loop.stop_at_peak or judge is None:
        return None
    curve = curve_of_rounds(path, number, judge)
    return None if curve is None else curve.peak()


def _summary(recipe: Recipe, rows: Sequence[RoundRow]) -> RoundsSummary:
    """What came of the rounds so far, and whether they end here."""
    loop = recipe.loop
    assert loop is not None
    last, result, ended = rows[-1], rows[-1].number, None
    if loop.stop_when_worse and last.gain is not None and last.gain.high is not None and last.gain.high < 0:
        result = last.number - 1
        ended = f"the independent judge finds the policy of round {last.number} worse than the last one, by {last.gain}"
    elif loop.stop_at_peak and last.peak is not None and last.peak.is_passed:
        peak, result = last.peak, last.peak.nearest
        ended = (
            f"the policy of round {last.number} is at a sqrt(KL) of {peak.reached:.3f}, beyond the peak of the "
            f"independent judge's fitted curve at {peak.at}, and scores {peak.change} beside that of round {result}, "
            "the nearest to the peak"
        )
    elif loop.max_kl is not None and last.kl is not None and last.kl.value > loop.max_kl:
        ended = f"the KL of round {last.number} is {last.kl}, above loop.max_kl = {loop.max_kl:g}"
    elif last.number == loop.rounds:
        ended = "all rounds are made"
    return RoundsSummary(budget=loop.budget, spent=last.spent, rounds=tuple(rows), result=result, ended=ended)
