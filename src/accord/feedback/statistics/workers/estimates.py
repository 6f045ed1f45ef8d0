"""How far each evaluator is right by the models, and which of these help."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from accord.feedback.statistics.workers.fitting import MODELS
from accord.feedback.statistics.workers.held_out import held_out_gain
from accord.feedback.statistics.workers.shrinkage import shrunk_rates
from accord.feedback.statistics.workers.signal import agreement_with_people
from accord.feedback.statistics.workers.votes import Votes
from accord.stats import Estimate

__all__ = ["ModelEstimates", "model_estimates"]


@dataclass(frozen=True)
class ModelEstimates:
    """What one model makes of the evaluators.

    accuracy   by evaluator: votes that agree with the truth as all other people have it under the model, drawn to the
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


def model_estimates(votes: Votes, name: str, people: Collection[str] | None = None) -> ModelEstimates:
    """The accuracy of each evaluator under the model `one_coin`, `dawid_skene` or `mace`, and whether it helps.

    `people` are those who count as the others (`witnesses`).
    """
    fit = MODELS[name]
    agreement = agreement_with_people(votes, fit, people)
    if agreement is None:
        return ModelEstimates({}, None)
    accuracy = shrunk_rates(votes.evaluators, agreement.right_E, agreement.count_E, method=name.replace("_", " "))
    return ModelEstimates(accuracy, held_out_gain(votes, fit))
