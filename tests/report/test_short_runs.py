"""Figures of runs of one, two and three steps: whole steps on the axis, and no name of a line upon another."""

import re
from itertools import pairwise

import pytest

from accord.report.canvas import NARROW
from accord.report.figures import CurveStep, TrainingCurve, curve, training_curve
from accord.stats import Estimate


def words_of(svg: str) -> list[tuple[float, str]]:
    """Each text of a drawing with where it begins."""
    found = re.findall(r"<text[^>]*?(?:x=\"([\d.-]+)\"|translate\(([\d.-]+)[^)]*\))[^>]*>([^<]*)</text>", svg)
    return [(float(x or moved), text) for x, moved, text in found]


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("value", [1.00001, -3.2e5])
def test_steps_are_whole_and_an_axis_is_no_rounding(steps: int, value: float) -> None:
    step_S = tuple(range(1, steps + 1))
    value_S = tuple(value + 1e-7 * step for step in step_S)
    svg = training_curve(TrainingCurve("k", "T", "u", step_S, value_S, value_S, value_S))
    texts = [text for _, text in words_of(svg)]
    below, beside = texts[: texts.index("step")], texts[texts.index("step") + 1 :]
    assert below == [str(step) for step in step_S]
    assert len(set(beside)) == len(beside) > 2  # no tick is written twice
    assert not any("e" in text for text in beside)


@pytest.mark.parametrize("judge_ends_higher", [False, True])
def test_names_of_lines_stand_apart(judge_ends_higher: bool) -> None:
    kl, low, high = (Estimate(value, value - 0.1, value + 0.1, 16) for value in (0.5, 0.1, 0.9))
    proxy, judge = (low, high) if judge_ends_higher else (high, low)
    svg = curve([CurveStep(1, kl, proxy, judge)], width=NARROW)
    names = sorted((x, text) for x, text in words_of(svg) if text in {"reward model", "independent judge"})
    assert len(names) == 2
    for (x, text), (beside, _) in pairwise(names):
        assert x + 8.2 * len(text) < beside  # a bold letter of 15 pixels is some 8 wide
    assert names[-1][0] + 8.2 * len(names[-1][1]) < NARROW
