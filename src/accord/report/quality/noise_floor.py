"""How far people can agree at all on the pairs of a run, if its reward model is right about how close they are."""

import numpy as np
from scipy.special import expit

from accord.artefacts import CARD, SCORES, RunReader
from accord.feedback.quality.unknown import NotAssessed
from accord.report.optional import card_of
from accord.stats import Estimate, rate

__all__ = ["noise_floor"]

STAGE = "reward"


def noise_floor(reader: RunReader) -> Estimate | NotAssessed:
    """The share of held-out pairs on which two people agree who choose by the reward model's probability.

    With p = sigmoid(margin) that is p^2 + (1 - p)^2, and alpha would be twice the share less 1. Agreement so low is
    what close texts give, and no carelessness. Not assessed where the scores have no scale of log-odds. Clusters are
    prompts.
    """
    if not reader.has(SCORES, STAGE) or not reader.has(CARD, STAGE):
        return NotAssessed("the run has no evaluated reward model")
    card = card_of(reader, STAGE)
    if card is None or card.ece is None:
        return NotAssessed("the scores of the run's reward model are no log-odds")
    score = {row.completion: row.score for row in reader.rows(SCORES, STAGE)}
    pairs = [pair for pair in reader.pairs("held_out") if pair.chosen in score and pair.rejected in score]
    if not pairs:
        return NotAssessed("the run has no held-out pairs with scores")
    prob_N = expit(np.array([score[pair.chosen] - score[pair.rejected] for pair in pairs]))
    return rate(prob_N**2 + (1 - prob_N) ** 2, [pair.prompt for pair in pairs])
