"""All that is measured of a judge, as one card."""

from accord.artefacts import RewardCard
from accord.feedback import Dataset
from accord.reward.card.claims import claims_of
from accord.reward.card.judgements import judgement_measures
from accord.reward.card.pairs import accuracy, baselines, calibration, probability_errors
from accord.reward.card.scored import SplitScores
from accord.stats import Estimate

__all__ = ["evaluate"]


def evaluate(
    scores: SplitScores,
    data: Dataset,
    *,
    fitted_on: str,
    split: str = "held_out",
    agreement: Estimate | None = None,
    consensus: Estimate | None = None,
) -> RewardCard:
    """The card of a judge, as far as its scores of what was held out tell.

    `fitted_on` is the split that the baselines are learnt from, `agreement` and `consensus` how often another evaluator
    and all others together order a pair as its evaluator did. Where no pair of `split` says which of two is better, the
    card has what was measured on other kinds of judgement.
    """
    card = RewardCard(
        agreement=agreement,
        consensus=consensus,
        judgements=judgement_measures(scores, data, fitted_on=fitted_on, split=split) or None,
    ).model_copy(update=_on_pairs(scores, data, fitted_on=fitted_on, split=split))
    return card.model_copy(update={"claims": claims_of(card)})


def _on_pairs(scores: SplitScores, data: Dataset, *, fitted_on: str, split: str) -> dict[str, Estimate]:
    pairs = data.pairs.get(split, ())
    if all(pair.tie for pair in pairs):
        return {}
    measures = {
        "accuracy": accuracy(scores.values, pairs, data.evaluators),
        **baselines(data, fitted_on=fitted_on, split=split),
    }
    if scores.scale is not None:
        measures["ece"] = calibration(scores.values, pairs, data.evaluators, scale=scores.scale)
        measures |= probability_errors(scores.values, pairs, data.evaluators, scale=scores.scale)
    return measures
