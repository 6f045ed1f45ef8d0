"""What the page says of what the reward model did not know; old runs say nothing of it."""

from accord.artefacts import CurvePoint, JudgedRollout
from accord.loop.judged_rollouts import curve_of
from accord.report.training_curves import _doubt


def rollouts(std_of: dict[int, float | None]) -> list[JudgedRollout]:
    return [
        JudgedRollout(
            step=step, index=index, prompt=f"p{index}", reward=1.0, reward_std=std, eval_reward=0.0, kl=0.1 * step
        )
        for step, std in std_of.items()
        for index in range(4)
    ]


def test_growing_doubt_is_told_with_its_interval() -> None:
    points = list(curve_of(rollouts({1: 0.25, 2: 0.5, 3: 1.25})))
    assert [point.reward_std.value for point in points if point.reward_std is not None] == [0.25, 0.5, 1.25]
    said = _doubt(points)
    assert "0.25" in said
    assert "1.25" in said


def test_a_judge_without_doubt_has_none_on_the_page() -> None:
    points = list(curve_of(rollouts({1: None, 2: 0.5})))
    assert points[0].reward_std is None
    assert _doubt(points) == ""
    old = points[0].model_dump_json()
    assert "std" not in old
    assert CurvePoint.model_validate_json(old) == points[0]
