"""How scores of several become one: the axioms that tell the rules apart, each on numbers worked out by hand."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, logit

from accord.lm.aggregation import Aggregation, Rule

Array = NDArray[np.float64]
SCORES = np.array([[1.0, 5.0, 3.0], [2.0, 2.0, 2.5], [0.0, 9.0, 9.0]])
REFERENCE = np.array([[0.0, 0.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 4.0]])
RULES: tuple[Rule, ...] = ("mean", "maxmin", "quantile", "borda", "nash")


def test_mean_and_maxmin() -> None:
    assert Aggregation()(SCORES) == pytest.approx(SCORES.mean(1))
    assert Aggregation("mean", (1, 1, 2))(SCORES) == pytest.approx([3.0, 2.25, 6.75])
    assert Aggregation("maxmin", (1, 5, 2))(SCORES).tolist() == [1.0, 2.0, 0.0]  # however many there are
    assert Aggregation("maxmin", (0, 5, 2))(SCORES).tolist() == [3.0, 2.0, 9.0]  # but nobody is nobody


@pytest.mark.parametrize(
    ("quantile", "expected"),
    [(0.0, [1, 2, 0]), (0.3, [3, 2, 9]), (0.25, [3, 2, 9]), (0.2, [1, 2, 0]), (0.75, [5, 2.5, 9]), (1.0, [5, 2.5, 9])],
)
def test_a_quantile_is_of_people(quantile: float, expected: list[float]) -> None:
    """One in four is the first component, one the second, two the third."""
    assert Aggregation("quantile", (1, 1, 2), quantile)(SCORES).tolist() == expected


@pytest.mark.parametrize("rule", RULES)
def test_what_everybody_likes_better_scores_higher(rule: Rule) -> None:
    better = SCORES + np.array([0.1, 0.5, 0.01])
    aggregate = Aggregation(rule, (1, 1, 2))
    assert (aggregate(better, REFERENCE) > aggregate(SCORES, REFERENCE)).all()


@pytest.mark.parametrize("rule", RULES)
def test_a_score_depends_on_no_other_completion_of_the_call(rule: Rule) -> None:
    aggregate = Aggregation(rule)
    one_by_one = [float(aggregate(row[None], REFERENCE)[0]) for row in SCORES]
    assert aggregate(SCORES, REFERENCE) == pytest.approx(one_by_one)


@pytest.mark.parametrize("rule", RULES)
def test_names_do_not_matter(rule: Rule) -> None:
    order = [2, 0, 1]
    weights = (1.0, 3.0, 2.0)
    moved = tuple(weights[k] for k in order)
    expected = Aggregation(rule, weights)(SCORES, REFERENCE)
    assert Aggregation(rule, moved)(SCORES[:, order], REFERENCE[:, order]) == pytest.approx(expected)


def test_nash_welfare_knows_no_units_and_no_zeros() -> None:
    aggregate = Aggregation("nash", (1, 2, 1))
    factor, offset = np.array([10.0, 0.3, 2.0]), np.array([5.0, -100.0, 0.0])
    expected = aggregate(SCORES, REFERENCE)
    assert aggregate(SCORES * factor + offset, REFERENCE * factor + offset) == pytest.approx(expected)
    mean = Aggregation("mean")
    assert np.argmax(mean(SCORES)) != np.argmax(mean(SCORES * [10.0, 0.01, 0.01]))  # as the mean does
    by_hand = np.log(1.0 / 1) / 4 + np.log(5.0 / 2) / 2 + np.log(2.0 / (7 / 3 - 1)) / 4
    assert expected[0] == pytest.approx(by_hand)
    assert np.isfinite(aggregate(np.full((1, 3), -50.0), REFERENCE)).all()  # below what anybody has seen


def test_borda_is_what_one_reward_for_all_learns_of_hidden_groups() -> None:
    """In the limit of infinitely many comparisons of every pair; a mild majority outvotes a strong minority."""
    utility_AK = np.array([[1.5, -3.0], [0.0, 3.0], [-0.7, 0.5], [0.3, -0.4]])
    share_K = np.array([0.7, 0.3])
    margin_AAK = utility_AK[:, None] - utility_AK[None]
    preferred_AA = expit(margin_AAK) @ share_K

    def cross_entropy(reward_A: Array) -> float:
        return float((preferred_AA * np.logaddexp(0, -(reward_A[:, None] - reward_A[None]))).sum())

    plain_A = minimize(cross_entropy, np.zeros(4), tol=1e-10).x
    borda_A = Aggregation("borda", tuple(share_K))(utility_AK, utility_AK)
    assert borda_A.argsort().tolist() == plain_A.argsort().tolist()
    mean_A = Aggregation("mean", tuple(share_K))(utility_AK)
    assert plain_A[0] > plain_A[1]  # seven in ten like the first a little better
    assert mean_A[0] < mean_A[1]  # three in ten suffer from it
    assert Aggregation("maxmin")(utility_AK).argmax() == 1


def test_borda_of_one_voter_and_one_reference_is_the_difference() -> None:
    aggregate = Aggregation("borda")
    assert aggregate(np.array([[2.0], [-1.0]]), np.array([[0.5]])) == pytest.approx([1.5, -1.5])
    assert aggregate(np.array([[2.0]]), np.array([[0.5]]), scale=3.0) == pytest.approx([1.5])
    shares = expit([2.0, 1.0]).mean()
    assert aggregate(np.array([[2.0]]), np.array([[0.0], [1.0]])) == pytest.approx([logit(shares)])
    assert np.isfinite(aggregate(np.array([[1e6], [-1e6]]), np.array([[0.0]]))).all()


@pytest.mark.parametrize("rule", ["borda", "nash"])
def test_without_references_some_rules_cannot_be(rule: Rule) -> None:
    with pytest.raises(ValueError, match=f"'{rule}' needs the scores of reference completions"):
        Aggregation(rule)(SCORES)


@pytest.mark.parametrize("weights", [(1.0,), (1.0, -1.0, 1.0), (0.0, 0.0, 0.0)])
def test_weights_that_are_none_are_refused(weights: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="one each, none negative, some not 0"):
        Aggregation("mean", weights)(SCORES)
