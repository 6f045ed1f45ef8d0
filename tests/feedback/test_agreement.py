"""Agreement against cases written out by hand, and alpha against another implementation of its formula."""

from itertools import combinations

import evalica
import numpy as np
import pandas as pd
import pytest
from said import comparison, completion, person, prompt, rating

from accord.feedback import krippendorff_alpha, pair_agreement, unknown_evaluator
from accord.feedback.statistics.agreement import _alpha, _sums
from accord.records import Feedback, Ranking, Rating

ASKED = prompt()
TEXTS = [completion(ASKED, text) for text in "abcdef"]
PEOPLE = [person(name) for name in "uvwxyz"]


def given(values: list[list[float]], session: str = "s") -> list[Feedback]:
    """Row by rater, column by text."""
    return [
        rating(by, text, v, session)
        for by, row in zip(PEOPLE, values, strict=False)
        for text, v in zip(TEXTS, row, strict=False)
    ]


def by_hand(said: list[Feedback]) -> tuple[int, int]:
    """Pairs of raters that agree, and all, counted one by one."""
    value = {
        (each.evaluator, each.completions[0]): each.judgement.value
        for each in said
        if isinstance(each.judgement, Rating)
    }
    same = every = 0
    for one, other in combinations({each.evaluator for each in said}, 2):
        for first, second in combinations(TEXTS, 2):
            if all((who, text.id) in value for who in (one, other) for text in (first, second)):
                a = value[one, first.id] - value[one, second.id]
                b = value[other, first.id] - value[other, second.id]
                if a * b != 0:
                    every += 1
                    same += a * b > 0
    return same, every


def test_agreement_is_what_counting_gives() -> None:
    draw = np.random.default_rng(0)
    said = given(draw.integers(-2, 3, (5, 6)).astype(float).tolist())
    same, every = by_hand(said)
    found = pair_agreement(said)
    assert found is not None
    assert (found.value, found.n, found.clusters) == (pytest.approx(same / every), every, 1)
    assert found.low is None


def test_agreement_is_clustered_by_session_and_can_be_restricted() -> None:
    draw = np.random.default_rng(1)
    said: list[Feedback] = []
    for sheet in range(8):
        asked = prompt(f"question {sheet % 4}")
        texts = [completion(asked, f"{sheet}/{i}") for i in range(5)]
        truth = draw.normal(size=5)
        for by in range(4):
            seen = np.clip(np.round(truth + draw.normal(size=5)), -4, 4)
            said += [
                rating(person(f"{sheet}/{by}"), t, float(v), f"s-{sheet}") for t, v in zip(texts, seen, strict=True)
            ]
    found = pair_agreement(said)
    assert found is not None
    assert found.clusters == 8
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.value < found.high
    one = pair_agreement(said, sessions=["s-0"])
    assert one is not None
    assert one == pair_agreement([each for each in said if each.session == "s-0"])
    asked = {prompt("question 1").id}
    assert pair_agreement(said, prompts=asked) == pair_agreement([each for each in said if each.prompt in asked])
    assert pair_agreement(said, prompts=[]) is None


def test_opposite_people_never_agree() -> None:
    found = pair_agreement(given([[0, 1, 2], [2, 1, 0]]))
    assert found is not None
    assert (found.value, found.n) == (0.0, 3)


def test_comparisons_and_rankings_count_too() -> None:
    u, v, w, x = PEOPLE[:4]
    one, other, third = TEXTS[:3]
    ranked = Feedback(
        evaluator=w.id,
        prompt=ASKED.id,
        completions=(one.id, other.id, third.id),
        judgement=Ranking(tiers=((0,), (1, 2))),
    )
    said = [
        comparison(u, one, other, "left"),
        comparison(v, other, one, "left"),
        ranked,
        comparison(x, one, other, "tie"),
    ]
    found = pair_agreement(said)
    assert found is not None
    assert (found.value, found.n) == (pytest.approx(1 / 3), 3)


def test_nobody_known_means_no_estimate() -> None:
    nobody = unknown_evaluator("somewhere")
    said = [comparison(nobody, *TEXTS[:2], "left"), comparison(nobody, *TEXTS[1:3], "left")]
    assert pair_agreement(said, evaluators={nobody.id: nobody}) is None
    assert pair_agreement([]) is None
    assert pair_agreement(given([[1, 2]])) is None


def test_alpha_is_that_of_evalica_and_of_the_formula() -> None:
    draw = np.random.default_rng(2)
    truth = draw.normal(0, 1.5, 6)
    table = np.clip(np.round(truth + draw.normal(0, 1, (5, 6))), -4, 4)
    found = krippendorff_alpha(given(table.tolist()))
    assert found is not None
    assert found.value == pytest.approx(evalica.alpha(pd.DataFrame(table), distance="interval").alpha)
    units = [list(column) for column in table.T]
    assert _alpha(_sums(["s"] * 6, units).sum(axis=0, keepdims=True))[0] == pytest.approx(found.value)
    assert (found.n, found.clusters, found.low) == (30, 1, None)


def test_alpha_with_gaps_and_an_interval() -> None:
    draw = np.random.default_rng(3)
    said: list[Feedback] = []
    units, batches = [], []
    for sheet in range(10):
        texts = [completion(ASKED, f"{sheet}/{i}") for i in range(4)]
        for i, text in enumerate(texts):
            raters = draw.integers(1, 5)
            values = np.clip(np.round(2 * (i - 1.5) + draw.normal(size=raters)), -4, 4).tolist()
            said += [rating(person(f"{sheet}/{k}"), text, value, f"s-{sheet}") for k, value in enumerate(values)]
            if raters > 1:
                units.append(values)
                batches.append(f"s-{sheet}")
    found = krippendorff_alpha(said)
    assert found is not None
    assert found.value == pytest.approx(_alpha(_sums(batches, units).sum(axis=0, keepdims=True))[0])
    assert found.n == sum(map(len, units))
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.value < found.high


def test_alpha_needs_two_ratings_that_could_differ() -> None:
    assert krippendorff_alpha(given([[1, 2, 3]])) is None
    assert krippendorff_alpha(given([[1, 1], [1, 1]])) is None
