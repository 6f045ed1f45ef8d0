"""What is concluded: the numbers of the marks."""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from accord.lab.many_people.annotation import AT
from accord.lab.many_people.cells import SHARES
from accord.lab.many_people.results import Results, errors, front, values, worst
from accord.stats import Estimate, jackknife, mean, proportion

__all__ = ["conclude", "labels_needed"]

Floats = NDArray[np.float64]
MINORITIES = tuple(share for share in SHARES if 0 < share < 50)
NOISIER = ("noisier-10", "noisier-20")
ANSWERS = 300
"""At which number of answers the maps are held against each other."""


def conclude(results: Results) -> Mapping[str, Estimate]:
    """What the marks are about."""
    return dict([*_rewards(results), *_audit(results), *_policies(results), *_soups(results), *_annotation(results)])


def _rewards(results: Results) -> Iterator[tuple[str, Estimate]]:
    """One reward and those of groups: accuracies by share, and how many groups EM finds where there is one."""
    few_S, many_S = (values(results, f"opposed-{share}", "accuracy", "pooled", "minority") for share in (10, 40))
    yield "pooled-minority", mean(few_S)
    yield "pooled-rises", mean(many_S - few_S)
    yield "pooled-majority", mean(values(results, "opposed-10", "accuracy", "pooled", "majority"))
    for share in MINORITIES:
        arm = f"opposed-{share}"
        pooled_S = values(results, arm, "accuracy", "pooled", "majority")
        for how in ("known", "found"):
            yield f"minority:{how} {share}", mean(values(results, arm, "accuracy", how, "minority"))
            majority_S = values(results, arm, "accuracy", how, "majority")
            yield f"majority-loss:{how} {share}", mean(pooled_S - majority_S)
    for arm in ("opposed-0", *NOISIER):
        groups_S = values(results, arm, "groups", "found")
        yield f"one-group:{arm}", proportion(int((groups_S == 1).sum()), len(groups_S))


def _audit(results: Results) -> Iterator[tuple[str, Estimate]]:
    """How often PM2 fires, and the gap in accuracy."""
    for arm in (*(f"opposed-{share}" for share in MINORITIES), "opposed-0", *NOISIER):
        name = "pm2-fires" if arm.startswith("opposed") and arm != "opposed-0" else "pm2-quiet"
        yield f"{name}:{arm}", _share(values(results, arm, "PM2 fires"))
    for arm in NOISIER:
        yield f"gap-fires:{arm}", _share(values(results, arm, "gap fires"))


def _share(value_S: Floats) -> Estimate:
    return proportion(int(value_S.sum()), len(value_S))


def _policies(results: Results) -> Iterator[tuple[str, Estimate]]:
    """What the worst-served group gains by MaxMin over one reward; what it costs a majority where nobody differs."""
    for share in MINORITIES:
        arm = f"opposed-{share}"
        pooled_S = worst(results, arm, "pooled")
        for how in ("known", "found"):
            yield f"worst:{how} {share}", mean(worst(results, arm, f"maxmin of {how}") - pooled_S)
    for arm in ("opposed-0", *NOISIER):
        found_S, pooled_S = (values(results, arm, "gain", how, "majority") for how in ("maxmin of found", "pooled"))
        yield f"maxmin-kept:{arm}", _ratio(found_S, pooled_S)


def _ratio(above_S: Floats, below_S: Floats) -> Estimate:
    return jackknife(lambda rows: float(above_S[rows].sum() / below_S[rows].sum()), len(above_S))


def _soups(results: Results) -> Iterator[tuple[str, Estimate]]:
    """Soups beside training again, over all weights but the ends; and how far above the line between the ends."""
    retrained, soup, mixture = (front(results, how) for how in ("retrained", "soup", "mixture"))
    inner = slice(1, -1)
    yield "soup-share", _ratio(soup.objective_SW[:, inner].mean(1), retrained.objective_SW[:, inner].mean(1))
    middle = len(soup.weight_W) // 2
    above_S2 = soup.gain_SW2[:, middle] - mixture.gain_SW2[:, middle]
    yield "soup-concave", mean(above_S2.mean(1))


def _annotation(results: Results) -> Iterator[tuple[str, Estimate]]:
    """Disagreement-aware choice against choice at random: the error at as many answers, the answers for as much."""
    at = AT.index(ANSWERS)
    for name, arm in (("map-error", "annotation-30"), ("map-error-alike", "annotation-0")):
        aware_SA, random_SA = (errors(results, arm, how) for how in ("disagreement", "random"))
        yield name, mean(aware_SA[:, at] - random_SA[:, at])
    yield "map-answers", labels_needed(results, "annotation-30")


def labels_needed(results: Results, arm: str) -> Estimate:
    """How many times as many answers choice at random takes for the map that the other choice has with 300.

    By the mean curves. As many as were asked at most, where it never gets there.
    """
    aware_SA, random_SA = (errors(results, arm, how) for how in ("disagreement", "random"))

    def needed(rows: NDArray[np.intp]) -> float:
        wanted = float(aware_SA[rows, AT.index(ANSWERS)].mean())
        error_A = np.minimum.accumulate(random_SA[rows].mean(0))
        return float(np.interp(-wanted, -error_A, np.array(AT, dtype=float))) / ANSWERS

    return jackknife(needed, len(aware_SA))
