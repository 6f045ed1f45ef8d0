"""What is concluded: the numbers of the marks."""

from collections.abc import Iterator, Mapping

import numpy as np

from accord.lab.who_may_judge.cells import ERRORS, HEALTHY, MONEY, PICKED, arm_of
from accord.lab.who_may_judge.results import Floats, Results, checks, gold, judges, policies, share_of, switch
from accord.stats import Estimate, jackknife, mean, proportion

__all__ = ["AT", "KL", "PICKS", "conclude", "recovered"]

AT, KL = 1000, 4.0
"""The dollars and the nats that marks are about where they name none."""
PICKS = PICKED.index(16)
WRONG = (60, 80, 100)
CHECKS = (("OV3 assistance", "assisted", "people"), ("RG1 length", "model", "people"), ("RG2 gain", "model", "people"))
"""A check, the design whose reward or policy it is asked about, and whose answers it reads."""
BLIND = (("RG1 length", "model", "model"), ("RG2 gain", "model", "model"))
FIRING = {"OV3 assistance": (100,), "RG1 length": WRONG, "RG2 gain": (100,)}
"""At which errors a check must fire."""


def conclude(results: Results) -> Mapping[str, Estimate]:
    """What the marks are about."""
    parts = (_healthy, _passing, _switching, _pressure, _remarks, _mixed, _audit)
    return {name: estimate for part in parts for name, estimate in part(results)}


def _healthy(results: Results) -> Iterator[tuple[str, Estimate]]:
    """Where nobody is wrong but by noise: the cheaper the judge the better its policy, and each policy passes."""
    for money in MONEY:
        of = {name: gold(results, HEALTHY, name, money, KL) for name in ("people", "model", "program")}
        for name in ("model", "program"):
            yield f"healthy:{name} {money}", mean(of[name] - of["people"])
    yield "healthy-first", mean(_first(results, "program") - _first(results, "model"))
    for name in ("people", "model", "assisted"):
        yield f"healthy-passes:{name}", mean(_picks_of_policy(results, HEALTHY, name) - _picks(results, HEALTHY, name))


def _first(results: Results, design: str) -> Floats:
    """Gold for the least money in the control."""
    return gold(results, HEALTHY, design, MONEY[0], KL)


def _picks(results: Results, arm: str, judge: str) -> Floats:
    return judges(results, arm, judge, lambda point: point.picks[PICKS])


def _picks_of_policy(results: Results, arm: str, design: str) -> Floats:
    return policies(results, arm, design, AT, lambda point: point.picks[PICKS])


def recovered(results: Results, arm: str, judge: str) -> Estimate:
    """Of what a judge's picks lack of the best of sixteen, the share that those of its reward have: 0 where they are
    no better than the judge's own, 1 where they are the best."""
    own_S = _picks(results, arm, judge)
    best_S = judges(results, arm, judge, lambda point: point.best[PICKS])
    return share_of(_picks_of_policy(results, arm, judge) - own_S, best_S - own_S)


def _passing(results: Results) -> Iterator[tuple[str, Estimate]]:
    """Who is passed by the policy that learnt from it."""
    yield "recovered:people", recovered(results, arm_of(100), "people")
    yield "recovered:program", recovered(results, arm_of(100), "program")
    for error in ERRORS:
        arm = arm_of(error)
        yield f"recovered-model:{error}", recovered(results, arm, "model")
        yield f"recovered-assisted:{error}", recovered(results, arm, "assisted")
    accuracy_S = policies(results, arm_of(100), "people", AT, lambda point: point.accuracy)
    yield "accuracy-people", mean(accuracy_S - judges(results, arm_of(100), "people", lambda point: point.accuracy))


def _switching(results: Results) -> Iterator[tuple[str, Estimate]]:
    """People or the model, for as much money."""
    seeds = len(gold(results, arm_of(0), "people", AT, KL))
    of_money = {money: switch(results, money, KL) for money in MONEY}
    for money, crossing in of_money.items():
        yield f"switch:{money}", jackknife(crossing, seeds)
    least, most = of_money[MONEY[0]], of_money[MONEY[-1]]
    yield "switch-falls", jackknife(lambda rows: least(rows) - most(rows), seeds)
    for money in MONEY:
        yield f"model-ahead:{money}", mean(_ahead(results, 0, money, "model", "people"))
        yield f"people-ahead:{money}", mean(_ahead(results, 100, money, "people", "model"))
    arm = arm_of(100)
    by_accuracy_S = judges(results, arm, "model", lambda point: point.accuracy)
    yield "accuracy-model", mean(by_accuracy_S - judges(results, arm, "people", lambda point: point.accuracy))
    yield "as-often", mean(_ahead(results, 0, AT, "as often", "people"))


def _ahead(results: Results, error: int, money: int, one: str, other: str) -> Floats:
    arm = arm_of(error)
    return gold(results, arm, one, money, KL) - gold(results, arm, other, money, KL)


def _pressure(results: Results) -> Iterator[tuple[str, Estimate]]:
    """What more optimisation does to gold, and to the choice between people and the model."""
    for name, arm, design in (("model", arm_of(100), "model"), ("people", arm_of(100), "people")):
        far_S, near_S = (gold(results, arm, design, AT, kl) for kl in (9.0, KL))
        yield f"turns-{name}", mean(near_S - far_S)
    far, near = (switch(results, AT, kl) for kl in (9.0, 1.0))
    yield (
        "switch-pressure",
        jackknife(lambda rows: far(rows) - near(rows), len(gold(results, arm_of(0), "people", AT, KL))),
    )


def _remarks(results: Results) -> Iterator[tuple[str, Estimate]]:
    """People with the model's remarks beside people alone."""
    for error in ERRORS:
        hard_S2 = [judges(results, arm_of(error), name, lambda point: point.hard) for name in ("assisted", "people")]
        yield f"hard:{error}", mean(hard_S2[0] - hard_S2[1])
    arm = arm_of(100)
    accuracy_S2 = [judges(results, arm, name, lambda point: point.accuracy) for name in ("assisted", "people")]
    yield "remarks-accuracy", mean(accuracy_S2[0] - accuracy_S2[1])
    yield "remarks-few", mean(_ahead(results, 40, MONEY[0], "assisted", "people"))
    yield "remarks-many", mean(_ahead(results, 100, MONEY[-1], "people", "assisted"))


def _mixed(results: Results) -> Iterator[tuple[str, Estimate]]:
    """Half of the money on people: of the way from the model's policy to people's, how much is gone."""
    for error in WRONG:
        arm = arm_of(error)
        way_S = _ahead(results, error, AT, "people", "model")
        for design in ("routed", "corrected"):
            gone_S = gold(results, arm, design, AT, KL) - gold(results, arm, "model", AT, KL)
            yield f"{design}:{error}", share_of(gone_S, way_S)
    of = {name: gold(results, arm_of(0), name, AT, KL) for name in ("corrected", "model")}
    yield "corrected-kept", share_of(of["corrected"], of["model"])


def _audit(results: Results) -> Iterator[tuple[str, Estimate]]:
    """How often checks fire, by the model's error, asked of people or of the model itself."""
    for check, design, answerer in CHECKS:
        for error in FIRING[check]:
            yield f"fires:{check}, error {error}", _share(checks(results, arm_of(error), check, design, answerer))
        yield f"quiet:{check}, error 0", _share(checks(results, arm_of(0), check, design, answerer))
    for check, design, answerer in BLIND:
        for error in WRONG:
            yield f"blind:{check}, error {error}", _share(checks(results, arm_of(error), check, design, answerer))


def _share(value_S: Floats) -> Estimate:
    return proportion(int(np.sum(value_S)), len(value_S))
