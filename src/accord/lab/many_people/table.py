"""The table: a row a panel, then policies between two groups, then maps of disagreement."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from accord.lab.many_people.annotation import AT, CHOICES
from accord.lab.many_people.cells import ANNOTATION, FRONT, PANELS
from accord.lab.many_people.results import Results, errors, front, has, values, worst
from accord.stats import Estimate, mean

__all__ = ["table"]

Floats = NDArray[np.float64]
POLICIES = ("pooled", "maxmin of known", "maxmin of found")


def table(results: Results) -> str:
    """Markdown, means over seeds with intervals."""
    rows = [
        "| panel | majority: one reward | known groups | groups by EM | minority: one reward | known groups | "
        "groups by EM | groups found | PM2 fires | the gap fires |",
        "|---" * 10 + "|",
        *_panel_rows(results),
        "",
        "| panel | worst group's gain: one reward | MaxMin, known | MaxMin, by EM | majority's gain: one reward | "
        "MaxMin, known | MaxMin, by EM | own reward |",
        "|---" * 8 + "|",
        *_policy_rows(results),
    ]
    if has(results, FRONT):
        rows += ["", "| policy | weight of the first group | gain of the first | of the second | KL, nats |"]
        rows += ["|---" * 5 + "|", *_front_rows(results)]
    rows += ["", "| panel | answers | by disagreement | at random | the model alone |", "|---" * 5 + "|"]
    return "\n".join([*rows, *_map_rows(results)])


def _panel_rows(results: Results) -> Iterator[str]:
    for arm in PANELS:
        if not has(results, arm):
            continue
        accuracies = [
            _text(values(results, arm, "accuracy", how, group), 3)
            for group in ("majority", "minority")
            for how in ("pooled", "known", "found")
        ]
        groups_S = values(results, arm, "groups", "found")
        counts = ", ".join(f"{number:.0f}: {int((groups_S == number).sum())}" for number in np.unique(groups_S))
        fires = [_count(values(results, arm, what)) for what in ("PM2 fires", "gap fires")]
        yield _row(arm, *accuracies, counts, *fires)


def _policy_rows(results: Results) -> Iterator[str]:
    for arm in PANELS:
        if not has(results, arm):
            continue
        worsts = [_text(worst(results, arm, how), 2) for how in POLICIES]
        majorities = [_text(values(results, arm, "gain", how, "majority"), 2) for how in (*POLICIES, "own of known")]
        yield _row(arm, *worsts, *majorities)


def _front_rows(results: Results) -> Iterator[str]:
    for how in ("retrained", "soup", "mixture", "maxmin"):
        found = front(results, how)
        for place, weight in enumerate(found.weight_W):
            if how != "maxmin" and place % 2:
                continue
            gains = [_text(found.gain_SW2[:, place, group], 2) for group in range(2)]
            yield _row(how, f"{weight:.2g}", *gains, _text(found.kl_SW[:, place], 2))


def _map_rows(results: Results) -> Iterator[str]:
    for arm in ANNOTATION:
        for answers in (100, 200, 300, 400, 600):
            if has(results, arm):
                found = [errors(results, arm, how)[:, AT.index(answers)] for how in CHOICES]
                yield _row(arm, str(answers), *(_text(error_S, 3) for error_S in found))


def _count(value_S: Floats) -> str:
    return f"{int(value_S.sum())} of {len(value_S)}" if len(value_S) else ""


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def _text(value_S: Floats, digits: int) -> str:
    if not len(value_S):
        return ""
    estimate: Estimate = mean(value_S)
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.{digits}f}"
    return f"{estimate.value:.{digits}f} [{estimate.low:.{digits}f}, {estimate.high:.{digits}f}]"
