"""Fast paths are tried against the model itself when it is loaded; what is not proven is not taken, each path apart."""

import warnings
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Phi3Config,
    Phi3ForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from accord.lm import fused
from accord.lm.causal import CausalModel
from accord.lm.decoders import FusedDecoder, ModelDecoder
from accord.lm.engine import Engine, Request, Token
from accord.lm.fused import fuse
from accord.lm.generate import generate
from accord.lm.layers import each_kind_of_layer, layers_of
from accord.lm.layout import Window
from accord.lm.loading import wrap
from accord.lm.logprobs import completion_logprobs
from accord.lm.tiny import tiny_tokenizer
from accord.records import Sampling
from families import GEMMA, SIZES, drawn, ours, plain

PROMPTS = [(1, 2, 3), (9,), (4, 5, 6, 7, 8, 9, 10, 11, 12), (30, 31)]
SEEN = {"use_sliding_window": True, "sliding_window": 4, "layer_types": ["sliding_attention", "full_attention"]}
LONGROPE = {"rope_type": "longrope", "short_factor": [1.0] * 4, "long_factor": [1.0, 2.0, 4.0, 8.0], "rope_theta": 1e4}


def quietly(model: Any) -> CausalModel:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return wrap(model, tiny_tokenizer(), "model")


def logprobs(model: Any, prompt: tuple[int, ...], completion: tuple[int, ...]) -> Tensor:
    """By plain transformers, the sequence alone."""
    with torch.no_grad():
        logits_TV = model(torch.tensor([prompt + completion])).logits[0, len(prompt) - 1 : -1].float()
    return logits_TV.log_softmax(-1)[range(len(completion)), list(completion)]


def assert_equals_plain(mine: CausalModel, theirs: Any, tokens: int = 10) -> None:
    """The sampler, the trainer and plain transformers say the same of sampled texts, and write the same greedily."""
    groups = generate(mine, PROMPTS, 2, Sampling(max_tokens=tokens, seed=4), batch=3)
    asked = [(prompt, made) for prompt, group in zip(PROMPTS, groups, strict=True) for made in group]
    trained = completion_logprobs(mine, [prompt for prompt, _ in asked], [made.token_ids for _, made in asked])
    for (prompt, made), trained_T in zip(asked, trained, strict=True):
        wanted_T = logprobs(theirs, prompt, made.token_ids)
        torch.testing.assert_close(torch.tensor(made.logprobs), wanted_T, atol=1e-4, rtol=0)
        torch.testing.assert_close(trained_T, wanted_T, atol=1e-4, rtol=0)
    greedily = generate(mine, PROMPTS, 1, Sampling(max_tokens=tokens, temperature=0))
    for prompt, (made,) in zip(PROMPTS, greedily, strict=True):
        ids = torch.tensor([prompt])
        greedy = theirs.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=tokens, do_sample=False)
        assert list(made.token_ids) == greedy[0, len(prompt) :].tolist()


KINDS: dict[str, tuple[Any, Any]] = {
    "llama": (LlamaForCausalLM, LlamaConfig),
    "mistral": (MistralForCausalLM, MistralConfig),
    "qwen2": (Qwen2ForCausalLM, Qwen2Config),
}


@pytest.mark.parametrize("activation", ["relu", "gelu", "gelu_pytorch_tanh", "silu"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_configured_activation_is_what_is_computed(kind: str, activation: str) -> None:
    model, config = KINDS[kind]
    theirs, mine = (drawn(lambda: model(config(**SIZES, hidden_act=activation))) for _ in range(2))
    causal = quietly(mine)
    assert causal.by_hand
    assert_equals_plain(causal, theirs)


@pytest.mark.parametrize("kind", ["mistral", "qwen2"])
def test_layers_with_a_window_look_back_no_further(kind: str) -> None:
    model, config = KINDS[kind]
    windows = SEEN if kind == "qwen2" else {"sliding_window": 4}
    theirs, mine = (drawn(lambda: model(config(**SIZES, **windows))) for _ in range(2))
    causal = quietly(mine)
    assert (causal.packs, causal.keeps, causal.by_hand) == (True, True, True)
    assert causal.window == Window(4, everywhere=kind == "mistral")
    assert causal.context == SIZES["max_position_embeddings"]
    assert_equals_plain(causal, theirs)


@pytest.mark.parametrize("family", ["gemma2", "gemma3"])
def test_the_context_is_that_of_the_positions(family: str) -> None:
    theirs, mine = plain(family), ours(family)
    assert mine.context == SIZES["max_position_embeddings"] > GEMMA["sliding_window"]
    long = tuple(range(1, 200))
    found = completion_logprobs(mine, [long], [long[:20]])[0]
    torch.testing.assert_close(found, logprobs(theirs, long, long[:20]), atol=1e-4, rtol=0)
    with pytest.raises(Exception, match=r"exceed the 512 of gemma"):
        completion_logprobs(mine, [long * 3], [long])


def test_positions_that_turn_with_the_length_are_those_of_each_sequence() -> None:
    """LongRoPE: a sequence of more than 8 tokens is turned by other angles, whatever is beside it."""
    config = {**SIZES, "num_key_value_heads": 4, "original_max_position_embeddings": 8, "rope_parameters": LONGROPE}
    theirs, mine = (drawn(lambda: Phi3ForCausalLM(Phi3Config(**config))) for _ in range(2))
    causal = quietly(mine)
    assert (causal.packs, causal.keeps, causal.switch) == (True, True, 8)
    asked = [(prompt, tuple(range(5, 5 + size))) for prompt in PROMPTS for size in (2, 5, 11)]
    found = completion_logprobs(causal, [prompt for prompt, _ in asked], [answer for _, answer in asked])
    for (prompt, answer), found_T in zip(asked, found, strict=True):
        torch.testing.assert_close(found_T, logprobs(theirs, prompt, answer), atol=1e-4, rtol=0)
    engine, told = Engine(causal, slots=2), dict[object, list[Token]]()
    for number, prompt in enumerate(PROMPTS):  # one that crosses the bound comes while a shorter one is being written
        engine.submit(Request(number, prompt, Sampling(max_tokens=5, seed=number)))
        for token in engine.step():
            told.setdefault(token.key, []).append(token)
    while engine.busy:
        for token in engine.step():
            told.setdefault(token.key, []).append(token)
    for number, prompt in enumerate(PROMPTS):
        for token in told[number]:
            wanted_T = logprobs(theirs, prompt, (token.token_id,))
            assert abs(token.logprob - float(wanted_T)) < 1e-4
            prompt = (*prompt, token.token_id)


@pytest.mark.parametrize("beyond", [0, 400])
def test_a_wrong_decoder_is_not_taken(beyond: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrong everywhere, or at late positions alone, where no short sequence comes."""
    exact = FusedDecoder._angles

    def wrong(self: FusedDecoder, position_a: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
        return exact(self, torch.where(position_a >= beyond, position_a + 1, position_a), like)

    monkeypatch.setattr(FusedDecoder, "_angles", wrong)
    causal = ours("qwen3")
    assert (causal.packs, causal.keeps, causal.by_hand) == (True, True, False)
    assert_equals_plain(causal, plain("qwen3"))


def test_slots_that_are_wrong_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = ModelDecoder._hidden

    def wrong(self: ModelDecoder, ids: Tensor, places: Tensor, *others: Any) -> Tensor:
        return exact(self, ids, places + (ids.shape[1] == 1), *others)

    monkeypatch.setattr(ModelDecoder, "_hidden", wrong)
    causal = ours("gpt2")
    assert (causal.packs, causal.keeps, causal.by_hand) == (True, False, False)
    assert_equals_plain(causal, plain("gpt2"))


@pytest.mark.parametrize("part", ["_Norm", "_MLP", "_Attention"])
def test_wrong_layers_are_left_as_they_were(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sequences still share a row."""
    exact = getattr(fused, part).forward

    def wrong(self: Any, *everything: Any, **named: Any) -> Any:
        found = exact(self, *everything, **named)
        return (1.01 * found[0], found[1]) if isinstance(found, tuple) else 1.01 * found

    monkeypatch.setattr(getattr(fused, part), "forward", wrong)
    causal = ours("llama")
    assert (causal.packs, causal.keeps, causal.by_hand) == (True, True, True)
    assert not any(isinstance(module, fused._Faster) for module in causal.model.modules())
    assert_equals_plain(causal, plain("llama"))


def test_a_model_that_is_fused_already_is_wrapped_again() -> None:
    causal = ours("qwen2")
    kinds = [type(module) for module in causal.model.modules()]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = wrap(causal.model, causal.tokenizer, "again")
    assert again.packs
    fuse(again.model)
    assert [type(module) for module in again.model.modules()] == kinds


def test_what_was_narrow_or_short_while_it_was_tried_is_so_no_more() -> None:
    causal = ours("gemma3")
    windows = [layer.self_attn.sliding_window for layer in layers_of(causal)]  # type: ignore[union-attr]
    assert windows == [GEMMA["sliding_window"], None]
    assert causal.window == Window(GEMMA["sliding_window"], everywhere=False)
    assert len(layers_of(causal)) == causal.layers == 2


def test_the_layers_that_are_tried_hold_each_kind() -> None:
    sizes = {**SIZES, "num_hidden_layers": 5, "max_window_layers": 3, "use_sliding_window": True, "sliding_window": 4}
    causal = quietly(drawn(lambda: Qwen2ForCausalLM(Qwen2Config(**sizes))))
    with each_kind_of_layer(causal):
        assert len(layers_of(causal)) == causal.layers == 4
    assert len(layers_of(causal)) == causal.layers == 5
    assert len(causal.model.config.layer_types) == 5
