"""The cells: what is asked, with a seed."""

from pathlib import Path

import numpy as np

from accord.lab.cell import Cell
from accord.lab.recollection.asking import at_intervals, by_rule
from accord.lab.recollection.features import rounds_of
from accord.lab.recollection.points import Point
from accord.lab.recollection.stopping import until_worse
from accord.lab.recollection.world import gold_of

__all__ = ["ARMS", "INTERVALS", "SHARE", "cells", "work"]

INTERVALS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 48)
SHARE = 0.2
ARMS = ("turns", "control", "biased", "unbiased")
"""Gold that turns, and that does not; a first reward that is wrong of two features, and one that is right."""
REPETITIONS = 10
"""Runs of a seed: each with a world of its own."""


def cells(short: bool) -> list[Cell]:
    """All arms on forty seeds; in the short form on two."""
    return [Cell(arm, seed) for seed in range(2 if short else 40) for arm in ARMS]


def work(arm: str, seed: int, short: bool, _folder: Path) -> list[Point]:
    """What is measured in some worlds of a seed."""
    worlds = range(seed * REPETITIONS, (seed + 1) * REPETITIONS)
    points: list[Point] = []
    for world in worlds[: 2 if short else None]:
        points += _features(arm, world) if arm in {"biased", "unbiased"} else _asking(arm, world)
    return points


def _asking(arm: str, world: int) -> list[Point]:
    gold = gold_of(np.random.default_rng([world, 210]), turns=arm == "turns")
    fixed = [at_intervals(gold, every, np.random.default_rng([world, 211, every])) for every in INTERVALS]
    rule = by_rule(gold, np.random.default_rng([world, 211]))
    return [*fixed, rule, until_worse(gold, np.random.default_rng([world, 212]))]


def _features(arm: str, world: int) -> list[Point]:
    return [rounds_of(world, share, biased=arm == "biased") for share in (0.0, SHARE)]
