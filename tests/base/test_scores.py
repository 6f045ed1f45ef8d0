"""`Scores` refuses what is not one finite number a completion, or does not agree with the rest."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from accord.interfaces import Scores

VALUE = np.array([1.0, -2.0, 0.0])
MEMBERS = VALUE[:, None] + np.array([-1.0, 0.0, 1.0])


def test_what_agrees_is_taken() -> None:
    scores = Scores(
        VALUE,
        np.array([0.0, 0.5, 1.0]),
        {"part": Scores(np.array([1, 2, 3]))},
        (((1, 1.0),), ((0, -3.0), (2, 1.0)), ()),
        0.5,
        np.array([0, 4, 2]),
        MEMBERS,
    )
    assert replace(scores, scale=None).members_NS is MEMBERS
    assert (
        Scores(np.zeros(0), np.zeros(0), tokens_N=np.zeros(0, dtype=np.int64), members_NS=np.zeros((0, 5))).scale
        is None
    )
    large = 1e9 + np.random.default_rng(0).normal(size=(3, 7))
    assert Scores(large.mean(1), large.std(1, ddof=1), members_NS=large).std_N is not None


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"value_N": [1.0, 2.0, 3.0]}, "scores are a list; make them a numpy array of floats"),
        ({"value_N": np.array(["1", "2", "3"])}, "scores are an array of <U1"),
        ({"value_N": np.array([10**400, 1, 2])}, "scores are an array of object"),
        ({"value_N": np.zeros((3, 1))}, r"scores of shape \(3, 1\)"),
        ({"value_N": np.array([0.0, np.nan, np.inf])}, r"scores \[1, 2\] are not finite"),
        ({"value_N": np.ma.masked_array(VALUE, [False, True, False])}, "scores are masked in part"),
        ({"std_N": np.zeros(2)}, r"standard deviations of shape \(2,\) for 3 completions"),
        ({"std_N": np.zeros((3, 1))}, r"standard deviations of shape \(3, 1\) for 3 completions"),
        ({"std_N": np.array([0.0, np.nan, 0.0])}, r"standard deviations \[1\] are not finite"),
        ({"std_N": np.array([0.0, -0.1, 0.0])}, "standard deviations below 0"),
        ({"members_NS": np.where(MEMBERS > 1, np.nan, MEMBERS)}, r"members \[0\] are not finite"),
        ({"members_NS": MEMBERS[:2]}, r"members of shape \(2, 3\) for 3 completions"),
        ({"members_NS": VALUE}, r"members of shape \(3,\) for 3 completions"),
        ({"members_NS": np.zeros((3, 0))}, "there are none; leave them out"),
        ({"members_NS": MEMBERS + np.array([[0.0], [0.3], [0.0]])}, r"members of scores \[1\] have another mean"),
        ({"tokens_N": np.array([1, 2])}, r"numbers of tokens of shape \(2,\) for 3 completions"),
        ({"tokens_N": np.array([1.0, 2.0, 3.0])}, "numbers of tokens are an array of float64.* of integers"),
        ({"tokens_N": np.array([1, -2, 3])}, "numbers of tokens below 0"),
        ({"scale": np.nan}, "a scale of nan"),
        ({"components": {"part": Scores(np.zeros(2))}}, "component 'part' is not one number a completion"),
        ({"credits": (((0, 1.0),), ((0, -2.0),), ((0, np.nan),))}, "credits of a completion do not sum to its score"),
    ],
)
def test_what_does_not_agree_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Scores(**{"value_N": VALUE, **fields})
