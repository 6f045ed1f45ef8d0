"""Log-probabilities of samples worked out again, one by one, without the trainer's packing or the sampler's cache."""

from collections.abc import Sequence

import torch

from accord.artefacts import EvaluationSample
from accord.audit.evidence import POLICY_MODEL, SAMPLES, Evidence
from accord.audit.remeasure.models import open_model
from accord.errors import MissingEvidence
from accord.lm.dtypes import DType

__all__ = ["remeasure"]


@torch.no_grad()
def remeasure(
    evidence: Evidence, rows: Sequence[EvaluationSample], *, model: str = POLICY_MODEL, dtype: DType = "float32"
) -> list[list[float]]:
    """The log-probability of every token of each row's `token_ids` under a model of the run, in plain forward passes.

    In float32 whatever the run computed in, so that rounding is the run's own. Greedy rows (temperature 0) are
    measured at temperature 1, as the sampler does. A prompt is read by the ids that the row has of it, where it has
    some. Raises `MissingEvidence` without the model, or a row's tokens or temperature.
    """
    causal = open_model(evidence, model, dtype=dtype)
    logprobs = []
    for row in rows:
        if row.token_ids is None or row.temperature is None:
            raise MissingEvidence(f"`token_ids` and `temperature` of samples in {SAMPLES}")
        prompt = row.prompt_token_ids or causal.encode_prompt(evidence.prompts[row.prompt])
        ids = [*prompt, *row.token_ids]
        logits_TV = causal.model(input_ids=torch.tensor([ids], device=causal.device)).logits[0].float()
        logprob_TV = torch.log_softmax(logits_TV[len(prompt) - 1 : -1] / (row.temperature or 1.0), dim=-1)
        target_T1 = torch.tensor(row.token_ids, device=causal.device)[:, None]
        logprobs.append(logprob_TV.gather(1, target_T1)[:, 0].tolist())
    return logprobs
