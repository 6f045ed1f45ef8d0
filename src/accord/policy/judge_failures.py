"""A judge that fails for a while: asked again, later each time; then its step is skipped, or the run stops.

What can fail for a while lies outside of this process (an endpoint, a function that asks one): it is asked again after
waits that double, each drawn between half and one and a half of its length by the run's seed, step and try. What a
judge inside of this process makes wrong, it would make wrong again. Whether a call failed changes nothing of the steps
after it: what a step draws is a function of its number.
"""

import random
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from accord.artefacts import JudgeFailure
from accord.errors import AccordError, EndpointError, ExtensionError, ModelError, TrainingStopped
from accord.interfaces import Judge, Scores
from accord.records import Completion, Prompt
from accord.run.stopping import termination
from accord.train import seed_of
from accord.train.seeds import Draws

__all__ = ["JudgeFailedError", "PatientJudge", "noted_failure", "scores_of", "seconds_before", "wait_for"]

FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0  # seconds, before they are drawn
PART = 0.1  # seconds after which it is seen whether the process is asked to end


class JudgeFailedError(Exception):
    """A judge gave no scores of a step, however often it was asked; `problem` is what it raised last."""

    def __init__(self, problem: AccordError) -> None:
        super().__init__(str(problem))
        self.problem = problem


@dataclass
class PatientJudge:
    """A `Judge` that is asked again where it fails, in one step of a run.

    judge     who is asked
    retries   how often it is asked again
    seed      of the stage; with the step it says how long the waits are
    tries     how often it was asked
    wait      waits so many seconds
    """

    judge: Judge
    retries: int
    seed: int
    step: int
    wait: Callable[[float], None] = field(default_factory=lambda: wait_for)
    tries: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The judge's."""
        return self.judge.name

    def score(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Scores:
        """The judge's scores. Raises `JudgeFailedError` where it gives none in the end."""
        draws = _EveryDraw()
        while True:
            self.tries += 1
            try:
                return scores_of(self.judge, prompts, completions)
            except (ModelError, ExtensionError, _UnusableScoresError) as problem:
                self.problems.append(str(problem))
                if not _may_pass(problem) or self.tries > self.retries or termination():
                    raise JudgeFailedError(problem) from problem
            self.wait(self.seconds(self.tries))
            draws.again()

    def seconds(self, tries: int) -> float:
        """How long is waited after so many tries."""
        return seconds_before(self.seed, self.step, tries)


def seconds_before(seed: int, step: int, tries: int) -> float:
    """How long is waited before somebody is asked again who failed so many times at a step."""
    drawn = seed_of(seed, "judge retry", step, tries) / (1 << 63)
    return min(FIRST_WAIT * 2.0 ** (tries - 1), LONGEST_WAIT) * (0.5 + drawn)


def noted_failure(state: dict[str, Any], judge: PatientJudge, *, skipped: bool) -> JudgeFailure | None:
    """Note in a stage's state what became of a step in which the judge failed; None where it did not."""
    if not judge.problems:
        return None
    problem = judge.problems[-1]
    failure = JudgeFailure(step=judge.step, failures=len(judge.problems), problem=problem, skipped=skipped)
    state.setdefault("judge_failures", []).append(failure.model_dump(mode="json"))
    if skipped:
        warnings.warn(f"step {judge.step} is skipped, since the judge failed: {problem}", stacklevel=2)
    return failure


class _UnusableScoresError(TrainingStopped):
    """A judge's scores are not one finite number a completion."""


def scores_of(judge: Judge, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Scores:
    """The judge's scores. Raises `TrainingStopped` where they are not one finite number a completion."""
    try:
        scores = judge.score(prompts, completions)
    except ValueError as error:
        raise _UnusableScoresError(f"the judge '{judge.name}' did not score the samples: {error}") from error
    if len(scores.value_N) != len(completions):
        count = len(scores.value_N)
        raise _UnusableScoresError(f"the judge '{judge.name}' gave {count} scores for {len(completions)} samples")
    return scores


def _may_pass(problem: AccordError) -> bool:
    """Whether asking again may help."""
    return isinstance(problem, ExtensionError) or (isinstance(problem, EndpointError) and problem.may_pass)


def wait_for(seconds: float) -> None:
    """Wait, but no longer than until the process is asked to end."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0 and not termination():
        time.sleep(min(left, PART))


class _EveryDraw:
    """Where the global generators stand, so that a judge that is asked again draws as the first time."""

    def __init__(self) -> None:
        self._torch, self._python, self._numpy = Draws(), random.getstate(), np.random.get_state()

    def again(self) -> None:
        """Put them back there."""
        self._torch.again()
        random.setstate(self._python)
        np.random.set_state(self._numpy)
