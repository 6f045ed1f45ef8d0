"""The cells: a kind of panel with a seed."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from accord.artefacts import SplitTrust
from accord.feedback import weigh
from accord.lab.cell import Cell, Measurement
from accord.lab.trust.panel import EVALUATORS, Panel, fit, gold_accuracy

__all__ = ["ARMS", "TrustPoint", "cells", "work"]

SURE, UNSURE = 0.35, 0.57
"""Temperatures at which two ordinary evaluators agree on 82 and 74 % of the pairs; reported of RLHF are 63 to 77 %."""


@dataclass(frozen=True)
class Arm:
    """A panel with a share of evaluators who answer at random, or who want the opposite, or something unrelated."""

    careless: float = 0.0
    opposed: float = 0.0
    unrelated: float = 0.0
    temperature: float = SURE


ARMS: Mapping[str, Arm] = {
    "careless-0": Arm(),
    "careless-20": Arm(careless=0.2),
    "careless-50": Arm(careless=0.5),
    "opposed-10": Arm(opposed=0.1),
    "opposed-20": Arm(opposed=0.2),
    "unrelated-10": Arm(unrelated=0.1),
    "unrelated-20": Arm(unrelated=0.2),
    "unsure-careless-20": Arm(careless=0.2, temperature=UNSURE),
    "unsure-careless-50": Arm(careless=0.5, temperature=UNSURE),
}


MARKED = ("careless-0", "careless-20", "careless-50", "opposed-10", "opposed-20")


class TrustPoint(Measurement):
    """What came of one panel: accuracies are shares of pairs ordered as the truth orders them.

    attentive         of the reward, had nobody answered at random, without weights
    unweighted        without weights
    weighted          with weights
    minority_...      by what the minority wants
    careless          how many answer at random
    flagged           how many are flagged as careless
    right             how many of the flagged are
    minority_flagged  how many of the minority are flagged
    other_view        how many of the minority are seen to hold another view
    used              whether the model was used, by held-out votes
    """

    attentive: float
    unweighted: float
    weighted: float
    minority_unweighted: float | None = None
    minority_weighted: float | None = None
    careless: int
    flagged: int
    right: int
    minority_flagged: int
    other_view: int
    used: bool


def cells(short: bool) -> list[Cell]:
    """All panels on twenty seeds; in the short form those of the marks on one."""
    if short:
        return [Cell(arm, 0) for arm in MARKED]
    return [Cell(arm, seed) for seed in range(20) for arm in ARMS]


def work(arm: str, seed: int, _short: bool, _folder: Path) -> list[TrustPoint]:
    """One panel, as it is and with everybody attentive."""
    settings, panel = ARMS[arm], Panel.draw(seed)
    careless, opposed, unrelated = (
        round(EVALUATORS * share) for share in (settings.careless, settings.opposed, settings.unrelated)
    )
    minority: list[dict[str, object]] = [{"weights": tuple(-panel.truth_D)}] * opposed
    minority += [{"weights": tuple(panel.other_D)}] * unrelated
    at_random: list[dict[str, object]] = [{"lapse": 1.0}] * careless
    data, numbers = panel.ask(at_random + minority, settings.temperature)
    weighted, trust = weigh(data, trust="one_coin", pools={}, population=None)
    rewards = {name: fit(of.pairs["train"], numbers) for name, of in (("unweighted", data), ("weighted", weighted))}
    gold = {name: gold_accuracy(reward_D, panel.truth_D) for name, reward_D in rewards.items()}
    if minority:
        wanted_D = -panel.truth_D if opposed else panel.other_D
        gold |= {f"minority_{name}": gold_accuracy(reward_D, wanted_D) for name, reward_D in rewards.items()}
    attentive = gold["unweighted"]
    if careless:
        everybody, _ = panel.ask([], settings.temperature)
        attentive = gold_accuracy(fit(everybody.pairs["train"], numbers), panel.truth_D)
    names = [f"e{number}" for number in panel.order_E.tolist()]
    of = {name: evaluator.pseudonym for name, evaluator in data.evaluators.items()}
    counts = _counts(trust.splits["train"], of, set(names[:careless]), set(names[careless : careless + len(minority)]))
    return [TrustPoint(attentive=attentive, careless=careless, **gold, **counts)]


def _counts(trust: SplitTrust, of: Mapping[str, str], careless: set[str], minority: set[str]) -> dict[str, int]:
    """Who was flagged, and who is of another view; `of` has the pseudonyms."""
    flagged = {of[row.evaluator] for row in trust.evaluators if row.standing == "careless"}
    other_view = {of[row.evaluator] for row in trust.evaluators if row.standing == "another view"}
    return {
        "flagged": len(flagged),
        "right": len(flagged & careless),
        "minority_flagged": len(flagged & minority),
        "other_view": len(other_view & minority),
        "used": not trust.unused,
    }
