"""How long the stages of a run will take and how much memory, from a trial of a few steps on this machine.

    seconds = before + first step + (steps - 1) x mean of the further ones + after x r

`before` is what a stage does before its first step (it opens its models), `after` what it does behind its last, and r
how many times as many pairs the run has as the trial, for a reward then scores what was held out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from statistics import fmean

from accord.loop.courses import Course
from accord.loop.evaluate import TOGETHER
from accord.loop.plan import PlannedStage
from accord.loop.trial import Trial, TriedStage, obstacle, try_stages
from accord.recipe import Recipe

__all__ = ["StageEstimate", "estimate_run", "estimates_of", "in_all"]

WIDE = 2.0
"""A range goes from half of what was measured to twice of it: texts differ, and a machine does other things too."""
SCORES_AFTER = ("reward", "rewards", "eval_reward", "combine")


@dataclass(frozen=True)
class StageEstimate:
    """What a stage will take, as far as a trial foretells it.

    stage          its name; "" for all of them
    seconds        about how long; None where it could not be tried
    low, high      the range of that
    memory_gb      about the most memory of the process, in GB; None where that is not known
    steps          how many steps were extrapolated to; None where it makes none
    problem        why there is no estimate
    """

    stage: str
    seconds: float | None = None
    low: float | None = None
    high: float | None = None
    memory_gb: float | None = None
    steps: int | None = None
    problem: str = ""

    @property
    def words(self) -> str:
        """`about 40 s (20 to 80 s), 0.9 GB`."""
        if self.seconds is None or self.low is None or self.high is None:
            return "not foretold"
        memory = "" if self.memory_gb is None else f", {self.memory_gb:.1f} GB"
        return f"about {_clock(self.seconds)} ({_clock(self.low)} to {_clock(self.high)}){memory}"


def estimate_run(recipe: Recipe) -> list[StageEstimate]:
    """Try a recipe on this machine, and foretell each stage, in order and as far as a trial comes.

    Where it cannot be tried at all there is one estimate, of no stage, with the problem.
    """
    if why := obstacle(recipe):
        return [StageEstimate("", problem=why)]
    return estimates_of(try_stages(recipe))


def estimates_of(trial: Trial) -> list[StageEstimate]:
    """What a trial foretells of the stages of the whole run."""
    planned = {stage.stage: stage for stage in trial.plan}
    tried = {stage.stage: stage for stage in trial.stages}
    prompts = planned["evaluate"].examples if "evaluate" in planned else None
    policy = tried.get("policy")
    totals = {"samples": None if prompts is None else 2 * ceil(prompts / TOGETHER)}
    if policy is not None and policy.courses:
        totals["judging"] = _steps_of(planned.get("policy"), policy.courses[-1], trial.ratio)
    found = []
    for stage in trial.stages:
        if stage.problem:
            found.append(StageEstimate(stage.stage, problem=stage.problem))
            break
        found.append(_estimate(stage, planned.get(stage.stage), totals, trial.ratio))
    return found


def _estimate(
    stage: TriedStage, planned: PlannedStage | None, totals: Mapping[str, int | None], ratio: float
) -> StageEstimate:
    courses = [course for course in stage.courses if course.seconds]
    scaled = ratio if stage.stage.partition("/")[0] in SCORES_AFTER else 1.0
    if not courses:
        seconds, steps = stage.seconds * scaled, None
    else:
        before = courses[0].began - stage.began
        counted = sum(sum(course.seconds) for course in courses)
        after = max(0.0, stage.seconds - before - counted)
        steps = None
        seconds = before + after * scaled
        for course in courses:
            number = totals.get(course.name) or course.total
            if course.name == stage.stage:
                number = steps = _steps_of(planned, course, ratio)
            seconds += _of_course(course, number)
    return StageEstimate(stage.stage, seconds, seconds / WIDE, seconds * WIDE, stage.peak_gb, steps)


def _steps_of(planned: PlannedStage | None, course: Course, ratio: float) -> int:
    """How many steps a stage of the run makes: as planned, else as many more as there are more pairs."""
    if planned is not None and planned.steps is not None:
        return planned.steps
    return ceil(course.total * ratio)


def _of_course(course: Course, number: int) -> float:
    """Seconds of so many steps: the first is slower than the others."""
    first, *others = course.seconds
    return first * min(number, 1) + (number - 1) * fmean(others or [first]) if number else 0.0


def in_all(estimates: Sequence[StageEstimate]) -> StageEstimate:
    """All stages together: seconds as a sum, memory as the most of any."""
    known = [each for each in estimates if each.seconds is not None]
    seconds = sum(each.seconds or 0.0 for each in known)
    memory = max((each.memory_gb for each in known if each.memory_gb is not None), default=None)
    return StageEstimate("", seconds, seconds / WIDE, seconds * WIDE, memory)


def _clock(seconds: float) -> str:
    for size, unit in ((3600.0, "h"), (60.0, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.2g} {unit}" if seconds < 100 * size else f"{seconds / size:,.0f} {unit}"
    return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
