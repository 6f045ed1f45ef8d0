"""Pairs: within one rater, uniformly drawn, traceable, and nothing silently dropped."""

from collections import Counter
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from said import SCALE, comparison, completion, person, prompt, rating

from accord.feedback import (
    Ledger,
    draw_pairs,
    pairs_from_comparison,
    pairs_from_ranking,
    pairs_from_ratings,
    unknown_evaluator,
)
from accord.records import Completion, Declined, Evaluator, Feedback, Label, Pair, Ranking, Rating, Scale

ASKED = [prompt("one"), prompt("two")]
PEOPLE = [person(name) for name in "abc"]
TEXTS = {asked.id: [completion(asked, f"{i}") for i in range(5)] for asked in ASKED}

ratings = st.lists(
    st.builds(
        lambda by, asked, text, value, session: rating(by, TEXTS[asked.id][text], float(value), session),
        st.sampled_from(PEOPLE),
        st.sampled_from(ASKED),
        st.integers(0, 4),
        st.integers(-4, 4),
        st.sampled_from(["s1", "s2", None]),
    ),
    max_size=40,
)


def by_hand(said: list[Feedback]) -> Counter[tuple[str, str]]:
    """All pairs, written out: the first rating of each completion by one person, prompt and session."""
    first: dict[tuple[object, ...], Feedback] = {}
    for each in said:
        first.setdefault((each.evaluator, each.prompt, each.session, each.completions[0]), each)
    groups: dict[tuple[object, ...], list[Feedback]] = {}
    for (*key, _), each in first.items():
        groups.setdefault(tuple(key), []).append(each)
    return Counter(
        tuple(sorted((one.id, other.id))) for group in groups.values() for one, other in combinations(group, 2)
    )


@given(ratings)
def test_all_pairs_are_those_written_out(said: list[Feedback]) -> None:
    pairs = pairs_from_ratings(said)
    assert Counter(tuple(sorted(pair.feedback_ids)) for pair in pairs) == by_hand(said)


@given(ratings, st.integers(0, 30), st.integers(0, 5))
def test_no_pair_crosses_raters_prompts_or_sessions(said: list[Feedback], limit: int, seed: int) -> None:
    by_id = {each.id: each for each in said}
    drawn = draw_pairs(said, limit=limit, seed=seed)
    assert len(drawn.pairs) == min(limit, drawn.possible)
    assert len({pair.feedback_ids for pair in drawn.pairs}) == len(drawn.pairs)
    for pair in drawn.pairs:
        better, worse = (by_id[name] for name in pair.feedback_ids)
        assert isinstance(better.judgement, Rating)
        assert isinstance(worse.judgement, Rating)
        assert better.evaluator == worse.evaluator == pair.evaluator
        assert better.prompt == worse.prompt == pair.prompt
        assert better.session == worse.session == pair.session
        assert (pair.chosen, pair.rejected) == (better.completions[0], worse.completions[0])
        difference = better.judgement.value - worse.judgement.value
        assert difference >= 0
        assert pair.tie == (difference == 0)
        assert pair.margin == difference / 8


def test_draws_are_uniform_and_repeatable() -> None:
    said = [rating(by, text, float(i % 3), "s") for by in PEOPLE[:2] for i, text in enumerate(TEXTS[ASKED[0].id])]
    seen: Counter[tuple[str, ...]] = Counter()
    for seed in range(600):
        seen.update(pair.feedback_ids for pair in pairs_from_ratings(said, limit=5, seed=seed))
    assert len(seen) == 20
    assert sum(seen.values()) == 3000
    assert min(seen.values()) > 110
    assert max(seen.values()) < 190
    assert pairs_from_ratings(said, limit=5, seed=3) == pairs_from_ratings(said, limit=5, seed=3)


def test_numbering_holds_for_large_groups() -> None:
    by = PEOPLE[0]
    texts = [completion(ASKED[0], f"text {i}") for i in range(300)]
    pairs = pairs_from_ratings([rating(by, text, 0.0, "s") for text in texts])
    assert len({frozenset((pair.chosen, pair.rejected)) for pair in pairs}) == 300 * 299 // 2


def test_ratings_on_different_scales_are_not_compared() -> None:
    one, other = TEXTS[ASKED[0].id][:2]
    wide = Feedback(
        evaluator=PEOPLE[0].id,
        prompt=ASKED[0].id,
        completions=(other.id,),
        judgement=Rating(value=1.0, scale=Scale(low=0, high=100)),
    )
    assert pairs_from_ratings([rating(PEOPLE[0], one, 1.0), wide]) == []


@pytest.mark.parametrize(("preferred", "first"), [("left", 0), ("right", 1), ("tie", 0)])
def test_a_comparison_is_a_pair(preferred: str, first: int) -> None:
    sides = TEXTS[ASKED[0].id][:2]
    said = comparison(PEOPLE[0], *sides, preferred, strength=0.3, session="s")
    assert pairs_from_comparison(said) == [
        Pair(
            prompt=ASKED[0].id,
            chosen=sides[first].id,
            rejected=sides[1 - first].id,
            tie=preferred == "tie",
            evaluator=PEOPLE[0].id,
            session="s",
            margin=0.3,
            feedback_ids=(said.id,),
        )
    ]


def test_a_ranking_implies_all_its_pairs() -> None:
    texts = TEXTS[ASKED[0].id][:4]
    said = Feedback(
        evaluator=PEOPLE[0].id,
        prompt=ASKED[0].id,
        completions=tuple(each.id for each in texts),
        judgement=Ranking(tiers=((2,), (0, 3), (1,))),
    )
    names = {each.id: number for number, each in enumerate(texts)}
    found = {(names[pair.chosen], names[pair.rejected], pair.tie) for pair in pairs_from_ranking(said)}
    assert found == {(2, 0, False), (2, 3, False), (2, 1, False), (0, 3, True), (0, 1, False), (3, 1, False)}
    assert {(pair.evaluator, pair.session, pair.margin, pair.feedback_ids) for pair in pairs_from_ranking(said)} == {
        (PEOPLE[0].id, None, None, (said.id,))
    }


def test_what_gives_no_pair_is_counted() -> None:
    by, (one, other, third) = PEOPLE[0], TEXTS[ASKED[0].id][:3]
    nobody = unknown_evaluator("somewhere")
    mistaken = rating(by, one, 1.0, "s")
    said = [
        mistaken,
        rating(by, one, 2.0, "s", replaces=mistaken.id),
        rating(by, other, 2.0, "s"),
        rating(by, other, 3.0, "s", repeat_of=rating(by, other, 2.0, "s").id),
        rating(by, other, 4.0, "s"),
        rating(nobody, one, 1.0),
        rating(nobody, other, 2.0),
        comparison(by, one, third, "right"),
        comparison(by, one, one, "tie"),
        Feedback(
            evaluator=by.id,
            prompt=one.prompt,
            completions=(one.id,),
            judgement=Label(selected=(), options=("rude",)),
        ),
        Feedback(evaluator=by.id, prompt=one.prompt, completions=(), judgement=Declined()),
    ]
    drawn = draw_pairs(said, evaluators={each.id: each for each in (by, nobody)})
    assert drawn.unused == {
        "taken back": 1,
        "asked again": 1,
        "rating by unknown": 2,
        "rated twice": 1,
        "comparison with itself": 1,
        "label": 1,
        "declined": 1,
    }
    assert drawn.feedback == {"rating": 7, "comparison": 2, "label": 1, "declined": 1}
    assert drawn.possible == len(drawn.pairs) == 2
    assert [(pair.chosen, pair.rejected, pair.tie) for pair in drawn.pairs] == [
        (third.id, one.id, False),
        (one.id, other.id, True),
    ]


def test_every_reason_counts_each_time() -> None:
    """Two of each; a control question tells of the person and gives no pair, whatever its kind."""
    by, texts = PEOPLE[0], TEXTS[ASKED[0].id]
    gold = comparison(by, *texts[:2], "left").judgement
    said = [
        feedback
        for one, other in ((texts[0], texts[1]), (texts[2], texts[3]))
        for feedback in (
            comparison(by, one, other, "left", gold=gold),
            comparison(by, one, other, "right", repeat_of="f-before"),
            comparison(by, one, one, "tie"),
            Feedback(
                evaluator=by.id,
                prompt=one.prompt,
                completions=(one.id,),
                judgement=Label(selected=(), options=("rude",)),
            ),
        )
    ]
    drawn = draw_pairs(said)
    assert drawn.pairs == ()
    assert drawn.unused == {"control question": 2, "asked again": 2, "comparison with itself": 2, "label": 2}


def ranking(by: Evaluator, texts: list[Completion], *tiers: tuple[int, ...]) -> Feedback:
    return Feedback(
        evaluator=by.id,
        prompt=texts[0].prompt,
        completions=tuple(each.id for each in texts),
        judgement=Ranking(tiers=tiers),
    )


def test_the_pairs_of_a_mixture_are_those_of_each_kind() -> None:
    """What states pairs comes first, in its order; then the ratings."""
    by, texts = PEOPLE[0], TEXTS[ASKED[0].id]
    rated = [rating(by, text, float(i), "s") for i, text in enumerate(texts)]
    stated = [comparison(by, *texts[:2], "left"), ranking(by, texts[:3], (2,), (0, 1))]
    again = [ranking(by, texts[2:], (0,), (1,), (2,)), comparison(by, *texts[1:3], "tie")]
    drawn = draw_pairs([*stated, *rated, *again])
    wanted = [
        *pairs_from_comparison(stated[0]),
        *pairs_from_ranking(stated[1]),
        *pairs_from_ranking(again[0]),
        *pairs_from_comparison(again[1]),
        *pairs_from_ratings(rated),
    ]
    assert list(drawn.pairs) == wanted
    assert drawn.possible == len(wanted) == 1 + 3 + 3 + 1 + 10
    assert drawn.feedback == {"comparison": 2, "ranking": 2, "rating": 5}
    for seed in range(20):
        some = draw_pairs([*stated, *rated, *again], limit=7, seed=seed)
        assert len(some.pairs) == 7
        assert [pair for pair in wanted if pair in some.pairs] == list(some.pairs)


def test_the_seed_says_which_pairs_are_drawn() -> None:
    said = [rating(by, text, float(i), "s") for by in PEOPLE for i, text in enumerate(TEXTS[ASKED[0].id])]
    for draw in (lambda **how: draw_pairs(said, **how).pairs, lambda **how: tuple(pairs_from_ratings(said, **how))):
        assert draw(limit=6) == draw(limit=6, seed=0)
        assert draw(limit=6, seed=1) == draw(limit=6, seed=1)
        assert len({draw(limit=6, seed=seed) for seed in range(5)}) == 5
        assert draw(limit=30) == draw(limit=31) == draw()
        assert len(draw(limit=29)) == 29


def test_ratings_of_different_studies_are_not_compared() -> None:
    one, other = TEXTS[ASKED[0].id][:2]
    said = [rating(PEOPLE[0], one, 1.0, "s", study="first"), rating(PEOPLE[0], other, 2.0, "s", study="second")]
    assert pairs_from_ratings(said) == []
    assert len(pairs_from_ratings([*said, rating(PEOPLE[0], one, 3.0, "s", study="second")])) == 1


def test_nothing_gives_nothing() -> None:
    assert draw_pairs([]).pairs == ()
    assert draw_pairs([], limit=3).possible == 0


def test_a_mixture_is_drawn_from_as_a_whole(tmp_path: Path) -> None:
    by = PEOPLE[0]
    texts = TEXTS[ASKED[0].id]
    said = [rating(by, text, float(i), "s") for i, text in enumerate(texts)]
    said += [comparison(by, one, other, "left") for one, other in combinations(texts, 2)]
    with Ledger(tmp_path / "ledger.db") as ledger:
        ledger.add(*ASKED, *PEOPLE, *texts, *said)
        drawn = draw_pairs(ledger, limit=12, seed=1)
        assert (drawn.possible, len(drawn.pairs)) == (20, 12)
        assert {len(pair.feedback_ids) for pair in drawn.pairs} == {1, 2}
        assert draw_pairs(ledger, upto=5).feedback == {"rating": 5}


def test_margins_are_in_widths_of_the_scale() -> None:
    one, other = TEXTS[ASKED[0].id][:2]
    (pair,) = pairs_from_ratings([rating(PEOPLE[0], one, -4.0), rating(PEOPLE[0], other, 4.0)])
    assert (pair.margin, pair.chosen) == (1.0, other.id)
    assert SCALE.high - SCALE.low == 8


@pytest.mark.parametrize("kind", ["model", "rule", "person"])
def test_what_a_machine_says_in_one_order_alone_is_no_pair(tmp_path: Path, kind: str) -> None:
    by = Evaluator(kind=kind, pseudonym="it")  # type: ignore[arg-type]  # one of the kinds
    asked = ASKED[0]
    left, right, third = TEXTS[asked.id][:3]

    def readings(one: Completion, other: Completion, first: str, second: str) -> list[Feedback]:
        reading = comparison(by, one, other, first)
        turned = comparison(by, other, one, second, repeat_of=reading.id)
        return [reading, turned]

    def ranked(*orders: tuple[Completion, ...]) -> list[Feedback]:
        records: list[Feedback] = []
        for order in orders:
            names = tuple(text.id for text in order)
            tiers = tuple((place,) for place in range(len(names)))
            again = records[0].id if records else None
            records.append(
                Feedback(
                    evaluator=by.id,
                    prompt=asked.id,
                    completions=names,
                    judgement=Ranking(tiers=tiers),
                    study="r",
                    repeat_of=again,
                )
            )
        return records

    declined = comparison(by, third, left, "left")
    unread = declined.model_copy(update={"judgement": Declined(reason="not read"), "repeat_of": declined.id})
    steady = readings(left, right, "left", "right")  # the same completion, on either side
    turned = readings(right, third, "left", "left")  # whatever stands on the left
    said = [*steady, *turned, declined, unread, *ranked((left, right, third), (third, right, left))]
    with Ledger(tmp_path / "ledger.db") as ledger:
        ledger.add(by, *ASKED, left, right, third, *said)
        drawn = draw_pairs(ledger)
        assert draw_pairs(said, evaluators={by.id: by}).pairs == drawn.pairs
    machine = kind != "person"
    assert drawn.pairs[0] == pairs_from_comparison(steady[0])[0]
    assert drawn.pairs[0].weight == 1
    assert len(drawn.pairs) == (1 if machine else 6)  # a person's first answer stands: 3 comparisons, 3 of the ranking
    assert drawn.unused == {"asked again": 4} | ({"differs by order": 3} if machine else {})
