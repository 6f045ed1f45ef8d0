"""All that is measured of a judge, as one card."""

from typing import Any

from accord.artefacts import JudgeAgreement, JudgeCalibration, RewardCard
from accord.feedback import Dataset
from accord.interfaces import Judge
from accord.reward.card.breakdown import by_group, by_length, by_source, on_new_evaluators, on_new_prompts
from accord.reward.card.claims import claims_of
from accord.reward.card.judgements import judgement_measures
from accord.reward.card.members import member_calibration
from accord.reward.card.pairs import accuracy, baselines, probability_errors
from accord.reward.card.pairs import calibration as stated_calibration
from accord.reward.card.probes import Probes, gameable_by
from accord.reward.card.reasons import wrong_pairs
from accord.reward.card.scored import SplitScores
from accord.reward.card.shifts import by_shift
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
    judge: Judge | None = None,
    seed: int = 0,
    other_judge: JudgeAgreement | None = None,
    calibration: JudgeCalibration | None = None,
) -> RewardCard:
    """The card of a judge, as far as its scores of what was held out tell; with the judge itself, all of it.

    `fitted_on` is the split that the baselines are learnt from, `agreement` and `consensus` how often another evaluator
    and all others together order a pair as its evaluator did. Where no pair of `split` says which of two is better, the
    card has what was measured on other kinds of judgement. With `judge` it is asked about edited and known-bad texts,
    drawn by the seed: at most twice as many as were scored, or some 200. Of a decoder it is told which tokens make its
    worst mistakes: a pair for every 700 texts scored, three at most and one at least, each of 32 to 224 gradients.
    `other_judge` is how it agrees with another one (`judge_agreement`), `calibration` how its probabilities are set
    right (`calibrate_on_held_out`).
    """
    sections: dict[str, Any] = {
        **_on_pairs(scores, data, fitted_on=fitted_on, split=split),
        "calibration": None if calibration is None else calibration.model_copy(update={"knots": None}),
        "member_calibration": member_calibration(scores, data, split=split),
        "agreement": agreement,
        "consensus": consensus,
        "judgements": judgement_measures(scores, data, fitted_on=fitted_on, split=split) or None,
        "other_judge": other_judge,
    }
    if judge is not None and scores.values:
        probes = Probes.of(judge, scores, data, split=split, seed=seed)
        bad = tuple(probes.known_bad())
        sections |= {"edits": tuple(probes.edits()), "known_bad": bad, "gameable_by": gameable_by(bad)}
        sections["wrong_pairs"] = wrong_pairs(judge, scores, data, split=split) or None
    card = RewardCard(**sections)
    return card.model_copy(update={"claims": claims_of(card)})


def _on_pairs(scores: SplitScores, data: Dataset, *, fitted_on: str, split: str) -> dict[str, Any]:
    """All that is measured on pairs; nothing where none says which of two is better."""
    pairs, values = data.pairs.get(split, ()), scores.values
    if all(pair.tie for pair in pairs):
        return {}
    measures: dict[str, Any] = {
        "accuracy": accuracy(values, pairs, data.evaluators),
        **baselines(data, fitted_on=fitted_on, split=split, values=values),
        "held_out_prompts": on_new_prompts(values, data, fitted_on=fitted_on, split=split),
        "held_out_evaluators": on_new_evaluators(values, data, fitted_on=fitted_on, split=split),
        "groups": by_group(values, data, split=split) or None,
        "sources": by_source(values, data, split=split) or None,
        "lengths": by_length(values, data, split=split),
        "shifts": by_shift(values, data, fitted_on=fitted_on, split=split) or None,
    }
    if scores.scale is not None:
        measures["ece"] = stated_calibration(values, pairs, data.evaluators, scale=scores.scale)
        measures |= probability_errors(values, pairs, data.evaluators, scale=scores.scale)
    return measures
