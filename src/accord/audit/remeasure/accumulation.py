"""Whether a step depends on how it was split into micro-batches."""

from collections.abc import Sequence

import torch
from torch import Tensor

from accord.audit.evidence import Evidence
from accord.audit.remeasure.models import open_model
from accord.errors import MissingEvidence
from accord.lm.causal import CausalModel
from accord.lm.logprobs import token_logprobs
from accord.lm.packed import TokenizedCompletion, pack, tokenized
from accord.train.optimiser import Optim, Optimiser

__all__ = ["gradient_gap"]


def gradient_gap(evidence: Evidence, *, examples: int, model: str) -> tuple[float, int]:
    """|g - h| / |g| of the gradient of one batch (g) and the same in micro-batches of one (h); and its tokens.

    Supervised examples of the run, its own model in float32, the optimiser that trains. Raises `MissingEvidence`.
    """
    rows = evidence.examples[:examples]
    if len(rows) < 2:
        raise MissingEvidence("two supervised examples in data/examples.jsonl")
    causal = open_model(evidence, model)
    causal.model.requires_grad_(True)
    answers = [
        tokenized(causal, causal.encode_prompt(evidence.prompts[row.prompt]), evidence.completions[row.completion], key)
        for key, row in enumerate(rows)
    ]
    tokens = sum(len(answer.completion) for answer in answers)
    whole = _gradient(causal, [answers], tokens)
    split = _gradient(causal, [[answer] for answer in answers], tokens)
    length = sum(float(gradient.square().sum()) for gradient in whole) ** 0.5
    gap = sum(float(g.sub_(h).square_().sum()) for g, h in zip(whole, split, strict=True)) ** 0.5
    return gap / length, tokens


def _gradient(causal: CausalModel, parts: Sequence[Sequence[TokenizedCompletion]], tokens: int) -> list[Tensor]:
    weights = causal.trainable()
    optimiser = Optimiser(Optim(), weights, 1)
    for part in parts:
        for batch in pack(causal, part):
            logprobs = token_logprobs(causal, batch, batch.hidden(causal), entropy=False)
            optimiser.add(-logprobs.logprob_N.sum() / tokens)
    gradients = [torch.zeros_like(weight) if weight.grad is None else weight.grad for weight in weights]
    causal.model.zero_grad(set_to_none=True)
    return gradients
