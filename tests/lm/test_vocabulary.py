"""Ids beyond the tokenizer: embeddings are often longer than its list of tokens, and what has no text is never said."""

import warnings
from typing import Any

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from accord.errors import ModelError
from accord.lm.causal import CausalModel
from accord.lm.decoders import ModelDecoder
from accord.lm.generate import generate
from accord.lm.loading import wrap
from accord.lm.logprobs import completion_logprobs, token_divergences, token_logprobs
from accord.lm.packed import TokenizedCompletion, pack
from accord.lm.tiny import tiny_tokenizer
from accord.records import Sampling
from families import SIZES, drawn

PADDED = 320
PROMPTS = [(1, 2, 3), (9,), (4, 5, 6, 7, 8)]


def padded(*, hole: bool = False) -> CausalModel:
    """A model whose likeliest tokens are ones that its tokenizer does not have."""
    model = drawn(lambda: LlamaForCausalLM(LlamaConfig(**{**SIZES, "vocab_size": PADDED})))
    with torch.no_grad():
        model.lm_head.weight[258:] *= 3
    tokenizer = tiny_tokenizer()
    if hole:
        vocabulary = tokenizer.get_vocab()
        tokenizer.get_vocab = lambda: {**vocabulary, "late": 300}  # type: ignore[method-assign]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return wrap(model, tokenizer, "padded")


def allowed(causal: CausalModel) -> list[int]:
    return sorted(causal.tokenizer.get_vocab().values())


@pytest.mark.parametrize("by_hand", [True, False])
@pytest.mark.parametrize("hole", [False, True])
def test_sampler_and_trainer_speak_of_the_tokenizers_ids_alone(
    hole: bool, by_hand: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    causal = padded(hole=hole)
    assert causal.by_hand
    if not by_hand:
        monkeypatch.setattr("accord.lm.engine.build_decoder", ModelDecoder)
    made = generate(causal, PROMPTS, 6, Sampling(max_tokens=12, seed=1))
    asked = [(prompt, each) for prompt, group in zip(PROMPTS, made, strict=True) for each in group]
    assert {token for _, each in asked for token in each.token_ids} <= set(allowed(causal))
    trained = completion_logprobs(causal, [prompt for prompt, _ in asked], [each.token_ids for _, each in asked])
    for (prompt, each), found_T in zip(asked, trained, strict=True):
        torch.testing.assert_close(torch.tensor(each.logprobs), found_T, atol=1e-4, rtol=0)
        with torch.no_grad():
            logits = causal.model(torch.tensor([prompt + each.token_ids])).logits[0, len(prompt) - 1 : -1]
        wanted = logits[:, allowed(causal)].log_softmax(-1)
        places = [allowed(causal).index(token) for token in each.token_ids]
        torch.testing.assert_close(found_T, wanted[range(len(places)), places], atol=1e-4, rtol=0)


@pytest.mark.parametrize("hole", [False, True])
def test_entropy_divergence_and_gradients_are_of_the_same_distribution(hole: bool) -> None:
    causal, teacher = padded(hole=hole), padded(hole=hole)
    with torch.no_grad():
        teacher.model.get_output_embeddings().weight.mul_(0.5)
    (batch,) = pack(causal, [TokenizedCompletion((1, 2, 3), (4, 5, 6), 0)])
    hidden_XD, taught_XD = batch.hidden(causal), batch.hidden(teacher)
    found = token_logprobs(causal, batch, hidden_XD)
    kl_N = token_divergences(causal, batch, hidden_XD, teacher, taught_XD[batch.source_N].detach())
    own, theirs = (
        model.model.lm_head(hidden[batch.source_N])[:, allowed(causal)].log_softmax(-1)  # type: ignore[operator]
        for model, hidden in ((causal, hidden_XD), (teacher, taught_XD))
    )
    torch.testing.assert_close(found.entropy_N, -(own.exp() * own).sum(-1).detach(), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(kl_N, (theirs.exp() * (theirs - own)).sum(-1), atol=1e-4, rtol=1e-4)
    head: Any = causal.model.lm_head
    (gradient,) = torch.autograd.grad(found.logprob_N.sum() + kl_N.sum(), head.weight)
    unknown = sorted(set(range(PADDED)) - set(allowed(causal)))
    assert bool(gradient.isfinite().all())
    assert not gradient[unknown].any()


def test_an_id_that_has_no_text_is_no_completion() -> None:
    causal = padded()
    assert (causal.vocabulary, causal.known) == (PADDED, 258)
    with pytest.raises(ModelError, match="item 7: token id 258 is outside the vocabulary of 258"):
        pack(causal, [TokenizedCompletion((300,), (258,), 7)])
