"""Agreement against cases written out by hand."""

from dataclasses import replace
from itertools import combinations, permutations

import numpy as np
import pytest
from said import comparison, completion, person, prompt, rating

from accord.feedback import (
    consensus_accuracy,
    pair_agreement,
    pairs_from_comparison,
    unknown_evaluator,
)
from accord.feedback.statistics.preferences import collect_preferences
from accord.records import Feedback, Pair, Ranking, Rating

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


def by_hand(said: list[Feedback]) -> tuple[float, int]:
    """How often somebody else agrees with whoever put two texts in an order (a tie of theirs half), of how often."""
    value = {
        (each.evaluator, each.completions[0]): each.judgement.value
        for each in said
        if isinstance(each.judgement, Rating)
    }
    same, every = 0.0, 0
    for one, other in permutations({each.evaluator for each in said}, 2):
        for first, second in combinations(TEXTS, 2):
            if all((who, text.id) in value for who in (one, other) for text in (first, second)):
                a = value[one, first.id] - value[one, second.id]
                b = value[other, first.id] - value[other, second.id]
                if a != 0:
                    every += 1
                    same += 0.5 if b == 0 else a * b > 0
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
    assert (found.value, found.n) == (0.0, 6)


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
    # u and w for the first, v for the second, x for neither: 1 + 1 + 0 of 9 agree, and three times half
    assert (found.value, found.n) == (pytest.approx(3.5 / 9), 9)


def test_nobody_known_means_no_estimate() -> None:
    nobody = unknown_evaluator("somewhere")
    said = [comparison(nobody, *TEXTS[:2], "left"), comparison(nobody, *TEXTS[1:3], "left")]
    assert pair_agreement(said, evaluators={nobody.id: nobody}) is None
    assert pair_agreement([]) is None
    assert pair_agreement(given([[1, 2]])) is None


def test_two_right_in_seven_of_ten_agree_less_often_than_either_is_right() -> None:
    """.7^2 + .3^2 = .58; the majority of 20 is right in .95, so it says what one does in .95 x .7 + .05 x .3 = .68."""
    draw = np.random.default_rng(4)
    said, pairs = [], []
    for item in range(150):
        asked = prompt(f"question {item}")
        good, bad = completion(asked, "good"), completion(asked, "bad")
        for place in range(21):
            record = comparison(person(f"p-{place}"), good, bad, "left" if draw.random() < 0.7 else "right")
            said.append(record)
            pairs += pairs_from_comparison(record)
    agreement, consensus = pair_agreement(said), consensus_accuracy(pairs, said)
    assert agreement is not None
    assert consensus is not None
    assert agreement.value == pytest.approx(0.58, abs=0.01)
    assert consensus.value == pytest.approx(0.68, abs=0.02)
    assert consensus.n == 150 * 21


def test_the_others_order_by_their_mean_ratings_and_without_them_by_votes() -> None:
    """u gives 3 and 1; v and w give the other way round on average. A tie of theirs counts half."""
    u, v, w = PEOPLE[:3]
    one, other = TEXTS[:2]
    said = given([[3, 1], [1, 2], [1, 1.5]])
    pairs = [Pair(prompt=ASKED.id, chosen=one.id, rejected=other.id, evaluator=u.id, feedback_ids=("f",))]
    found = consensus_accuracy(pairs, said)
    assert found is not None
    assert (found.value, found.n) == (0.0, 1)
    votes = [comparison(v, other, one, "right"), comparison(w, one, other, "tie"), comparison(u, one, other, "left")]
    found = consensus_accuracy(pairs, votes)
    assert found is not None
    assert (found.value, found.n) == (1.0, 1)
    assert consensus_accuracy(pairs, votes[1:]) == replace(found, value=0.5, low=None, high=None)
    assert consensus_accuracy(pairs, votes[2:]) is None
    assert consensus_accuracy([pairs[0].model_copy(update={"tie": True})], said) is None
    nobody = unknown_evaluator("somewhere")
    unknown = [pairs[0].model_copy(update={"evaluator": nobody.id})]
    assert consensus_accuracy(unknown, said, {nobody.id: nobody} | {each.id: each for each in PEOPLE}) is None


def test_where_the_same_people_judge_the_same_texts_both_are_clusters() -> None:
    draw = np.random.default_rng(5)
    said = []
    for item in range(30):
        asked = prompt(f"question {item}")
        texts = completion(asked, "one"), completion(asked, "other")
        for place in range(6):
            side = "left" if draw.random() < 0.7 else "right"
            said.append(comparison(person(f"p-{place}"), *texts, side, session=f"s-{place}"))
    found = pair_agreement(said)
    assert found is not None
    assert found.clusters == 6
    assert "6 x 30 crossed" in found.method


def test_agreement_grows_with_ratings_and_not_with_their_square() -> None:
    """3,000 ratings a person were 4.5 million opinions; dealt into parts they are a hundredth, and as good."""
    draw = np.random.default_rng(6)
    texts = [completion(ASKED, f"text {place}") for place in range(3000)]
    truth = draw.normal(size=3000)
    said = [
        rating(by, text, float(np.clip(worth + draw.normal(), -4, 4)), "s")
        for by in PEOPLE[:2]
        for text, worth in zip(texts, truth, strict=True)
    ]
    found = pair_agreement(said)
    assert found is not None
    assert found.n < 3000 * 150
    assert found.value == pytest.approx(0.5 + np.arcsin(0.5) / np.pi, abs=0.02)  # two normals correlated by one half


@pytest.mark.parametrize("ratings", [30, 33, 1000])
def test_many_ratings_of_one_prompt_leave_the_opinions_on_others(ratings: int) -> None:
    """One person who rates a thousand answers to a prompt of their own costs nobody an opinion."""
    questions = [prompt(f"question {place}") for place in range(4)]
    usual = [
        rating(by, completion(asked, f"text {place}"), float(place), "s")
        for asked in questions
        for place in range(5)
        for by in PEOPLE[:2]
    ]
    diligent = [rating(PEOPLE[2], completion(ASKED, f"answer {place}"), float(place % 5)) for place in range(ratings)]
    preferences = collect_preferences([*usual, *diligent])
    by_others = preferences.evaluator_N != preferences.evaluators.index(PEOPLE[2].id)
    assert by_others.sum() == len(questions) * 10 * 2


def test_nobody_agrees_with_themselves() -> None:
    """The same person, asked twice, in sessions of their own: one opinion, the first."""
    u, v = PEOPLE[:2]
    twice = [comparison(u, *TEXTS[:2], "left", session=session) for session in "ab"]
    assert pair_agreement(twice) is None
    changed = [*twice, comparison(u, *TEXTS[:2], "right", session="c"), comparison(v, *TEXTS[:2], "left")]
    found = pair_agreement(changed)
    assert found is not None
    assert (found.value, found.n) == (1.0, 2)
    rated = [rating(u, text, value, session) for session in "ab" for text, value in zip(TEXTS, [1, 2], strict=False)]
    assert pair_agreement(rated) is None


def test_ratings_of_two_aspects_are_no_opinion_of_which_is_better() -> None:
    """Both find the first text the more helpful one; how long they are is another question on the same scale."""
    helpful = [
        each.model_copy(update={"study": aspect})
        for aspect, values in (("helpfulness", [4.0, 2.0]), ("verbosity", [1.0, 3.0]))
        for each in given([values, values])
    ]
    crossed = [each for each in helpful if (each.study == "verbosity") == (each.completions[0] == TEXTS[0].id)]
    assert pair_agreement(crossed) is None
