"""When an item has enough answers, and which items several people should judge."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import beta as beta_distribution
from scipy.stats import norm, spearmanr

from accord.collect.assignment.acquisition import (
    TIE,
    entropy,
    expected_disagreement,
    is_decided,
    majority_right,
    preference,
    preferences,
    uncertainty_gap,
)
from accord.collect.assignment.next_item import Candidate, next_item
from accord.collect.sources.simulated import BoundEvaluator, SimulatedEvaluator
from accord.collect.study.settings import Stop
from accord.interfaces import Item, Scores
from accord.records import Comparison, Completion, Prompt

ASKED = Prompt.ask("Write.")


@pytest.mark.parametrize(
    ("most", "n", "by_hand"), [(3, 3, 1 - 1 / 16), (4, 4, 1 - 1 / 32), (2, 3, 11 / 16), (1, 2, 0.5)]
)
def test_the_majority_is_right_with_this_probability(most: int, n: int, by_hand: float) -> None:
    """Of Beta(k + 1, n - k + 1) with whole numbers: P(theta > 1/2) = P(Binomial(n + 1, 1/2) <= k)."""
    assert majority_right(most, n) == pytest.approx(by_hand)
    assert majority_right(most, n) == pytest.approx(1 - beta_distribution(most + 1, n - most + 1).cdf(0.5))


def test_an_item_is_decided_by_the_posterior() -> None:
    stop = Stop(probability=0.95, least=2)
    assert not is_decided({"a": 3}, stop)
    assert is_decided({"a": 4}, stop)
    assert not is_decided({"a": 4}, None)
    assert not is_decided({"a": 4}, Stop(least=5))
    assert not is_decided({}, stop)
    assert not is_decided({"a": 5, "b": 5}, stop)
    assert is_decided({"a": 8, "b": 1}, stop)
    assert not is_decided({TIE: 9}, stop), "ties speak for neither side"
    assert not is_decided({"a": 3, TIE: 3}, stop)


@given(st.integers(0, 12), st.integers(0, 12))
def test_expected_disagreement_is_the_mean_entropy_of_the_posterior(first: int, second: int) -> None:
    posterior = beta_distribution(first + 1, second + 1)
    exact, _ = quad(lambda theta: entropy(theta) * posterior.pdf(theta), 0, 1)
    assert expected_disagreement({"a": first, "b": second}) == pytest.approx(exact, abs=1e-7)


def test_disagreement_of_ties_and_of_many_options() -> None:
    assert expected_disagreement({}) == pytest.approx(0.5 / np.log(2))
    assert expected_disagreement({TIE: 2}) == expected_disagreement({"a": 1, "b": 1})
    draws = np.random.default_rng(0).dirichlet([3, 2, 1], 200_000)
    sampled = -(draws * np.log2(np.maximum(draws, 1e-300))).sum(axis=1).mean()
    assert expected_disagreement({"x": 2, "y": 1, "z": 0}) == pytest.approx(sampled, abs=0.005)


@given(st.floats(-5, 5), st.floats(0, 4))
def test_a_preference_is_the_mean_of_the_sigmoid(difference: float, sd: float) -> None:
    exact, _ = quad(lambda z: norm.pdf(z) / (1 + np.exp(-(difference + sd * z))), -10, 10)
    assert preference(difference, sd) == pytest.approx(exact, abs=2e-4)
    assert preference(difference, 0.0) == pytest.approx(1 / (1 + np.exp(-difference)))
    assert abs(preference(difference, sd + 1) - 0.5) <= abs(preference(difference, sd) - 0.5) + 2e-4


class Known:
    """A judge whose scores and standard deviations are given."""

    name = "known"

    def __init__(self, value: dict[str, float], sd: float | None) -> None:
        self.value, self.sd = value, sd

    def score(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Scores:
        value_N = np.array([self.value[completion.id] for completion in completions])
        return Scores(value_N, None if self.sd is None else np.full(value_N.size, self.sd))


def test_a_judge_says_what_the_model_thinks() -> None:
    one, two = (Completion(prompt=ASKED.id, text=text) for text in ("one", "two"))
    value = {one.id: 2.0, two.id: 0.0}
    certain = preferences(Known(value, None), [ASKED], [(one, two)])
    unsure = preferences(Known(value, 1.0), [ASKED], [(one, two)])
    assert certain == [pytest.approx(1 / (1 + np.exp(-2)))]
    assert unsure == [pytest.approx(preference(2.0, np.sqrt(2)))]
    assert uncertainty_gap(0.5, {"a": 9}) > uncertainty_gap(0.5, {"a": 5, "b": 4}), (
        "people agree where the model does not know"
    )


# -- does it help? ----------------------------------------------------------------------------------------------

ITEMS, LABELS, OVERLAP = 100, 300, 8


class World:
    """Items of two qualities, and two groups of people of whom each wants mostly one of them.

    The truth of an item is the entropy of what all people would say. The judge knows what people want on average, off
    by normal errors whose standard deviation it states.
    """

    def __init__(self, seed: int, error: float, *, stated: float | None = None) -> None:
        draw = np.random.default_rng(seed)
        self.pairs = [
            (
                Completion(prompt=ASKED.id, text=f"one of {number}"),
                Completion(prompt=ASKED.id, text=f"two of {number}"),
            )
            for number in range(ITEMS)
        ]
        qualities = {side.id: draw.normal(0, 0.7, 2) for pair in self.pairs for side in pair}
        wants = [(1.0, 0.2), (0.2, 1.0)]
        people = [SimulatedEvaluator(name=f"e{n}", weights=wants[n % 2], lapse=0.0, seed=seed) for n in range(40)]
        self.people = [person.bound({name: tuple(q) for name, q in qualities.items()}) for person in people]
        self.true = np.array([entropy(np.mean([self.chance(one, pair) for one in self.people])) for pair in self.pairs])
        mean = {name: float(q.mean() * 1.2 / 0.3 + draw.normal(0, error)) for name, q in qualities.items()}
        judge = Known(mean, error if stated is None else stated)
        self.p_model = preferences(judge, [ASKED] * ITEMS, self.pairs)
        self.turns = [list(draw.permutation(40)) for _ in self.pairs]

    def chance(self, one: BoundEvaluator, pair: Sequence[Completion]) -> float:
        return 1 / (1 + np.exp(-(one.utility(pair[0].id) - one.utility(pair[1].id)) / one.settings.temperature))

    def collect(self, arm: str, seed: int) -> list[dict[str, int]]:
        """`LABELS` answers: one an item, and the others by the widest gap or at random."""
        draw = np.random.default_rng(seed)
        votes: list[dict[str, int]] = [{} for _ in self.pairs]
        turns = [list(order) for order in self.turns]
        for _ in range(LABELS):
            occupied = [sum(counts.values()) for counts in votes]
            candidates = [
                Candidate(str(n), occupied[n], OVERLAP, gap=uncertainty_gap(self.p_model[n], votes[n]))
                for n in range(ITEMS)
            ]
            if arm == "gap" or min(occupied) == 0:
                chosen = next_item(candidates, choose="disagreement", seed=seed, person="all")
                assert chosen is not None
                number = int(chosen.item)
            else:
                number = int(draw.choice([n for n in range(ITEMS) if occupied[n] < OVERLAP]))
            pair = self.pairs[number]
            [answer] = self.people[turns[number].pop()].ask([Item(ASKED, pair)])
            assert answer is not None
            assert isinstance(answer.judgement, Comparison)
            won = pair[answer.judgement.preferred == "right"].id
            votes[number][won] = votes[number].get(won, 0) + 1
        return votes


def errors(error: float, seeds: int, stated: float | None = None) -> dict[str, tuple[float, float]]:
    """By arm: root mean square error in bits of the map of disagreement, and its rank correlation with the truth."""
    results: dict[str, list[tuple[float, float]]] = {"gap": [], "random": [], "model alone": []}
    for seed in range(seeds):
        world = World(seed, error, stated=stated)
        for arm in results:
            estimates = [entropy(p) for p in world.p_model]
            if arm != "model alone":
                estimates = [expected_disagreement(votes) for votes in world.collect(arm, seed)]
            off = float(np.sqrt(np.mean((np.array(estimates) - world.true) ** 2)))
            results[arm].append((off, float(spearmanr(estimates, world.true)[0])))
    return {arm: tuple(np.mean(rows, axis=0).round(3).tolist()) for arm, rows in results.items()}  # type: ignore[misc]


@pytest.mark.slow
def test_the_map_of_disagreement_is_better_than_by_chance() -> None:
    """At the same 300 answers on 100 items, with a judge that knows something: closer to the truth, in better order."""
    results = errors(1.0, seeds=5)
    assert results["gap"][0] < results["random"][0] - 0.02, results
    assert results["gap"][1] > results["random"][1], results


@pytest.mark.slow
def test_a_judge_that_knows_nothing_gains_nothing_and_costs_little() -> None:
    """Its errors are ten times what there is to know, and it says so."""
    results = errors(20.0, seeds=5)
    assert results["gap"][0] < results["random"][0] + 0.02, results
