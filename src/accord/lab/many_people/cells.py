"""The cells: a panel of people, two groups' policies, or items to be annotated, with a seed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from accord.lab.cell import Cell
from accord.lab.many_people.annotation import annotated
from accord.lab.many_people.auditing import accuracy_gap, pm2_fires
from accord.lab.many_people.fronts import fronts
from accord.lab.many_people.learning import Rewards, learn
from accord.lab.many_people.points import PeoplePoint, Point
from accord.lab.many_people.policies import settled_reward
from accord.lab.opposed_people import EVALUATORS, WANTED_2D, Answered, People
from accord.lab.rewards.groups import mean_accuracy
from accord.run import RunDirectory

__all__ = ["ANNOTATION", "ARMS", "FRONT", "GROUPS", "SHARES", "Panel", "cells", "work"]

ANSWERS = 40
GROUPS = ("majority", "minority")
NOISE = 4.0
SHARES = (0, 10, 20, 30, 40, 50)


@dataclass(frozen=True)
class Panel:
    """How many of sixty want the opposite, and how many want the same and are four times as noisy."""

    opposed: int = 0
    noisy: int = 0


PANELS: Mapping[str, Panel] = {
    **{f"opposed-{share}": Panel(opposed=EVALUATORS * share // 100) for share in SHARES},
    "noisier-10": Panel(noisy=EVALUATORS // 10),
    "noisier-20": Panel(noisy=EVALUATORS // 5),
}
FRONT = "two-policies"
ANNOTATION = {"annotation-30": 30, "annotation-0": 0}
ARMS = (*PANELS, FRONT, *ANNOTATION)


def cells(short: bool) -> list[Cell]:
    """All arms on twenty seeds; in the short form on one."""
    return [Cell(arm, seed) for seed in range(1 if short else 20) for arm in ARMS]


def work(arm: str, seed: int, short: bool, _folder: Path) -> list[Point]:
    """One panel, the policies between two groups, or one hundred items."""
    if arm == FRONT:
        return list(fronts(seed))
    random = np.random.default_rng([seed, 176])
    if arm in ANNOTATION:
        people = People.draw(EVALUATORS * ANNOTATION[arm] // 100, random)
        return list(annotated(people, people.answer(ANSWERS // 2, random), seed))
    return list(_panel(PANELS[arm], seed, random, restarts=1 if short else 3))


def _panel(panel: Panel, seed: int, random: np.random.Generator, *, restarts: int) -> Iterator[PeoplePoint]:
    people = People.draw(panel.opposed, random, noisy=panel.noisy, noise=NOISE)
    answered, later = people.answer(ANSWERS, random), people.answer(ANSWERS, random)
    rewards = learn(people, answered, seed, restarts=restarts)
    yield PeoplePoint(what="groups", how="found", value=len(rewards["found"].reward_KD))
    for how, of_how in rewards.items():
        yield from _accuracies(people, how, of_how)
    yield from _policies(people, rewards)
    with TemporaryDirectory() as folder:
        run = RunDirectory.create(Path(folder) / "run")
        yield PeoplePoint(what="PM2 fires", value=float(pm2_fires(run, later, rewards["pooled"].reward_KD[0])))
    yield from _gap(panel, people, later, rewards["pooled"])


def _present(people: People) -> list[int]:
    """The groups that have anybody."""
    return [group for group in range(2) if (people.group_E == group).any()]


def _accuracies(people: People, how: str, rewards: Rewards) -> Iterator[PeoplePoint]:
    """Of what each group orders as it does, by the reward that each of its people is given."""
    for group in _present(people):
        own_ED = rewards.of_evaluator_ED[people.group_E == group]
        value = mean_accuracy(own_ED, WANTED_2D[group])
        yield PeoplePoint(what="accuracy", how=how, group=GROUPS[group], value=value)


def _policies(people: People, rewards: Mapping[str, Rewards]) -> Iterator[PeoplePoint]:
    """What each group gains by one policy for all, and by policies of its own."""
    of_all = {
        "pooled": rewards["pooled"].reward_KD[0],
        "maxmin of known": settled_reward(rewards["known"].reward_KD),
        "maxmin of found": settled_reward(rewards["found"].reward_KD),
    }
    for group in _present(people):
        wanted_D, name = WANTED_2D[group], GROUPS[group]
        for how, reward_D in of_all.items():
            yield PeoplePoint(what="gain", how=how, group=name, value=float(wanted_D @ reward_D))
        for how in ("known", "found"):
            own_ED = rewards[how].of_evaluator_ED[people.group_E == group]
            yield PeoplePoint(what="gain", how=f"own of {how}", group=name, value=float((own_ED @ wanted_D).mean()))


def _gap(panel: Panel, people: People, later: Answered, pooled: Rewards) -> Iterator[PeoplePoint]:
    """Whether one reward surely foretells a group worse than the others, where there is a group of some kind."""
    member_E = people.group_E == 1 if panel.opposed else people.noise_E > 1
    if member_E.any():
        gap = accuracy_gap(later, pooled.reward_KD[0], member_E)
        yield PeoplePoint(what="gap", value=gap.value)
        yield PeoplePoint(what="gap fires", value=float(gap.low is not None and gap.low > 0))
