"""The cells: every method on the reviews is one, all methods on the essays of a seed, all on a seed's tables."""

from pathlib import Path

from accord.lab.cell import Cell
from accord.lab.is_rl_needed.essays import on_essays
from accord.lab.is_rl_needed.reviews import METHODS, on_reviews
from accord.lab.is_rl_needed.settings import START, MethodResult
from accord.lab.is_rl_needed.tables import on_tables

__all__ = ["cells", "work"]


def cells(short: bool) -> list[Cell]:
    """Each method on the reviews, four seeds of essays, ten enumerated worlds; in the short form one of each."""
    reviews = [Cell(f"reviews {method}", 0) for method in (START, *(("rloo", "dpo") if short else METHODS))]
    essays = [Cell("essay", seed) for seed in range(1 if short else 4)]
    enums = [Cell("enum", seed) for seed in range(1 if short else 10)]
    return [*reviews, *essays, *enums]


def work(arm: str, seed: int, short: bool, folder: Path) -> list[MethodResult]:
    """One cell."""
    world, _, method = arm.partition(" ")
    if world == "enum":
        return on_tables(seed, short)
    if world == "essay":
        return on_essays(seed, short, folder / f"essay-{seed}")
    return on_reviews(method, short, folder)
