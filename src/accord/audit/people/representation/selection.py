"""Were those who agree with the researchers given more to judge?"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accord.artefacts.finding import Collection, Verdict
from accord.audit.challenges import MH1
from accord.audit.checks import LEDGER, Outcome, artefact, check
from accord.audit.evidence import EVALUATORS, Evidence, LedgerRecords
from accord.audit.people.representation.thresholds import RepresentationThresholds
from accord.deferred import deferred
from accord.errors import MissingEvidence
from accord.feedback.equality import same_answer, same_judgement
from accord.records import Feedback
from accord.run import MANIFEST

with deferred():
    from scipy.stats import norm, rankdata

    from accord.audit.people.representation.people import answers_by_person
    from accord.audit.verdicts import Ruling, at_most
    from accord.stats import Estimate

__all__ = ["p_by_orders", "rank_correlation", "selection"]

Floats = NDArray[np.float64]
ORDERS = 4000
SURE = 0.025


@dataclass(frozen=True)
class _Agreement:
    """How often each person, by id, answered as was wanted, and to how many items; `by` says by whom it was wanted."""

    by: str
    agreed: Mapping[str, float]
    items: Mapping[str, int]


@check(
    MH1,
    "selection",
    claim="Who answered how much does not go by who agrees with the researchers.",
    thresholds=RepresentationThresholds,
    needs=(LEDGER, artefact(EVALUATORS)),
    collect=Collection(
        "Evaluator.pool",
        "answers of the researchers themselves (the pool `researchers`) to items that the evaluators judged",
        "5 or more such items of each of at least 30 evaluators",
        study="overlap",
    ),
)
def selection(evidence: Evidence, thresholds: RepresentationThresholds) -> Outcome:
    """Spearman's rank correlation, over people, of how many answers they gave with how often they agree an answer.

    Agreement is with the researchers on the same items, or else with the known answers of control questions. It is a
    share of each person's own shared items, so that whoever answered more is not taken to agree more. That careful
    people are given more work cannot be told from it: they agree more with everybody.
    """
    counts = answers_by_person(evidence, thresholds)
    records = evidence.ledger_records if evidence.audit_ledger is None else evidence.all_records
    found = _agreement(records, set(counts), thresholds)
    names = [name for name, items in found.items.items() if items >= thresholds.min_shared]
    if len(names) < thresholds.min_selected:
        raise MissingEvidence(
            f"{thresholds.min_selected} people who answered {thresholds.min_shared} or more items that researchers "
            f"(pool '{thresholds.researchers}') or known answers (`Feedback.gold`) decide; there are {len(names)}"
        )
    count_E, agreed_E = (np.array([float(of[name]) for name in names]) for of in (counts, found.agreed))
    rho = rank_correlation(count_E, agreed_E)
    p_value = p_by_orders(count_E, agreed_E)
    most = count_E >= np.median(count_E)
    less = (
        "" if most.all() else f" (the busier half {agreed_E[most].mean():.0%}, the others {agreed_E[~most].mean():.0%})"
    )
    return Outcome(
        ruling=_ruling(rho, p_value, thresholds.selection),
        estimate=rho,
        threshold=f"a rank correlation above {thresholds.selection:g}",
        result=f"The number of answers of {len(names)} people goes with their agreement with {found.by} by a rank "
        f"correlation of {rho.value:+.2f}; they agree in {agreed_E.mean():.0%} of the items{less}."
        + (" All gave equally many." if np.ptp(count_E) == 0 else ""),
        remedy="Give everybody the same number of items (`quotas` of the study), and screen people by care (attention, "
        "time, answers to items asked again), not by whether they think as researchers do.",
        evidence=(MANIFEST, evidence.stage(EVALUATORS)),
        source="Spearman 1904, interval by Bonett & Wright 2000, p-value by orders drawn at random",
    )


def rank_correlation(first_E: Floats, second_E: Floats) -> Estimate:
    """Spearman's rho of two columns [E] with the interval of Bonett & Wright 2000; 0 where a column is constant."""
    size = first_E.size
    if np.ptp(first_E) == 0 or np.ptp(second_E) == 0:
        return Estimate(0.0, 0.0, 0.0, size, size, method="one of both is the same for all")
    rho = float(np.clip(_rho(rankdata(first_E), rankdata(second_E)[None])[0], -1.0, 1.0))
    error = float(np.sqrt((1 + rho**2 / 2) / (size - 3)))
    centre, reach = float(np.arctanh(np.clip(rho, -0.999, 0.999))), float(norm.ppf(0.975)) * error
    low, high = float(np.tanh(centre - reach)), float(np.tanh(centre + reach))
    return Estimate(rho, low, high, size, size, method="Fisher's z of ranks, variance (1 + rho^2 / 2) / (n - 3)")


def p_by_orders(first_E: Floats, second_E: Floats) -> float:
    """P(so large a rank correlation if people's numbers were dealt out anew), of 4,000 orders drawn at random."""
    if np.ptp(first_E) == 0 or np.ptp(second_E) == 0:
        return 1.0
    rank_E, other_E = rankdata(first_E), rankdata(second_E)
    random = np.random.default_rng(0)
    orders_BE = random.permuted(np.tile(other_E, (ORDERS, 1)), axis=1)
    there = _rho(rank_E, other_E[None])[0]
    return float((1 + (_rho(rank_E, orders_BE) >= there - 1e-12).sum()) / (1 + ORDERS))


def _rho(rank_E: Floats, other_BE: Floats) -> Floats:
    one_E, other_BE = rank_E - rank_E.mean(), other_BE - other_BE.mean(axis=1, keepdims=True)
    return np.asarray(other_BE @ one_E / np.sqrt((one_E @ one_E) * (other_BE**2).sum(axis=1)))


def _ruling(rho: Estimate, p_value: float, limit: float) -> Ruling:
    """Fires where the correlation is surely above the limit, and no chance order of people has one as large."""
    ruling = at_most(rho, limit)
    both = max(p_value, ruling.p_value if ruling.p_value is not None else 1.0)
    if ruling.verdict is Verdict.FIRES and both > SURE:
        return Ruling(Verdict.INCONCLUSIVE, "more people whose answers can be held against the researchers'", both)
    return ruling._replace(p_value=both)


def _agreement(records: LedgerRecords, people: set[str], thresholds: RepresentationThresholds) -> _Agreement:
    """With the researchers, where they judged items of these people; else with the known answers."""
    researchers = {name for name, one in records.evaluators.items() if one.pool == thresholds.researchers}
    wanted: dict[tuple[str, tuple[str, ...]], list[Feedback]] = {}
    for answer in records.feedback.values():
        if answer.evaluator in researchers:
            wanted.setdefault(_item(answer), []).append(answer)
    own = [one for one in records.feedback.values() if one.evaluator in people and one.repeat_of is None]
    shared = ((one, (same_answer(one, other) for other in wanted.get(_item(one), ()))) for one in own)
    found = _shares("the researchers", shared)
    if found.items:
        return found
    return _shares(
        "the known answers of control questions",
        ((one, iter([same_judgement(one.judgement, one.gold)])) for one in own if one.gold is not None),
    )


def _shares(by: str, answers: Iterable[tuple[Feedback, Iterable[bool | None]]]) -> _Agreement:
    """Of each person the mean over items of how many of those who say what is wanted they agree with."""
    of_item: dict[str, dict[tuple[str, tuple[str, ...]], float]] = {}
    for answer, verdicts in answers:
        said = [verdict for verdict in verdicts if verdict is not None]
        if said:
            of_item.setdefault(answer.evaluator, {}).setdefault(_item(answer), float(np.mean(said)))
    agreed = {name: float(np.mean(list(items.values()))) for name, items in of_item.items()}
    return _Agreement(by, agreed, {name: len(items) for name, items in of_item.items()})


def _item(answer: Feedback) -> tuple[str, tuple[str, ...]]:
    return answer.prompt, tuple(sorted(answer.completions))
