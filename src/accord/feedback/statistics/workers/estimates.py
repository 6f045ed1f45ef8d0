"""How far each evaluator is right, by control questions and by the models, and which of these help."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from accord.feedback.statistics.reliability import EvaluatorSummary
from accord.feedback.statistics.workers.fitting import MODELS
from accord.feedback.statistics.workers.held_out import held_out_gain
from accord.feedback.statistics.workers.shrinkage import shrunk_rates
from accord.feedback.statistics.workers.signal import agreement_with_others
from accord.feedback.statistics.workers.votes import Votes
from accord.stats import Estimate

__all__ = ["ModelEstimates", "control_accuracy", "model_estimates"]


@dataclass(frozen=True)
class ModelEstimates:
    """What one model makes of the evaluators.

    accuracy   by evaluator: votes that agree with the truth as all the others have it under the model, drawn to the
               pool's accuracy; an evaluator of whom the others tell nothing is left out
    gain       log-likelihood of held-out votes less that under one accuracy for all, nats a vote; None where no item
               of several votes can be held out
    """

    accuracy: Mapping[str, Estimate]
    gain: Estimate | None

    @property
    def helps(self) -> bool:
        """Whether the model surely foretells votes better than one accuracy for everybody."""
        return self.gain is not None and self.gain.low is not None and self.gain.low > 0


def model_estimates(votes: Votes, name: str) -> ModelEstimates:
    """The accuracy of each evaluator under the model `one_coin`, `dawid_skene` or `mace`, and whether it helps."""
    fit = MODELS[name]
    agreement = agreement_with_others(votes, fit(votes))
    accuracy = shrunk_rates(votes.evaluators, agreement.right_E, agreement.count_E, method=name.replace("_", " "))
    return ModelEstimates(accuracy, held_out_gain(votes, fit))


def control_accuracy(summaries: Iterable[EvaluatorSummary]) -> dict[str, Estimate]:
    """Control questions that each evaluator answered rightly, as a share, drawn to the pool's; of those who had any."""
    asked = [summary for summary in summaries if summary.controls.gold]
    count_E = np.array([summary.controls.gold for summary in asked], dtype=np.float64)
    right_E = count_E * np.array([summary.controls.gold_right or 0.0 for summary in asked])
    return shrunk_rates([summary.evaluator for summary in asked], right_E, count_E, method="control questions")
