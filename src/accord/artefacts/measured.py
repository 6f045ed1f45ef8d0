"""The tokens of a sample, and how likely each was."""

from typing import NamedTuple

from accord.artefacts.evaluation import EvaluationSample
from accord.artefacts.training import RolloutRow

__all__ = ["MeasuredTokens", "measured_tokens"]


class MeasuredTokens(NamedTuple):
    """Token ids as they were sampled, and their log-probabilities, [T] each, nats.

    `sampler_T` are the sampler's own, `logprob_T` those of the model that is trained or evaluated.
    """

    ids_T: tuple[int, ...]
    sampler_T: tuple[float, ...]
    logprob_T: tuple[float, ...]


def measured_tokens(row: RolloutRow | EvaluationSample) -> MeasuredTokens | None:
    """None where the run, made by other software, did not keep one of the three."""
    if row.token_ids is None or row.rollout_logprobs is None or row.logprobs is None:
        return None
    return MeasuredTokens(row.token_ids, row.rollout_logprobs, row.logprobs)
