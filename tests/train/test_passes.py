"""What steps draw: every pass has everything once, and a stage draws as much as its passes say."""

from math import ceil
from time import perf_counter

import pytest

from accord.records import Pair
from accord.reward.observations import of_pair, plan_steps
from accord.train import Passes, planned_draws, shuffled


@pytest.mark.parametrize(
    ("epochs", "n", "draws"), [(1, 33, 33), (2, 33, 66), (0.5, 33, 16), (1.1, 10, 11), (0.01, 10, 1), (3, 1, 3)]
)
def test_passes_are_counted_in_whole_draws(epochs: float, n: int, draws: int) -> None:
    assert planned_draws(epochs, n) == draws
    assert len([each for step in range(1, ceil(draws / 32) + 1) for each in steps(n, step, draws)]) == draws


def steps(n: int, step: int, draws: int) -> list[int]:
    return Passes([[each] for each in range(n)], 3, "epoch").step(step, 32, draws)


def test_each_pass_has_everything_once_in_an_order_of_its_own() -> None:
    passes = Passes([[0, 1, 2], [3], [4, 5]], 3, "epoch")
    drawn = [each for first in range(0, 18, 4) for each in passes.draw(first, 4)][:18]
    for number in range(3):
        order = shuffled(3, 3, "epoch", number)
        assert drawn[6 * number : 6 * number + 6] == [each for i in order for each in ([0, 1, 2], [3], [4, 5])[i]]
    assert passes.draw(4, 4) == drawn[4:8]  # a stage that is taken up draws the same


@pytest.mark.parametrize(("epochs", "completions"), [(1.0, 20), (1.1, 22), (3.0, 60), (0.5, 10)])
def test_a_reward_model_reads_as_many_completions_as_its_passes_say(epochs: float, completions: int) -> None:
    """1.1 times 20 is 22.000000000000004: one more group would be one too many."""
    groups = [[of_pair(Pair(prompt="p", chosen=f"{i}a", rejected=f"{i}b", tie=False))] for i in range(10)]
    plan = plan_steps(groups, epochs=epochs, step_completions=6, seed=0)
    assert sum(2 * len(step) for step in plan) == completions


def test_a_step_does_not_walk_over_all_there_is() -> None:
    passes = Passes([[each] for each in range(300_000)], 3, "epoch")
    passes.draw(0, 1)
    began = perf_counter()
    for step in range(1000):
        passes.draw(32 * step, 32)
    assert perf_counter() - began < 2.0  # walking over them takes 20 ms a step
