"""The cells: an experiment with a seed."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from accord.lab.cell import Cell
from accord.lab.rewards import kinds, strengths, trap
from accord.lab.rewards.groups import unknown_groups
from accord.lab.rewards.points import RewardsPoint
from accord.lab.rewards.rankings import REPEATS, rankings_of_four

__all__ = ["ARMS", "cells", "work"]

MARKED = ("kinds", "strengths", "trap-quadratic", "groups-6", "rankings")
MINORITIES = {"groups-6": 6, "groups-0": 0}


def _kinds(arm: str, seed: int, short: bool) -> list[RewardsPoint]:
    setting = kinds.ARMS[arm]
    return kinds.kinds(replace(setting, seconds=setting.seconds / 6) if short else setting, seed)


def _strengths(arm: str, seed: int, short: bool) -> list[RewardsPoint]:
    return strengths.strengths(strengths.ARMS[arm], seed, answers=10 if short else strengths.ANSWERS)


def _trap(arm: str, seed: int, short: bool) -> list[RewardsPoint]:
    return trap.trap(trap.ARMS[arm], seed, pool=trap.POOL // 8 if short else trap.POOL)


def _groups(arm: str, seed: int, short: bool) -> list[RewardsPoint]:
    return unknown_groups(seed, MINORITIES[arm], restarts=2 if short else 8)


def _rankings(_arm: str, seed: int, short: bool) -> list[RewardsPoint]:
    return rankings_of_four(seed, repeats=2 if short else REPEATS)


ARMS: Mapping[str, Callable[[str, int, bool], list[RewardsPoint]]] = {
    **dict.fromkeys(kinds.ARMS, _kinds),
    **dict.fromkeys(strengths.ARMS, _strengths),
    **dict.fromkeys(trap.ARMS, _trap),
    **dict.fromkeys(MINORITIES, _groups),
    "rankings": _rankings,
}


def cells(short: bool) -> list[Cell]:
    """All arms on twenty seeds; in the short form those of the marks on one."""
    if short:
        return [Cell(arm, 0) for arm in MARKED]
    return [Cell(arm, seed) for seed in range(20) for arm in ARMS]


def work(arm: str, seed: int, short: bool, _folder: Path) -> list[RewardsPoint]:
    """One experiment."""
    return ARMS[arm](arm, seed, short)
