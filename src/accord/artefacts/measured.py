"""The tokens of a sample, and how likely each was."""

from typing import NamedTuple

from accord.artefacts.evaluation import EvaluationSample
from accord.artefacts.training import RolloutRow

__all__ = ["MeasuredTokens", "logprobs_of", "measured_tokens"]


class MeasuredTokens(NamedTuple):
    """Token ids as they were sampled, and their log-probabilities, [T] each, nats.

    `sampler_T` are the sampler's own, `logprob_T` those of the model that is trained or evaluated.
    """

    ids_T: tuple[int, ...]
    sampler_T: tuple[float, ...]
    logprob_T: tuple[float, ...]


def measured_tokens(row: RolloutRow | EvaluationSample) -> MeasuredTokens | None:
    """None where one of the three was not kept: by other software, or because the trainer did not read the sample."""
    if row.token_ids is None or row.rollout_logprobs is None or row.logprobs is None:
        return None
    return MeasuredTokens(row.token_ids, row.rollout_logprobs, row.logprobs)


def logprobs_of(row: RolloutRow | EvaluationSample) -> tuple[float, ...] | None:
    """The trainer's log-probabilities of a sample, or of an evaluation; of one that a policy learnt from and whose
    trainer read others of the step alone, the sampler's own.
    """
    is_unread = row.logprobs is None and isinstance(row, RolloutRow)
    return row.rollout_logprobs if is_unread else row.logprobs
