"""What `accord check --measure` foretells: positive, more for more steps, from a trial that leaves nothing behind."""

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from accord.cli import run as accord
from accord.loop import trial as trial_module
from accord.loop.courses import Course, CourseDisplay
from accord.loop.estimates import StageEstimate, estimates_of, in_all
from accord.loop.plan import PlannedStage
from accord.loop.starting import write_starter
from accord.loop.trial import Trial, TriedStage, obstacle, try_stages
from accord.recipe import load


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("estimates")
    write_starter(path)
    return path


@pytest.fixture(scope="module")
def tried(folder: Path) -> Trial:
    """A real trial of the starter, with more steps than a trial makes."""
    return try_stages(load(folder / "recipe.toml", {"policy.max_steps": "9", "evaluate.samples_per_prompt": "2"}))


def test_every_stage_is_foretold(tried: Trial, folder: Path) -> None:
    estimates = estimates_of(tried)
    assert [each.stage for each in estimates] == [each.stage for each in tried.plan]
    assert all(each.seconds is not None and each.low is not None and each.high is not None for each in estimates)
    assert all(0 < each.low < each.seconds < each.high for each in estimates)  # type: ignore[operator]
    assert all(each.memory_gb is None or each.memory_gb > 0 for each in estimates)
    steps = {each.stage: each.steps for each in estimates}
    assert steps["policy"] == 9
    assert steps["sft"] == next(each.steps for each in tried.plan if each.stage == "sft")
    assert not (folder / "feedback.db").exists()
    assert not list(Path(tempfile.gettempdir()).glob("accord-trial-*"))


def test_a_trial_makes_few_steps_of_all(tried: Trial) -> None:
    courses = {stage.stage: stage.courses for stage in tried.stages}
    assert [len(course.seconds) for course in courses["policy"]] == [trial_module.STEPS]
    assert courses["policy"][0].total == 9
    judging = [course for course in courses["evaluate"] if course.name == "judging"]
    assert [len(course.seconds) for course in judging] == [trial_module.STEPS]


def test_more_steps_take_longer(tried: Trial) -> None:
    def policy_and_evaluation(steps: int) -> list[float]:
        plan = tuple(replace(each, steps=steps) if each.stage == "policy" else each for each in tried.plan)
        found = {each.stage: each.seconds or 0.0 for each in estimates_of(replace(tried, plan=plan))}
        return [found["policy"], found["evaluate"]]

    few, more, most = (policy_and_evaluation(steps) for steps in (10, 110, 210))
    for at_few, at_more, at_most in zip(few, more, most, strict=True):
        assert at_few < at_more
        assert at_most - at_more == pytest.approx(at_more - at_few)


def tried_reward(*, ratio: float = 1.0) -> Trial:
    course = Course("reward", total=20, began=102.0, ended=112.0, seconds=[4.0, 1.0, 3.0])
    stage = TriedStage("reward", 15.0, 100.0, (course,), 1.5)
    return Trial((stage,), (PlannedStage("reward", "learns", 100, 20),), ratio)


def test_the_first_step_warms_up_and_what_is_scored_grows_with_the_pairs() -> None:
    (plain,) = estimates_of(tried_reward())
    assert plain.seconds == pytest.approx(2 + 4 + 19 * 2 + 5)  # opening, the first step, the others, scoring
    assert (plain.low, plain.high) == (plain.seconds / 2, plain.seconds * 2)
    assert (plain.steps, plain.memory_gb) == (20, 1.5)
    (larger,) = estimates_of(tried_reward(ratio=3.0))
    assert larger.seconds == pytest.approx(2 + 4 + 19 * 2 + 3 * 5)
    (unplanned,) = estimates_of(replace(tried_reward(ratio=3.0), plan=()))
    assert unplanned.steps == 60


def test_a_stage_of_one_step_takes_what_it_took() -> None:
    course = Course("sft", total=1, began=1.0, ended=2.0, seconds=[1.0])
    (found,) = estimates_of(Trial((TriedStage("sft", 3.0, 0.0, (course,), None),)))
    assert found.seconds == pytest.approx(3.0)
    assert found.words == "about 3 s (1.5 s to 6 s)"


def test_a_stage_that_cannot_be_tried_ends_the_estimate() -> None:
    stages = (TriedStage("data", 1.0), TriedStage("reward", problem="nobody answers at that address"))
    first, last = estimates_of(Trial(stages))
    assert first.seconds == 1.0
    assert (last.seconds, last.problem) == (None, "nobody answers at that address")
    whole = in_all([first, last])
    assert (whole.seconds, whole.memory_gb) == (1.0, None)


def test_times_are_told_in_their_unit() -> None:
    told = StageEstimate("", 4000.0, 2000.0, 8000.0, 12.34).words
    assert told == "about 67 min (33 min to 2.2 h), 12.3 GB"


@dataclass(frozen=True)
class Metrics:
    seconds: float


@dataclass(frozen=True)
class MeasuredStep:
    step: int
    total: int
    metrics: Metrics


def test_a_display_keeps_what_steps_say_and_what_is_tracked(capsys: pytest.CaptureFixture[str]) -> None:
    display = CourseDisplay()

    def steps() -> Iterator[MeasuredStep]:
        yield MeasuredStep(1, 7, Metrics(0.25))
        yield MeasuredStep(2, 7, Metrics(0.5))

    assert len(list(display.steps(steps(), "policy"))) == 2
    assert list(display.track("abc", "samples", 3)) == ["a", "b", "c"]
    assert list(display.track("", "judging", 0)) == []
    policy, samples, judging = display.courses
    assert (policy.total, policy.seconds) == (7, [0.25, 0.5])
    assert (samples.total, len(samples.seconds)) == (3, 3)
    assert all(seconds >= 0 for seconds in samples.seconds)
    assert samples.began <= samples.ended
    assert judging.seconds == []
    assert capsys.readouterr().out == ""


def test_what_cannot_be_tried_is_said(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from accord.lm import load as load_model

    recipe = folder / "recipe.toml"
    assert obstacle(load(recipe)) == ""
    assert "database" in obstacle(load(recipe, {"data.ledger": "postgresql://somewhere/people"}))
    absent = obstacle(load(recipe, {"sft.base": "nobody/no-such-model"}))
    assert absent.startswith("recipe.sft.base: nobody/no-such-model")
    load_model("tiny", dtype="float32").save(tmp_path / "model")
    saved = load(recipe, {"sft.base": str(tmp_path / "model")})
    assert obstacle(saved) == ""
    monkeypatch.setattr(trial_module, "WEIGHT_COPIES", 1e9)
    assert obstacle(saved).startswith(f"recipe.sft.base: to train {tmp_path / 'model'} may take ")
    capsys.readouterr()
    assert accord(["check", str(recipe), "--measure", f"--sft.base={tmp_path / 'model'}"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[-2].startswith("time and memory not foretold: recipe.sft.base: to train ")
    assert told[-1] == "nothing is missing"


def test_nothing_is_measured_unless_it_is_asked_for(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = str(folder / "recipe.toml")
    assert accord(["check", recipe]) == 0
    assert "time and memory: not measured (--measure)" in capsys.readouterr().out.splitlines()
    assert accord(["check", recipe, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["estimates"] == []


@pytest.mark.slow
def test_check_measures(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert accord(["check", str(folder / "recipe.toml"), "--measure"]) == 0
    told = capsys.readouterr()
    lines = told.out.splitlines()
    assert all("; about " in line for line in lines[:8])
    paths = lines[8:-2]
    assert {line.split(":")[1] for line in paths} == {" rows", " layers", " decoder", " kernels"}
    assert all(line.startswith("tiny: ") for line in paths)
    assert lines[-2].startswith("in all about ")
    assert lines[-1] == "nothing is missing"
    assert told.err == "accord: trying three steps of each stage\n"
