"""Logits that are made again in the backward pass: the same numbers as autograd's in float64, and hardly any kept."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import Gemma2Config, Gemma2ForCausalLM

from accord.lm import logprobs
from accord.lm.causal import CausalModel
from accord.lm.loading import wrap
from accord.lm.logprobs import logit_bytes, token_divergences, token_logprobs
from accord.lm.packed import PackedBatch, TokenizedCompletion, pack
from accord.lm.recomputation import recompute_layers
from accord.lm.tiny import tiny_tokenizer
from families import GEMMA, SIZES, drawn, ours

ANSWERS = [TokenizedCompletion(tuple(range(1, 9)), tuple(range(9 + k, 40 + 2 * k)), k) for k in range(6)]


def capped() -> CausalModel:
    config = Gemma2Config(**SIZES, **GEMMA, final_logit_softcapping=3.0)
    return wrap(drawn(lambda: Gemma2ForCausalLM(config)), tiny_tokenizer(), "capped")


MODELS = {"tied": lambda: ours("llama"), "own head": lambda: ours("qwen2"), "capped": capped}


def laid_out(causal: CausalModel) -> tuple[PackedBatch, Tensor]:
    (batch,) = pack(causal, ANSWERS, row_tokens=512)
    generator = torch.Generator().manual_seed(5)
    hidden_XD = torch.randn((batch.tokens, causal.width), generator=generator)
    return batch, hidden_XD.to(causal.dtype).requires_grad_()


def reference(causal: CausalModel, batch: PackedBatch, hidden_XD: Tensor, temperature: float) -> tuple[Tensor, ...]:
    """Log-probabilities, and the gradients of a weighted sum of them, all in float64 by autograd."""
    weight_VD = causal.model.get_output_embeddings().weight.detach().double().requires_grad_()
    hidden = hidden_XD.detach().double().requires_grad_()
    logits_NV = hidden[batch.source_N] @ weight_VD.mT
    if causal.softcap is not None:
        logits_NV = causal.softcap * torch.tanh(logits_NV / causal.softcap)
    logits_NV = logits_NV[:, : causal.known]
    logprob_N = (logits_NV / temperature).log_softmax(-1).gather(1, batch.target_N[:, None])[:, 0]
    return logprob_N.detach(), *torch.autograd.grad((logprob_N * sides(batch)).sum(), (hidden, weight_VD))


def sides(batch: PackedBatch) -> Tensor:
    return torch.linspace(-1, 2, len(batch.target_N), dtype=torch.float64)


def found(causal: CausalModel, batch: PackedBatch, hidden_XD: Tensor, **how: Any) -> tuple[Tensor, ...]:
    hidden_XD.grad = None
    causal.model.zero_grad()
    logprob_N = token_logprobs(causal, batch, hidden_XD, chunk=40, **how).logprob_N
    (logprob_N * sides(batch).float()).sum().backward()
    head = causal.model.get_output_embeddings().weight
    return logprob_N.detach(), hidden_XD.grad.clone(), head.grad.clone()  # type: ignore[union-attr]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("temperature", [1.0, 0.6])
@pytest.mark.parametrize("kind", MODELS)
def test_values_and_gradients_are_those_of_float64(
    kind: str, temperature: float, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    causal = MODELS[kind]()
    causal.model.to(dtype)
    batch, hidden_XD = laid_out(causal)
    kept = found(causal, batch, hidden_XD, temperature=temperature)
    monkeypatch.setattr(logprobs, "LOGIT_BYTES", 0)
    again = found(causal, batch, hidden_XD, temperature=temperature)
    assert all(torch.equal(mine, other) for mine, other in zip(again, kept, strict=True))
    tolerance = 2e-6 if dtype == torch.float32 else 1e-2
    for mine, other in zip(again, reference(causal, batch, hidden_XD, temperature), strict=True):
        assert float((mine.double() - other).norm() / other.norm()) < tolerance


def kept_bytes(causal: CausalModel, *, divergence: bool = False) -> int:
    """What the graph of log-probabilities keeps beside weights and the states that it was given."""
    batch, hidden_XD = laid_out(causal)
    sizes: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        sizes[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        if divergence:
            taught_ND = hidden_XD.detach()[batch.source_N]
            token_divergences(causal, batch, hidden_XD, ours("qwen2", seed=1), taught_ND, chunk=40)
        else:
            token_logprobs(causal, batch, hidden_XD, chunk=40)
    head = causal.model.get_output_embeddings().weight
    sizes.pop(head.untyped_storage().data_ptr(), None)
    return sum(sizes.values())


@pytest.mark.parametrize("divergence", [False, True])
def test_no_logits_are_kept_beyond_what_is_allowed(divergence: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """216 predictions over 258 tokens: all of them, two chunks of 40, or none, where a state has 32 numbers."""
    causal = ours("qwen2")
    count = sum(len(answer.completion) for answer in ANSWERS)
    row = 4 * causal.vocabulary
    everything = kept_bytes(causal, divergence=divergence)
    assert everything >= count * row
    monkeypatch.setattr(logprobs, "LOGIT_BYTES", 80 * row)
    some = kept_bytes(causal, divergence=divergence)
    assert 80 * row <= some < everything - (count - 81) * row + count * 8 * causal.width
    recompute_layers(causal)  # with whom logits are made again, all of them
    assert kept_bytes(causal, divergence=divergence) < 0.3 * count * row


def test_chunks_and_what_is_reckoned_follow_the_vocabulary(monkeypatch: pytest.MonkeyPatch) -> None:
    causal = ours("qwen2")
    state_1D = torch.zeros((1, 32))
    assert logprobs._chunk(causal, state_1D) == 1024
    for vocabulary, rows in ((49_152, 640), (152_064, 192), (2_000_000, 64)):
        monkeypatch.setattr(type(causal), "vocabulary", vocabulary)
        assert logprobs._chunk(causal, state_1D) == rows
    assert logprobs._chunk(causal, state_1D.bfloat16()) == 64
    each, most = logit_bytes(causal)
    assert each == 2 * 4 * 2_000_000
    assert most == logprobs.LOGIT_BYTES + 3 * 64 * 4 * 2_000_000 < math.inf
