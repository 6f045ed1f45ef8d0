"""Weights of a data set's pairs and examples: by their evaluators' reliability, pool and population."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Literal, TypeVar

import numpy as np

from accord.artefacts import EvaluatorTrust, RakingSummary, SplitTrust, TrustSummary
from accord.errors import RecipeError, RecordError
from accord.feedback.dataset.dataset import Dataset
from accord.feedback.dataset.views import is_evidence
from accord.feedback.provenance import group_of
from accord.feedback.statistics.codings import counts_as_person
from accord.feedback.statistics.preferences import collect_preferences, feedback_of_known
from accord.feedback.statistics.raking import Target, check_target, effective_size, rake
from accord.feedback.statistics.reliability import summarise_evaluators
from accord.feedback.statistics.workers.fitting import MODELS
from accord.feedback.statistics.workers.held_out import held_out_gain
from accord.feedback.statistics.workers.votes import votes_of_preferences
from accord.feedback.trust.from_controls import standing_from_controls
from accord.feedback.trust.from_votes import standing_from_votes
from accord.feedback.trust.standing import Standings
from accord.feedback.trust.weights import reliability_weights
from accord.records import Evaluator, Example, Pair
from accord.stats import Estimate

__all__ = ["WEIGHTED_SPLITS", "TrustModel", "check_population", "weigh"]

Entry = TypeVar("Entry", Pair, Example)
TrustModel = Literal["control", "one_coin", "dawid_skene", "none"]
WEIGHTED_SPLITS = ("train", "eval_reward")
"""The splits that something learns from. What is held out weighs 1: an evaluation is of the answers as they are."""
LEAST_FACTOR = 1e-9  # raking to shares that exclude one another drives weights to 0, and every answer has one


def weigh(
    data: Dataset, *, trust: TrustModel, pools: Mapping[str, float], population: Target | None
) -> tuple[Dataset, TrustSummary]:
    """The data set with the weights of its evaluators, whose mean over the pairs of a split is 1, and why.

    The weight of an evaluator is the product of what their reliability gives, by `trust`, their pool, by `pools`, and
    their groups, by `population`. Its shares hold of the product: pairs are raked from the other weights, and examples
    by themselves, each shared alike by its evaluators. Each split goes by its own feedback, so that nothing of the
    judge's enters the reward model, and by all control questions, which nobody learns from. Where all weights of a
    split are equal, its pairs stay as they are.

    Raises `RecipeError` for a pool that no evaluator is of, an attribute that none has, or shares that
    `check_population` refuses.
    """
    _check(data.evaluators, pools, population)
    splits: dict[str, SplitTrust] = {}
    pairs, examples = dict(data.pairs), data.examples
    by_split: dict[str, dict[str, float]] = {}
    for split in WEIGHTED_SPLITS:
        of_split = data.pairs.get(split, ())
        evidence = [record.evaluator for record in data.feedback.get(split, ()) if is_evidence(record)]
        if not of_split and not evidence and not (split == "train" and examples):
            continue
        standings, gain, unused = _standings(data, split, trust)
        reliability = {} if unused else reliability_weights(standings)
        weights = {
            name: reliability.get(name, 1.0) * pools.get(evaluator.pool or "", 1.0)
            for name, evaluator in data.evaluators.items()
        }
        pairs[split], raking = _weighted(of_split, data.evaluators, weights, population)
        examples_raking = None
        if split == "train":
            examples, examples_raking = _weighted(examples, data.evaluators, weights, population)
        of_answers = _of_answers(evidence, data.evaluators, weights, population)
        if of_answers:
            by_split[split] = of_answers
        elif not of_split and not (split == "train" and examples):
            continue
        splits[split] = SplitTrust(
            unused=unused or None,
            gain=gain,
            evaluators=tuple(_row(standings, name, reliability.get(name, 1.0)) for name in standings.standing),
            raking=raking,
            examples_raking=examples_raking,
            pairs=len(of_split),
            effective_pairs=effective_size([pair.weight for pair in pairs[split]]),
            weights=of_answers or None,
        )
    weighed = replace(data, pairs=pairs, examples=examples, evaluator_weights=by_split)
    return weighed, TrustSummary(model=trust, pools=dict(pools), splits=splits)


def check_population(population: Target) -> None:
    """Raises `RecipeError` where shares are no shares, do not sum to 1, or give answers no weight at all."""
    try:
        check_target(population)
    except RecordError as error:
        raise RecipeError(f"recipe.data.population: {error}") from error
    for name, shares in population.items():
        for group, share in shares.items():
            if share == 0:
                raise RecipeError(
                    f"recipe.data.population.{name}.{group}: a share of 0 leaves answers without weight; give a small "
                    "share, or leave the line out and name these evaluators in data.exclude"
                )


def _check(evaluators: Mapping[str, Evaluator], pools: Mapping[str, float], population: Target | None) -> None:
    known = sorted({evaluator.pool for evaluator in evaluators.values() if evaluator.pool})
    for name in pools:
        if name not in known:
            raise RecipeError(f"recipe.data.pools.{name}: no evaluator is of this pool; pools are {known}")
    check_population(population or {})
    for name in population or {}:
        if not any(group_of(evaluator, name) for evaluator in evaluators.values()):
            raise RecipeError(f"recipe.data.population.{name}: no evaluator has this attribute")


def _standings(data: Dataset, split: str, trust: TrustModel) -> tuple[Standings, Estimate | None, str]:
    """The standings by a model, its gain on held-out votes, and why it is not used (empty where it is)."""
    nothing = Standings({}, {}, {})
    if trust == "none":
        return nothing, None, "no model was asked for"
    if trust == "control":
        everything = [record for feedback in data.feedback.values() for record in feedback]
        standings = standing_from_controls(summarise_evaluators(everything, evaluators=data.evaluators))
        return standings, None, "" if standings.standing else "nobody answered a control question"
    known = feedback_of_known(data.feedback.get(split, ()), data.evaluators)
    votes = votes_of_preferences(collect_preferences(known))
    gain = held_out_gain(votes, MODELS[trust])
    if gain is None:
        return nothing, None, "no two known evaluators judged the same two texts, or too few to hold any out"
    surely = gain.low is not None and gain.low > 0
    unused = "" if surely else "it does not surely foretell held-out votes better than one accuracy for everybody"
    people = {name for name, evaluator in data.evaluators.items() if counts_as_person(evaluator)}
    return standing_from_votes(votes, trust, people=people), gain, unused


def _weighted(
    entries: Sequence[Entry],
    evaluators: Mapping[str, Evaluator],
    weights: Mapping[str, float],
    population: Target | None,
) -> tuple[tuple[Entry, ...], RakingSummary | None]:
    """Each entry's own weight times the mean of its evaluators' factors, with mean 1; and what raking came to."""
    voters = [_evaluators_of(entry) for entry in entries]
    names = [name for of_entry in voters for name in of_entry]
    factors, raking = [weights.get(name, 1.0) for name in names], None
    if population is not None and any(name in evaluators for name in names):
        own = [entry.weight / len(of_entry) for entry, of_entry in zip(entries, voters, strict=True) for _ in of_entry]
        factors, raking = _raked(own, [evaluators.get(name) for name in names], factors, population)
    in_turn = iter(factors)
    means = _normalised([float(np.mean(list(islice(in_turn, len(of_entry))))) for of_entry in voters])
    return tuple(_reweighted(entry, factor) for entry, factor in zip(entries, means, strict=True)), raking


def _of_answers(
    evidence: Sequence[str],
    evaluators: Mapping[str, Evaluator],
    weights: Mapping[str, float],
    population: Target | None,
) -> dict[str, float]:
    """The factor of each evaluator whose answers differ from 1, raked over all answers and not over pairs."""
    factors = [weights.get(name, 1.0) for name in evidence]
    if population is not None and any(name in evaluators for name in evidence):
        factors, _ = _raked([1.0] * len(evidence), [evaluators.get(name) for name in evidence], factors, population)
    means = dict(zip(evidence, _normalised(factors), strict=True))
    return {name: factor for name, factor in means.items() if factor != 1.0}


def _raked(
    own: Sequence[float], voters: Sequence[Evaluator | None], factors: Sequence[float], population: Target
) -> tuple[list[float], RakingSummary]:
    """The factors of votes that weigh `own` by themselves, scaled until the votes have the population's shares."""
    groups = {name: [None if voter is None else group_of(voter, name) for voter in voters] for name in population}
    base_N = np.multiply(own, factors)
    raking = rake(groups, population, base=base_N.tolist())
    factor_N = np.maximum(raking.weight_N / np.asarray(own, dtype=np.float64), LEAST_FACTOR)
    return factor_N.tolist(), RakingSummary(error=raking.error, missing=dict(raking.missing))


def _evaluators_of(entry: Pair | Example) -> tuple[str, ...]:
    """Whoever said so; one that nobody knows where nobody is named."""
    return (entry.evaluator or "",) if isinstance(entry, Pair) else entry.evaluators or ("",)


def _normalised(factors: list[float]) -> list[float]:
    if not factors or min(factors) == max(factors):
        return [1.0] * len(factors)
    centre = sum(factors) / len(factors)
    return [factor / centre for factor in factors]


def _reweighted(entry: Entry, factor: float) -> Entry:
    return entry if factor == 1.0 else entry.model_copy(update={"weight": entry.weight * factor})


def _row(standings: Standings, name: str, weight: float) -> EvaluatorTrust:
    return EvaluatorTrust(
        evaluator=name,
        accuracy=standings.accuracy[name],
        usual=standings.usual[name],
        standing=standings.standing[name],
        weight=weight,
    )
