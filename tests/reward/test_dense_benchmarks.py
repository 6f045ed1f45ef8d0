"""The benchmarks of dense rewards: areas under curves by hand, and a small run of each on the true files."""

import os
from pathlib import Path

import numpy as np
import pytest
from benchmarks.rewards import dense_policy, finegrained, first_wrong_step
from benchmarks.rewards._auroc import auroc, auroc_table

DATA = os.environ.get("ACCORD_TEST_DATA")
needs_data = pytest.mark.skipif(DATA is None, reason="ACCORD_TEST_DATA names no folder of real feedback")


def test_an_area_counts_the_pairs_that_are_ordered_rightly() -> None:
    value_N, yes_N = np.array([0.1, 0.5, 0.5, 0.9]), np.array([False, True, False, True])
    assert auroc(value_N, yes_N) == pytest.approx((1 + 0.5 + 1 + 1) / 4)
    assert np.isnan(auroc(value_N, np.array([True] * 4)))


def test_intervals_are_over_clusters() -> None:
    generator = np.random.default_rng(0)
    yes_N = generator.random(200) < 0.5
    good_N = yes_N + generator.normal(size=200)
    values = {"good": good_N, "noise": generator.normal(size=200)}
    ids = [str(number) for number in range(200)]
    alone = auroc_table(values, yes_N, ids, beside="noise", draws=200)
    twice = auroc_table(
        {name: np.tile(each, 2) for name, each in values.items()}, np.tile(yes_N, 2), ids * 2, beside="noise", draws=200
    )
    low, high = alone["good"]["interval"]
    assert low < alone["good"]["auroc"] < high
    assert alone["good"]["above_noise"][0] > 0
    # The same again says nothing new, so the interval does not shrink.
    assert twice["good"]["interval"][1] - twice["good"]["interval"][0] == pytest.approx(high - low, rel=0.2)


def test_dense_and_sparse_runs_are_held_against_one_another_by_seed() -> None:
    found = dense_policy.measure(Path(), range(2), starts={40: (1e-3, ("reinforce", "rloo"))}, steps=2)
    table = found["40 essays"]
    assert set(table) == {"reinforce", "rloo"}
    for rows in table.values():
        gap = rows["dense"]["reward"]["value"] - rows["sparse"]["reward"]["value"]
        assert rows["dense less sparse"]["reward"]["value"] == pytest.approx(gap)
        assert gap != 0
        assert rows["dense less sparse"]["reward"]["n"] == 2


@needs_data
@pytest.mark.slow
def test_first_wrong_steps_are_measured_beside_what_costs_nothing() -> None:
    found = first_wrong_step.measure(Path(str(DATA)), range(1), trained=2, tested=2, layers=1, trained_layers=1)
    assert set(found["seed 0"]) == {*first_wrong_step.TASKS, "all"}
    assert set(found["seed 0"]["all"]) == {"model", "last", "none", "usual"}


@needs_data
@pytest.mark.slow
def test_spans_and_the_whole_are_measured_by_kind() -> None:
    found = finegrained.measure(Path(str(DATA)), range(1), questions=60, layers=1, trained_layers=1, epochs=0.2)
    table = found["seed 0"]
    assert set(table["texts"]) == set(finegrained.KINDS)
    assert set(table["sentences"]["relevance"]) >= {"spans", "holistic", "length"}
    assert set(table["pairs"]) == {"spans", "holistic"}
