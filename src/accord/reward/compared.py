"""Which pairs of a data set are scored together, and the steps that they make."""

from collections.abc import Sequence
from itertools import groupby

from accord.records import Pair
from accord.train import planned_draws, shuffled

__all__ = ["completions_of", "group_pairs", "plan_steps"]


def completions_of(pairs: Sequence[Pair]) -> list[str]:
    """The completions that pairs compare, by id, in order of appearance."""
    return list(dict.fromkeys(name for pair in pairs for name in (pair.chosen, pair.rejected)))


def group_pairs(pairs: Sequence[Pair], limit: int) -> list[list[Pair]]:
    """Pairs of one prompt and session together, cut where a group would compare more than `limit` completions."""
    groups: list[list[Pair]] = []
    for _, pairs_of_unit in groupby(sorted(pairs, key=_unit), key=_unit):
        compared: set[str] = set()
        groups.append([])
        for pair in pairs_of_unit:
            if len(compared | {pair.chosen, pair.rejected}) > limit:
                groups.append([])
                compared = set()
            groups[-1].append(pair)
            compared |= {pair.chosen, pair.rejected}
    return groups


def plan_steps(groups: Sequence[Sequence[Pair]], *, epochs: float, step_completions: int, seed: int) -> list[list[int]]:
    """The groups of each step, by index: whole groups, shuffled anew for each pass, until `epochs` passes are planned.

    A step has at most `step_completions` completions, or one group that has more.
    """
    sizes = [len(completions_of(group)) for group in groups]
    budget = planned_draws(epochs, sum(sizes))
    steps: list[list[int]] = [[]]
    planned, in_step, epoch = 0, 0, 0
    while planned < budget:
        for index in shuffled(len(groups), seed, "epoch", epoch):
            if steps[-1] and in_step + sizes[index] > step_completions:
                steps.append([])
                in_step = 0
            steps[-1].append(index)
            in_step += sizes[index]
            planned += sizes[index]
            if planned >= budget:
                break
        epoch += 1
    return steps


def _unit(pair: Pair) -> tuple[str, str]:
    return pair.prompt, pair.session or ""
