"""Who stands where, and how sure that is: hand-made battles, simulated ones, and ledgers that are no arena."""

import math
from typing import Any

import evalica
import numpy as np
import pytest

from accord.feedback.statistics.standings import POINTS, Battle, battles_of, standings
from accord.records import Comparison, Completion, Evaluator, Feedback, Label, Prompt, Ranking

PROMPT = Prompt.ask("Say.")
ANNA = Evaluator(kind="person", pseudonym="anna")
JUDGE = Evaluator(kind="model", pseudonym="judge")


def text(writer: str | None, number: int = 0) -> Completion:
    return Completion(prompt=PROMPT.id, text=f"{writer} {number}", writer=writer)


def said(judgement: Any, *texts: Completion, by: Evaluator = ANNA, **more: Any) -> Feedback:
    return Feedback(
        evaluator=by.id, prompt=PROMPT.id, completions=tuple(each.id for each in texts), judgement=judgement, **more
    )


def read(*feedback: Feedback, texts: list[Completion], **more: Any) -> Any:
    return battles_of(feedback, {each.id: each for each in texts}, {each.id: each for each in (ANNA, JUDGE)}, **more)


def fought(*scores: tuple[str, str, float], people: int = 1) -> list[Battle]:
    return [
        Battle(left, right, score, f"person {place % people}", f"conversation {place}")
        for place, (left, right, score) in enumerate(scores)
    ]


def test_two_models_by_hand() -> None:
    """Thirty of forty won and one tie more: 30.5 to 10.5, whose odds are the difference of the ratings."""
    found = standings(fought(*[("a", "b", 1.0), ("b", "a", 0.0), ("a", "b", 1.0), ("a", "b", 0.0)] * 10))
    first, second = found.models
    assert (first.model, second.model) == ("a", "b")
    assert first.rating.value - second.rating.value == pytest.approx(400 * math.log10(30.5 / 10.5))
    assert first.rating.value + second.rating.value == pytest.approx(2000)
    assert first.win_rate.value == pytest.approx(0.75)
    assert first.rating.low is not None
    assert first.rating.high is not None
    assert first.win_rate.low is not None
    assert first.rating.low == pytest.approx(
        1000 + POINTS / 2 * math.log(first.win_rate.low / (1 - first.win_rate.low))
    )
    assert first.rating.low < first.rating.value < first.rating.high
    assert (first.rank_low, first.rank_high, second.rank_low, second.rank_high) == (1, 1, 2, 2)


def test_few_votes_leave_the_place_open_and_no_interval() -> None:
    found = standings(fought(("a", "b", 1.0), ("b", "a", 0.0), ("a", "b", 1.0), ("a", "b", 0.0)))
    assert [(one.rank_low, one.rank_high) for one in found.models] == [(1, 2), (1, 2)]
    assert found.models[0].rating.low is None
    assert "odds without end" in found.models[0].rating.method


def test_elo_is_evalicas_in_the_order_of_the_votes() -> None:
    votes = [("a", "b", 1.0), ("b", "c", 0.5), ("c", "a", 1.0), ("a", "b", 0.0), ("b", "c", 1.0), ("c", "a", 0.0)]
    winners = [{1.0: evalica.Winner.X, 0.5: evalica.Winner.Draw, 0.0: evalica.Winner.Y}[score] for *_, score in votes]
    expected = evalica.elo([left for left, *_ in votes], [right for _, right, _ in votes], winners).scores
    found = standings(fought(*votes))
    assert {one.model: one.elo.value for one in found.models} == pytest.approx(dict(expected.items()))


def test_who_won_everything_has_a_rating_and_no_interval() -> None:
    """Clusters that are all alike tell nothing of how they differ: a jackknife would give an interval of width 0."""
    found = standings(fought(*[("a", "b", 1.0)] * 20))
    first, second = found.models
    assert first.rating.value - second.rating.value == pytest.approx(400 * math.log10(20.5 / 0.5))
    assert first.rating.low is None
    assert first.elo.low is None
    assert "won, or lost, all" in first.rating.method
    assert first.win_rate.low is not None
    assert first.win_rate.low > 0.5
    assert (first.rank_low, first.rank_high, second.rank_low) == (1, 1, 2), "the win rate tells them apart"


def test_three_of_which_one_always_loses_have_no_intervals() -> None:
    rows = [("a", "b", 1.0), ("a", "b", 0.0), ("a", "c", 1.0), ("b", "c", 1.0)] * 5
    assert all(one.rating.low is None for one in standings(fought(*rows)).models)
    assert all(one.rating.low is not None for one in standings(fought(*rows, ("c", "a", 1.0))).models)


def test_groups_that_never_met_are_told_apart() -> None:
    found = standings(fought(("a", "b", 1.0), ("c", "d", 1.0), ("a", "b", 0.0), ("b", "e", 0.5)))
    assert found.groups == 2
    assert {one.model: one.group for one in found.models} == {"a": 1, "b": 1, "e": 1, "c": 2, "d": 2}
    for group in (1, 2):
        ratings = [one.rating.value for one in found.models if one.group == group]
        assert np.mean(ratings) == pytest.approx(1000)


def test_intervals_are_over_people_where_there_are_enough() -> None:
    votes = [("a", "b", float(place % 3 > 0)) for place in range(40)]
    few, many = standings(fought(*votes, people=4)), standings(fought(*votes, people=5))
    assert (few.people, few.clusters, few.models[0].win_rate.clusters) == (4, "conversations", 40)
    assert (many.people, many.clusters, many.models[0].win_rate.clusters) == (5, "people", 5)
    unknown = [Battle("a", "b", 1.0, f"e{place}", f"c{place}", person_known=False) for place in range(9)]
    assert (standings(unknown).people, standings(unknown).clusters) == (0, "conversations")


def test_intervals_hold() -> None:
    """Three models, eight people who differ, whose truth is the fit to their expected scores."""
    rng, gaps = np.random.default_rng(0), np.array([0.0, 0.5, 1.0])
    own_PM = rng.normal(0, 0.5, (4000, 3)) + gaps
    sides = [(0, 1), (0, 2), (1, 2)]
    expected = [float((1 / (1 + np.exp(own_PM[:, b] - own_PM[:, a]))).mean()) for a, b in sides]
    fit = evalica.bradley_terry(
        [a for a, _ in sides] * 2,
        [b for _, b in sides] * 2,
        [evalica.Winner.X] * 3 + [evalica.Winner.Y] * 3,
        weights=[*expected, *(1 - score for score in expected)],
        tolerance=1e-9,
        limit=10_000,
    ).scores
    truth = POINTS * np.log([fit[place] for place in range(3)])
    truth += 1000 - truth.mean()
    held = []
    for _ in range(40):
        battles = []
        for person in range(8):
            own = rng.normal(0, 0.5, 3) + gaps
            for _ in range(12):
                a, b = rng.choice(3, 2, replace=False)
                won = rng.random() < 1 / (1 + np.exp(own[b] - own[a]))
                battles.append(Battle(f"m{a}", f"m{b}", float(won), f"e{person}", "c"))
        for one in standings(battles).models:
            assert one.rating.low is not None
            assert one.rating.high is not None
            held.append(one.rating.low <= truth[int(one.model[1])] <= one.rating.high)
    assert np.mean(held) > 0.9


def test_sides_ties_and_what_is_no_battle() -> None:
    one, other, same, nobody = text("one"), text("other"), text("one", 1), text(None)
    bad = Label(selected=("bad",), options=("bad",))
    first = said(Comparison(preferred="left"), one, other, session="s1")
    battles, left_out = read(
        first,
        said(Comparison(preferred="right"), other, one, replaces=first.id, shown_digest="0" * 64, conversation="d-1"),
        said(Comparison(preferred="tie"), one, other, session="s2"),
        said(bad, one, session="s2"),
        said(bad, other, session="s2"),
        said(Comparison(preferred="left"), one, same),
        said(Comparison(preferred="left"), one, nobody),
        said(Comparison(preferred="left"), one, other, gold=Comparison(preferred="left")),
        said(Ranking(tiers=((2,), (0, 1))), one, same, other),
        texts=[one, other, same, nobody],
    )
    assert [(each.left, each.right, each.score, each.order_known, each.both_bad) for each in battles] == [
        ("other", "one", 0.0, True, False),
        ("one", "other", 0.5, False, True),
        ("one", "other", 0.0, False, False),
        ("one", "other", 0.0, False, False),
    ]
    assert [each.conversation for each in battles] == ["d-1", "s2", PROMPT.id, PROMPT.id]
    assert left_out == {
        "both texts are by one model": 2,
        "it is not recorded which model wrote a text": 1,
        "a control, or asked again": 1,
    }


def test_only_of_a_study_or_by_a_kind() -> None:
    one, other = text("one"), text("other")
    feedback = [
        said(Comparison(preferred="left"), one, other, study="chat"),
        said(Comparison(preferred="right"), one, other, by=JUDGE),
    ]
    texts = [one, other]
    assert [each.score for each in read(*feedback, texts=texts, study="chat")[0]] == [1.0]
    assert [each.score for each in read(*feedback, texts=texts, by="model")[0]] == [0.0]
    assert read(*feedback, texts=texts, by="rule")[0] == []
    with pytest.raises(ValueError, match="no battles"):
        standings([])
