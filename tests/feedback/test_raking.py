"""Raking against tables worked out by hand, and against what its definition promises."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accord.errors import RecordError
from accord.feedback.statistics.raking import check_target, design_effect, effective_size, rake


def weighted(groups: list[str | None], weight_N: np.ndarray, group: str) -> float:
    known = np.array([each is not None for each in groups])
    return float(weight_N[[each == group for each in groups]].sum() / weight_N[known].sum())


def test_one_attribute_is_poststratification() -> None:
    """8 and 2 of 10 for a target of half and half: weights .625 and 2.5; 10^2 / (8 x .625^2 + 2 x 2.5^2) = 6.4."""
    raking = rake({"age": ["old"] * 8 + ["young"] * 2}, {"age": {"young": 0.5, "old": 0.5}})
    assert raking.weight_N.tolist() == pytest.approx([0.625] * 8 + [2.5] * 2)
    assert raking.converged
    assert effective_size(raking.weight_N) == pytest.approx(6.4)
    assert design_effect(raking.weight_N) == pytest.approx(10 / 6.4)


def test_both_margins_hold_and_odds_ratios_stay() -> None:
    """Deming & Stephan: the fitted table has the margins of the target and the interaction of the sample."""
    count = {("a", "x"): 30, ("a", "y"): 10, ("b", "x"): 20, ("b", "y"): 40}
    rows = [cell for cell, number in count.items() for _ in range(number)]
    groups = {"one": [cell[0] for cell in rows], "two": [cell[1] for cell in rows]}
    raking = rake(groups, {"one": {"a": 0.6, "b": 0.4}, "two": {"x": 0.3, "y": 0.7}})
    cell = {key: raking.weight_N[[row == key for row in rows]].sum() for key in count}
    assert cell["a", "x"] + cell["a", "y"] == pytest.approx(60)
    assert cell["a", "x"] + cell["b", "x"] == pytest.approx(30)
    odds = cell["a", "x"] * cell["b", "y"] / (cell["a", "y"] * cell["b", "x"])
    assert odds == pytest.approx(30 * 40 / (10 * 20))


def test_what_nobody_is_of_is_named_and_the_rest_keep_their_ratio() -> None:
    raking = rake({"age": ["old", "young"]}, {"age": {"young": 0.2, "old": 0.3, "very old": 0.5}})
    assert raking.missing == {"age": ("very old",)}
    assert raking.weight_N.tolist() == pytest.approx([1.2, 0.8])


def test_who_says_nothing_keeps_the_weight_that_the_others_leave() -> None:
    raking = rake({"age": ["old", "old", "young", None, "?"]}, {"age": {"young": 0.5, "old": 0.5}})
    assert raking.weight_N.tolist() == pytest.approx([0.75, 0.75, 1.5, 1, 1])


def test_the_shares_hold_of_the_product_with_weights_that_were_there() -> None:
    """Old weigh 1 and 3, young 2, 2 and 2: half of five each, so old 2.5 (1, 3) / 4 and young 2.5 / 3 each."""
    groups = {"age": ["old", "old", "young", "young", "young"]}
    raking = rake(groups, {"age": {"old": 0.5, "young": 0.5}}, base=[1, 3, 2, 2, 2])
    assert raking.weight_N.tolist() == pytest.approx([0.625, 1.875, *[2.5 / 3] * 3])
    assert raking.converged
    assert rake(groups, {"age": {"old": 0.4, "young": 0.6}}, base=[1, 3, 2, 2, 2]).rounds == 0


def test_a_share_of_nothing_is_a_weight_of_nothing() -> None:
    raking = rake({"age": ["old", "young", "young", None]}, {"age": {"young": 1.0, "old": 0.0}})
    assert raking.weight_N.tolist() == pytest.approx([0, 1.5, 1.5, 1])
    assert (raking.converged, raking.missing) == (True, {})
    with pytest.raises(RecordError, match="every row is of a group whose share is 0"):
        rake({"age": ["old", "old"]}, {"age": {"young": 1.0, "old": 0.0}})


def test_who_weighs_nothing_takes_the_others_share_along() -> None:
    """All of y are old, who weigh nothing: the half of y cannot be met, and the young keep all weight."""
    groups = {"age": ["old", "young", "young"], "sex": ["y", "x", "x"]}
    raking = rake(groups, {"age": {"young": 1.0, "old": 0.0}, "sex": {"x": 0.5, "y": 0.5}})
    assert raking.weight_N.tolist() == pytest.approx([0, 1.5, 1.5])
    assert raking.error == pytest.approx(0.5)


def test_margins_that_exclude_one_another_are_seen() -> None:
    raking = rake({"a": ["x", "y"], "b": ["x", "y"]}, {"a": {"x": 0.5, "y": 0.5}, "b": {"x": 0.9, "y": 0.1}})
    assert not raking.converged


def test_nothing_to_weigh() -> None:
    assert rake({"a": []}, {"a": {"x": 1.0}}).weight_N.size == 0
    assert rake({"a": ["x", "y"]}, {}).weight_N.tolist() == [1, 1]
    assert effective_size([]) == effective_size([0, 0]) == 0
    assert design_effect([]) is design_effect([0, 0]) is None


@pytest.mark.parametrize(
    ("target", "place"),
    [({"a": {"x": 0.5}}, "target.a"), ({"a": {"x": 1.5, "y": -0.5}}, "target.a.x"), ({"b": {"x": 1.0}}, "target.b")],
)
def test_a_target_that_is_none_is_refused(target: dict[str, dict[str, float]], place: str) -> None:
    with pytest.raises(RecordError) as refused:
        rake({"a": ["x"]}, target)
    assert refused.value.place == place
    check_target({"a": {"x": 0.25, "y": 0.75}})


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xyz")), min_size=12, max_size=60), st.randoms())
def test_every_margin_is_met_and_no_order_matters(rows: list[tuple[str, str]], random: object) -> None:
    rows = [*rows, *((first, second) for first in "ab" for second in "xyz")]  # so that no margin excludes another
    target = {"one": {"a": 0.3, "b": 0.7}, "two": {"x": 0.2, "y": 0.5, "z": 0.3}}
    raking = rake({"one": [row[0] for row in rows], "two": [row[1] for row in rows]}, target)
    assert raking.weight_N.mean() == pytest.approx(1)
    for name, column in (("one", 0), ("two", 1)):
        for group, share in target[name].items():
            assert weighted([row[column] for row in rows], raking.weight_N, group) == pytest.approx(share, abs=1e-6)
    order = list(range(len(rows)))
    random.shuffle(order)  # type: ignore[attr-defined]
    again = rake({"one": [rows[i][0] for i in order], "two": [rows[i][1] for i in order]}, target)
    assert again.weight_N == pytest.approx(raking.weight_N[order])
