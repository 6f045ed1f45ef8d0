"""Weights of a data set's pairs and examples: by their evaluators' reliability, pool and population."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal, TypeVar

import numpy as np

from accord.artefacts import EvaluatorTrust, RakingSummary, SplitTrust, TrustSummary
from accord.errors import RecipeError
from accord.feedback.dataset.dataset import Dataset
from accord.feedback.statistics.preferences import collect_preferences, feedback_of_known
from accord.feedback.statistics.raking import Target, effective_size, rake
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

__all__ = ["WEIGHTED_SPLITS", "TrustModel", "weigh"]

Entry = TypeVar("Entry", Pair, Example)
TrustModel = Literal["control", "one_coin", "dawid_skene", "none"]
WEIGHTED_SPLITS = ("train", "eval_reward")
"""The splits that something learns from. What is held out weighs 1: an evaluation is of the answers as they are."""


def weigh(
    data: Dataset, *, trust: TrustModel, pools: Mapping[str, float], population: Target | None
) -> tuple[Dataset, TrustSummary]:
    """The data set with the weights of its evaluators, whose mean over the pairs of a split is 1, and why.

    The weight of an evaluator is the product of what their reliability gives, by `trust`, their pool, by `pools`, and
    their groups, by `population`. Each split goes by its own feedback, so that nothing of the judge's enters the reward
    model, and by all control questions, which nobody learns from. Where all weights of a split are equal, its pairs
    stay as they are. Raises `RecipeError` for a pool that no evaluator is of, or an attribute that none has.
    """
    _check(data.evaluators, pools, population)
    splits: dict[str, SplitTrust] = {}
    pairs, examples = dict(data.pairs), data.examples
    for split in WEIGHTED_SPLITS:
        of_split = data.pairs.get(split, ())
        if not of_split and not (split == "train" and examples):
            continue
        standings, gain, unused = _standings(data, split, trust)
        reliability = {} if unused else reliability_weights(standings)
        raking, raked = _raked(of_split, data.evaluators, population)
        weights = {
            name: reliability.get(name, 1.0) * pools.get(evaluator.pool or "", 1.0) * raked.get(name, 1.0)
            for name, evaluator in data.evaluators.items()
        }
        pairs[split] = _weighted_pairs(of_split, weights)
        if split == "train":
            examples = _weighted_examples(examples, weights)
        splits[split] = SplitTrust(
            unused=unused or None,
            gain=gain,
            evaluators=tuple(_row(standings, name, reliability.get(name, 1.0)) for name in standings.standing),
            raking=raking,
            pairs=len(of_split),
            effective_pairs=effective_size([pair.weight for pair in pairs[split]]),
        )
    return replace(data, pairs=pairs, examples=examples), TrustSummary(model=trust, pools=dict(pools), splits=splits)


def _check(evaluators: Mapping[str, Evaluator], pools: Mapping[str, float], population: Target | None) -> None:
    known = sorted({evaluator.pool for evaluator in evaluators.values() if evaluator.pool})
    for name in pools:
        if name not in known:
            raise RecipeError(f"recipe.data.pools.{name}: no evaluator is of this pool; pools are {known}")
    for name in population or {}:
        if not any(_group(evaluator, name) for evaluator in evaluators.values()):
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
    return standing_from_votes(votes, trust), gain, unused


def _raked(
    pairs: Sequence[Pair], evaluators: Mapping[str, Evaluator], population: Target | None
) -> tuple[RakingSummary | None, Mapping[str, float]]:
    """What raking came to, and the weight of each evaluator under which pairs have the population's shares."""
    rows = [pair.evaluator for pair in pairs if pair.evaluator in evaluators]
    if population is None or not rows:
        return None, {}
    groups = {name: [_group(evaluators[row], name) for row in rows if row] for name in population}
    raking = rake(groups, population)
    weights = {row: float(weight) for row, weight in zip(rows, raking.weight_N, strict=True) if row}
    missing = {name: tuple(absent) for name, absent in raking.missing.items()}
    return RakingSummary(error=raking.error, missing=missing, effective_pairs=effective_size(raking.weight_N)), weights


def _group(evaluator: Evaluator, attribute: str) -> str | None:
    return evaluator.pool if attribute == "pool" else (evaluator.attributes or {}).get(attribute)


def _weighted_pairs(pairs: tuple[Pair, ...], weights: Mapping[str, float]) -> tuple[Pair, ...]:
    """Each pair's own weight times that of its evaluator, with mean 1."""
    factors = _normalised([weights.get(pair.evaluator or "", 1.0) for pair in pairs])
    return tuple(_reweighted(pair, factor) for pair, factor in zip(pairs, factors, strict=True))


def _weighted_examples(examples: tuple[Example, ...], weights: Mapping[str, float]) -> tuple[Example, ...]:
    """Each example's own weight times the mean of its evaluators', with mean 1."""
    factors = _normalised(
        [float(np.mean([weights.get(name, 1.0) for name in example.evaluators] or [1.0])) for example in examples]
    )
    return tuple(_reweighted(example, factor) for example, factor in zip(examples, factors, strict=True))


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
