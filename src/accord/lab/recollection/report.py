"""What is concluded: the numbers of the marks."""

from collections.abc import Iterator, Mapping

import numpy as np

from accord.lab.recollection.cells import INTERVALS, SHARE
from accord.lab.recollection.points import StopPoint
from accord.lab.recollection.results import Floats, Results, asking_runs, features, has, stops
from accord.stats import Estimate, jackknife, mean

__all__ = ["best_interval", "conclude", "share_of_peak"]


def conclude(results: Results) -> Mapping[str, Estimate]:
    """What the marks are about."""
    parts = (_intervals, _rule, _stop, _features)
    return {name: estimate for part in parts for name, estimate in part(results)}


def _final(results: Results, arm: str, how: str) -> Floats:
    """Gold after the last step."""
    return asking_runs(results, arm, how, lambda point: point.gold[-1])


def best_interval(results: Results) -> int:
    """The interval with the most gold."""
    return max(INTERVALS, key=lambda every: float(_final(results, "turns", f"every {every}").mean()))


def _intervals(results: Results) -> Iterator[tuple[str, Estimate]]:
    """Whether the best of the fixed intervals lies inside of their range."""
    if not has(results, "turns"):
        return
    best = _final(results, "turns", f"every {best_interval(results)}")
    for name, every in (("often", INTERVALS[0]), ("seldom", INTERVALS[-1])):
        yield f"peak-inside:{name}", mean(best - _final(results, "turns", f"every {every}"))


def _rule(results: Results) -> Iterator[tuple[str, Estimate]]:
    """The rule beside the best fixed interval, and what it asks for where nothing is wrong."""
    if has(results, "turns"):
        best = _final(results, "turns", f"every {best_interval(results)}")
        rule = _final(results, "turns", "rule")
        yield "rule-gold", jackknife(lambda rows: float(rule[rows].mean() / best[rows].mean()), len(best))
        every_step = asking_runs(results, "turns", "every 1", lambda point: point.labels)
        labels = asking_runs(results, "turns", "rule", lambda point: point.labels)
        yield "rule-labels", mean(labels / every_step)
    if has(results, "control"):
        yield "control-asks", mean(asking_runs(results, "control", "rule", lambda point: point.askings > 0))


def share_of_peak(point: StopPoint) -> float:
    """Gold where it was stopped, or at the end, of the most that it ever was."""
    kept = point.gold[-1 if point.stop is None else point.stop]
    return kept / max(point.gold)


def _stop(results: Results) -> Iterator[tuple[str, Estimate]]:
    if has(results, "turns"):
        yield "stop-in-time", mean(stops(results, "turns", lambda point: share_of_peak(point) >= 0.9))
    if has(results, "control"):
        yield "control-stopped", mean(stops(results, "control", lambda point: point.stop is not None))


def _features(results: Results) -> Iterator[tuple[str, Estimate]]:
    """The over-estimated feature from the first round on, and the under-estimated one at the end."""
    if has(results, "biased"):
        without, with_share = (
            features(results, "biased", share, lambda point: point.over[-1] - point.over[1]) for share in (0.0, SHARE)
        )
        yield "over-grows", mean(without)
        yield "over-falls", mean(with_share)
        ends = [features(results, "biased", share, lambda point: point.under[-1]) for share in (0.0, SHARE)]
        yield "under-recovers", mean(ends[1] - ends[0])
        gold = [features(results, "biased", share, lambda point: point.gold[-1]) for share in (0.0, SHARE)]
        yield "share-gold", mean(gold[1] - gold[0])
    if has(results, "unbiased"):
        grown = features(results, "unbiased", 0.0, lambda point: point.over[-1] - point.over[1])
        yield "unbiased-grows", mean(np.abs(grown))
