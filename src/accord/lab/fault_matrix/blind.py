"""Blind runs: nothing, one fault or two, drawn by a seed; which challenges does the audit name, and is it right?"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from accord.audit import CHECKS
from accord.lab.faults import FAULTS, Fault

__all__ = ["Answer", "answer_of", "drawn_faults", "targets_of"]

CHANCES = (0.2, 0.4, 0.4)
"""Of no fault, of one, of two at once."""


def drawn_faults(seed: int, number: int) -> tuple[tuple[Fault, ...], int]:
    """The faults of a blind run at their last strength, and the seed of its planting."""
    random = np.random.default_rng([seed, number, *b"blind"])
    count = int(random.choice(len(CHANCES), p=CHANCES))
    names = [FAULTS.names[i] for i in random.permutation(len(FAULTS))[:count]]
    return tuple(FAULTS.get(name)() for name in names), int(random.integers(10**6, 2**31))


def targets_of(fault: str) -> frozenset[str]:
    """The challenges whose checks a fault must set off."""
    return frozenset(CHECKS.get(check).challenge.id for check in FAULTS.get(fault).sets_off)


@dataclass(frozen=True)
class Answer:
    """What the audit named in a blind run, by challenge.

    targets  of the faults that were planted
    named    challenges of which a check fires that no other firing check explains
    wrong    of the named, those of no target
    excused  of the wrong, those of which every such check stands in `touches` of a planted fault
    missed   targets that are not named, nor fire by another target of the same fault that is
    """

    targets: frozenset[str]
    named: frozenset[str]
    wrong: frozenset[str]
    excused: frozenset[str]
    missed: frozenset[str]


def answer_of(
    planted: Sequence[str],
    fires: Iterable[str],
    explained_by: Mapping[str, Sequence[str]],
    challenge_of: Mapping[str, str],
) -> Answer:
    """What a report names; `challenge_of` gives the challenge of a check."""
    fires = list(fires)
    targets = frozenset[str]().union(*(targets_of(name) for name in planted))
    touched = {check for name in planted for check in FAULTS.get(name).touches}
    unexplained = [check for check in fires if not explained_by.get(check)]
    named = frozenset(challenge_of[check] for check in unexplained)
    untouched = {challenge_of[check] for check in unexplained if check not in touched}
    found = set(named)
    for name in planted:
        own = targets_of(name)
        found |= {
            challenge_of[check]
            for check in fires
            if challenge_of[check] in own and {challenge_of[by] for by in explained_by.get(check, ())} & own & named
        }
    wrong = named - targets
    return Answer(targets, named, wrong, frozenset(wrong - untouched), frozenset(targets - found))
