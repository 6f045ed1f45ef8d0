"""RL1 coverage: prompts on which nothing good is ever written; and one of k answers."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

import pytest
from audit_checks import evaluation_sample
from hypothesis import given
from hypothesis import strategies as st

from accord.artefacts import EVALUATION_SAMPLES, SAMPLES, EvaluationSample, Finding, RolloutRow, Verdict
from accord.audit import CHECKS, AuditSettings, Evidence
from accord.audit.optimisation.pass_at_k import pass_at_k
from accord.audit.optimisation.thresholds import OptimisationThresholds
from accord.errors import AccordError
from accord.lab.planted.learner import Learner
from accord.run import RunDirectory

Rewards = Mapping[str, Sequence[Sequence[float | None]]]


def found(
    rewards: Rewards, tmp_path: Path, *, good: float | None = None, samples: Sequence[EvaluationSample] = ()
) -> Finding:
    """The finding on a run whose rollouts have these rewards, by prompt and step."""
    rows = [
        RolloutRow(step=step, index=index, prompt=prompt, text="text", reward=reward)
        for prompt, steps in rewards.items()
        for step, group in enumerate(steps, 1)
        for index, reward in enumerate(group)
    ]
    settings = AuditSettings.model_validate({"optimisation": OptimisationThresholds(good=good)})
    with RunDirectory.create(tmp_path / "run") as run:
        SAMPLES.write(run, rows, stage="policy")
        if samples:
            EVALUATION_SAMPLES.write(run, samples)
        return CHECKS.get("RL1 coverage").run(Evidence(run), settings)


def verdicts(solved: int, of: int) -> dict[str, list[list[float]]]:
    """Two steps of four rollouts each, on prompts of which only the first are solved at all."""
    return {f"p{i}": [[0.0] * 4, [0.0, 0.0, 0.0, float(i < solved)]] for i in range(of)}


@pytest.mark.parametrize(("solved", "verdict"), [(0, "fires"), (6, "fires"), (15, "inconclusive"), (20, "quiet")])
def test_prompts_without_any_good_answer_are_counted(solved: int, verdict: str, tmp_path: Path) -> None:
    finding = found(verdicts(solved, 20), tmp_path)
    assert finding.verdict is Verdict[verdict.upper()]
    assert finding.estimate is not None
    assert finding.estimate.value == pytest.approx(1 - solved / 20)
    assert ("prompts" in finding.ids) is (solved < 20)
    assert finding.facts["groups whose rewards are all equal"].value == pytest.approx((40 - solved) / 40)


def test_scores_that_differ_from_text_to_text_leave_no_such_prompt(tmp_path: Path) -> None:
    rewards = {f"p{i}": [[i + 0.1 * j for j in range(4)]] for i in range(20)}
    assert found(rewards, tmp_path).verdict is Verdict.QUIET
    finding = found(rewards, tmp_path / "stated", good=18.0)
    assert finding.verdict is Verdict.FIRES
    assert finding.ids["prompts"].count == 18


def test_what_is_always_right_was_learnt_before(tmp_path: Path) -> None:
    """Their groups have no advantages either, and nothing is wrong with that."""
    mastered = {f"m{i}": [[1.0] * 4] for i in range(19)}
    finding = found(mastered | {"p": [[0.0, 0.0, 1.0, 1.0]]}, tmp_path)
    assert finding.verdict is Verdict.QUIET
    assert finding.facts["groups whose rewards are all equal"].value == pytest.approx(0.95)
    assert found(mastered, tmp_path / "alone", good=1.0).verdict is Verdict.QUIET


def test_where_all_rewards_of_a_run_are_equal_nothing_was_learnt(tmp_path: Path) -> None:
    assert found({f"p{i}": [[-1.0] * 8] for i in range(20)}, tmp_path).verdict is Verdict.FIRES


def test_too_little_is_said(tmp_path: Path) -> None:
    one_each: Rewards = {f"p{i}": [[1.0]] for i in range(50)}
    assert "6 prompts with 4 rollouts" in found(one_each, tmp_path / "a").needs
    unscored: Rewards = {f"p{i}": [[None] * 8] for i in range(50)}
    assert found(unscored, tmp_path / "b").verdict is Verdict.NOT_ASSESSABLE
    assert found({}, tmp_path / "c").verdict is Verdict.NOT_ASSESSABLE


def test_whether_the_policy_does_at_once_what_its_start_does_among_many(tmp_path: Path) -> None:
    """One of four of the start's answers is right, and three of the policy's."""
    samples = [
        evaluation_sample(arm, f"p{i}", reward=float(j < right))
        for arm, right in (("start", 1), ("policy", 3))
        for i in range(8)
        for j in range(4)
    ]
    facts = found(verdicts(10, 20), tmp_path, samples=samples).facts
    assert facts["one of 1 is good, start"].value == pytest.approx(0.25)
    assert facts["one of 1 is good, policy"].value == pytest.approx(0.75)
    assert facts["one of 4 is good, start"].value == 1.0
    assert facts["good rollouts, last step"].value == pytest.approx(10 / 80)
    other = [sample.model_copy(update={"reward": 0.3}) for sample in samples]
    assert not any(name.startswith("one of") for name in found(verdicts(10, 20), tmp_path / "b", samples=other).facts)


@given(st.integers(1, 9), st.data())
def test_one_of_k_is_the_share_of_draws_that_hold_a_right_one(answers: int, data: st.DataObject) -> None:
    right, k = data.draw(st.integers(0, answers)), data.draw(st.integers(1, answers))
    draws = list(combinations(range(answers), k))
    assert pass_at_k(answers, right, k) == pytest.approx(sum(min(draw) < right for draw in draws) / len(draws))


@pytest.mark.parametrize("wrong", [(4, 5, 1), (4, -1, 1), (4, 2, 0), (4, 2, 5)])
def test_one_of_more_than_there_are_is_refused(wrong: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="one of"):
        pass_at_k(*wrong)


def test_a_learner_has_lessons_where_rewards_differ() -> None:
    learner = Learner(bar=2.0)
    assert [learner.reward(score) for score in (1.9, 2.0, 3.0)] == [0.0, 1.0, 1.0]
    assert learner.lesson(["a", "a", "b", "b"], [0.0, 1.0, 0.0, 0.0]) == 0.5
    assert Learner().lesson(["a"], [0.3]) == 1.0


@pytest.mark.parametrize("good", ["high", True])
def test_a_level_is_a_number(good: object) -> None:
    with pytest.raises((ValueError, AccordError)):
        OptimisationThresholds(good=good)  # type: ignore[arg-type]
