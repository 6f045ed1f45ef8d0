"""Who answered, beside a target population, and what weights that bring both together would cost."""

import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from accord.errors import RecordError, nearest, storage
from accord.feedback.provenance import group_of
from accord.feedback.statistics.raking import Target, check_target, design_effect, effective_size, rake
from accord.records import Evaluator
from accord.stats import Estimate, rate

__all__ = ["AttributeShares", "Composition", "GroupShare", "composition", "read_target"]


@dataclass(frozen=True)
class GroupShare:
    """The people of one group: their share of the answers (clusters are people), and of the people; the target's."""

    group: str
    people: int
    answers: int
    of_answers: Estimate
    of_people: Estimate
    target: float


@dataclass(frozen=True)
class AttributeShares:
    """One attribute: its groups, and how far answers and people are from the target in total variation (0..1).

    The distance is half the sum of the groups' differences. Its interval follows from those of the groups, each at a
    level that lets all hold together: it holds more often than 95 %. `not_said` people gave no group of the target.
    """

    attribute: str
    groups: tuple[GroupShare, ...]
    distance_of_answers: Estimate
    distance_of_people: Estimate
    not_said: int


@dataclass(frozen=True)
class Composition:
    """All attributes of a target; and raking weights: whether they reach it, and the sample that is left with them.

    `answers` answers are worth `effective` of equal weight, so `design_effect` times as many people are needed for an
    interval of the same width; `missing` groups have nobody, and no weight brings them back. `largest` is the largest
    weight of an answer, the mean being 1.
    """

    attributes: tuple[AttributeShares, ...]
    answers: int
    effective: float
    design_effect: float
    largest: float
    converged: bool
    missing: Mapping[str, tuple[str, ...]]


def read_target(path: Path) -> dict[str, dict[str, float]]:
    """A target population: a TOML file with a table for each attribute, of the share of each group.

    Raises `RecordError` that names the key, `StorageError` where the file cannot be read.
    """
    with storage(path):
        raw = path.read_bytes()
    try:
        content = tomllib.loads(raw.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecordError(f"not TOML in UTF-8 ({error})", place=path.name) from error
    target: dict[str, dict[str, float]] = {}
    for name, shares in content.items():
        if not isinstance(shares, dict) or not shares:
            example = f"write a table, [{name}], with a line GROUP = SHARE for each group"
            raise RecordError(example, place=f"{path.name} {name}")
        for group, share in shares.items():
            if isinstance(share, bool) or not isinstance(share, int | float):
                raise RecordError(
                    f"{share!r} is no number; write a share from 0 to 1", place=f"{path.name} {name}.{group}"
                )
        target[name] = {group: float(share) for group, share in shares.items()}
    if not target:
        raise RecordError("no attribute; write a table, such as [age], with the share of each group", place=path.name)
    check_target(target)
    return target


def composition(answers: Mapping[str, int], evaluators: Mapping[str, Evaluator], target: Target) -> Composition | None:
    """Of people who answered so often (`answers`, by id), beside the target. None where nobody said their group.

    The groups are those of attributes, and of the field `pool`. Raises `RecordError` where nobody has an attribute that
    the target names, though they have others.
    """
    people = [evaluators.get(name) for name in answers]
    groups = {name: [None if one is None else group_of(one, name) for one in people] for name in target}
    without = [name for name, of_attribute in groups.items() if not any(of_attribute)]
    known = sorted({attribute for one in people if one is not None for attribute in one.attributes or {}})
    if not known and len(without) == len(groups):
        return None
    if without:
        close = nearest(without[0], [*known, "pool"])
        raise RecordError(f"no evaluator has this attribute{close}", place=f"target.{without[0]}")
    count = list(answers.values())
    shares = tuple(_attribute(name, groups[name], count, target[name]) for name in target)
    group_of_answer = {
        name: [group for group, n in zip(of, count, strict=True) for _ in range(n)] for name, of in groups.items()
    }
    raking = rake(group_of_answer, target)
    return Composition(
        tuple(one for one in shares if one is not None),
        sum(count),
        effective_size(raking.weight_N),
        design_effect(raking.weight_N) or 1.0,
        float(raking.weight_N.max(initial=1.0)),
        raking.converged,
        raking.missing,
    )


def _attribute(
    name: str, groups: Sequence[str | None], count: Sequence[int], shares: Mapping[str, float]
) -> AttributeShares | None:
    members = [(group, n) for group, n in zip(groups, count, strict=True) if group in shares]
    if not members:
        return None
    of_group, weight = [group for group, _ in members], [n for _, n in members]
    heads, level = Counter(of_group), 1 - 0.05 / len(shares)

    def share(group: str, at: float, weights: Sequence[int] | None) -> Estimate:
        return rate([of_person == group for of_person in of_group], range(len(of_group)), weights=weights, level=at)

    rows = tuple(
        GroupShare(
            group,
            heads[group],
            sum(n for of_person, n in members if of_person == group),
            share(group, 0.95, weight),
            share(group, 0.95, None),
            target,
        )
        for group, target in shares.items()
    )
    of_answers, of_people = (
        _distance([share(group, level, weights) for group in shares], list(shares.values()))
        for weights in (weight, None)
    )
    return AttributeShares(name, rows, of_answers, of_people, len(groups) - len(members))


def _distance(shares: Sequence[Estimate], target: Sequence[float]) -> Estimate:
    """Total variation; its ends are the least and the most that the groups' intervals allow."""
    value = sum(abs(one.value - q) for one, q in zip(shares, target, strict=True)) / 2
    n = shares[0].n
    if any(one.low is None or one.high is None for one in shares):
        return Estimate(value, None, None, n, shares[0].clusters, method="no interval of a single person")
    ends = np.array([(one.low, one.high, q) for one, q in zip(shares, target, strict=True)], dtype=np.float64)
    low_G, high_G, target_G = ends.T
    low = np.maximum(np.maximum(low_G - target_G, target_G - high_G), 0).sum() / 2
    high = min(np.maximum(np.abs(low_G - target_G), np.abs(high_G - target_G)).sum() / 2, 1.0)
    method = "from the groups' intervals, which hold together; it holds more often"
    return Estimate(value, float(low), float(high), n, shares[0].clusters, method=method)
