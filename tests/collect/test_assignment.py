"""Assignment as pure functions: properties that hold whatever the numbers are."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from accord.collect.assignment.lots import lot, shown_order, turn
from accord.collect.assignment.next_item import Candidate, next_item
from accord.collect.assignment.quotas import may_take, places

CANDIDATES = st.lists(
    st.builds(
        Candidate,
        item=st.integers(0, 50).map(lambda n: f"i-{n}"),
        occupied=st.integers(0, 5),
        overlap=st.integers(1, 5),
        priority=st.sampled_from([0.0, 1.0]),
        by_own_groups=st.integers(0, 3),
        gap=st.floats(0, 1),
    ),
    unique_by=lambda candidate: candidate.item,
)
CHOOSE = st.sampled_from(["coverage", "disagreement"])
SHARES = st.lists(st.integers(1, 20), min_size=1, max_size=5).map(
    lambda weights: {f"g{n}": weight / sum(weights) for n, weight in enumerate(weights)}
)


@given(CANDIDATES, CHOOSE, st.integers(0, 5))
def test_what_is_picked_has_a_place_and_is_asked_least(candidates: list[Candidate], choose: str, seed: int) -> None:
    chosen = next_item(candidates, choose=choose, seed=seed, person="p")  # type: ignore[arg-type]
    free = [candidate for candidate in candidates if candidate.occupied < candidate.overlap]
    assert (chosen is None) == (not free)
    if chosen is None:
        return
    assert chosen in free
    assert chosen == next_item(reversed(candidates), choose=choose, seed=seed, person="p")  # type: ignore[arg-type]
    if choose == "coverage":
        least = min(candidate.occupied for candidate in free)
        assert chosen.occupied == least
        assert chosen.priority == max(candidate.priority for candidate in free if candidate.occupied == least)
    elif any(candidate.occupied == 0 for candidate in free):
        assert chosen.occupied == 0, "everything is asked once before anything is asked twice"
    else:
        assert chosen.gap == max(candidate.gap for candidate in free)


@given(st.integers(1, 6), st.integers(1, 4), st.integers(1, 12), st.integers(0, 9), st.data())
def test_never_above_overlap_and_never_the_same_item_twice(
    items: int, overlap: int, people: int, seed: int, data: st.DataObject
) -> None:
    occupied: Counter[str] = Counter()
    had: set[tuple[str, str]] = set()
    for _ in range(items * overlap + 5):
        person = f"p{data.draw(st.integers(0, people - 1))}"
        left = [Candidate(f"i{n}", occupied[f"i{n}"], overlap) for n in range(items) if (person, f"i{n}") not in had]
        if (chosen := next_item(left, seed=seed, person=person)) is None:
            continue
        had.add((person, chosen.item))
        occupied[chosen.item] += 1
        assert occupied[chosen.item] <= overlap
        assert max(occupied.values()) - min(occupied[candidate.item] for candidate in left) <= 1 + overlap
    assert len(had) == sum(occupied.values())


@given(st.integers(0, 500), SHARES)
def test_places_add_up_and_are_near_their_shares(total: int, shares: dict[str, float]) -> None:
    quota = places(total, shares)
    assert sum(quota.values()) == total
    assert all(abs(quota[group] - total * share) < 1 for group, share in shares.items())


@given(SHARES, st.integers(1, 60), st.data())
def test_quotas_never_block_the_last_group(shares: dict[str, float], total: int, data: st.DataObject) -> None:
    group = data.draw(st.sampled_from(sorted(shares)))
    occupied = {group: data.draw(st.integers(0, total)) for group in shares}
    alone = {"age": {group: data.draw(st.integers(1, 3))}}
    assert may_take({"age": group}, {"age": shares}, {"age": occupied}, total, alone)
    assert may_take({}, {"age": shares}, {"age": occupied}, total, {"age": dict.fromkeys(shares, 1)})
    everybody = {"age": dict.fromkeys(shares, 1)}
    full = {"age": places(total, shares)}
    assert may_take({"age": group}, {"age": shares}, full, total, everybody), "all full: all open"


@given(SHARES, st.integers(1, 60), st.integers(0, 9))
def test_quotas_reach_their_target_while_everybody_is_there(shares: dict[str, float], total: int, seed: int) -> None:
    occupied = dict.fromkeys(shares, 0)
    present = {"age": dict.fromkeys(shares, 1)}
    for number in range(total):
        order = sorted(shares, key=lambda group, n=number: lot(seed, n, group))  # type: ignore[misc]
        group = next(
            group for group in order if may_take({"age": group}, {"age": shares}, {"age": occupied}, total, present)
        )
        occupied[group] += 1
    assert occupied == places(total, shares)


@given(st.integers(0, 99), st.lists(st.integers(), unique=True, max_size=5), st.text(), st.text())
def test_the_order_is_a_permutation_drawn_from_its_key(seed: int, names: list[int], person: str, item: str) -> None:
    shown = shown_order(seed, person, item, 0, names)
    assert sorted(shown) == sorted(names)
    assert shown == shown_order(seed, person, item, 0, names)


def test_lots_are_even() -> None:
    sides = Counter(shown_order(0, f"p{n}", "i", "", ["a", "b"])[0] for n in range(2000))
    assert abs(sides["a"] - 1000) < 100
    turns = Counter(turn(0, "p", n, gold=0.1, repeat=0.2) for n in range(2000))
    assert abs(turns["gold"] - 200) < 60
    assert abs(turns["repeat"] - 400) < 80
    assert {turn(0, "p", n, gold=0, repeat=0) for n in range(100)} == {"item"}
    assert shown_order(0, "p", "i", "", "abcdef") != shown_order(0, "p", "i", "f-1", "abcdef")
