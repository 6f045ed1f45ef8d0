"""Every path against plain transformers, one sequence at a time, in float32, for each family of models."""

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from torch import Tensor
from transformers import AutoModelForCausalLM

from accord.errors import ModelError
from accord.lm.adapters import LoRA, add_lora
from accord.lm.causal import CausalModel
from accord.lm.decoders import FusedDecoder, ModelDecoder, UncachedDecoder
from accord.lm.generate import generate
from accord.lm.loading import load, wrap
from accord.lm.logprobs import completion_logprobs, token_logprobs
from accord.lm.native.build import compiled
from accord.lm.native_decoder import NativeDecoder, build_decoder
from accord.lm.packed import TokenizedCompletion, pack
from accord.lm.tiny import tiny_tokenizer
from accord.records import Sampling
from accord.train.optimiser import Optim, Optimiser
from families import MODELS, PACKING, ours, plain
from family_configs import PACKED, PLAIN, REFUSED, make

PROMPTS = [(1, 2, 3), (9,), (4, 5, 6, 7, 8, 9, 10), (30, 31)]
ANSWERS = [
    TokenizedCompletion(
        prompt, tuple((7 * place + 3 * number + len(prompt)) % 250 for place in range(3 + 4 * number)), 3 * row + number
    )
    for row, prompt in enumerate(PROMPTS)
    for number in range(3)
]
bloom_warns = pytest.mark.filterwarnings("ignore:bloom")


def alone(model: Any, answer: TokenizedCompletion) -> Tensor:
    """Log-probabilities of an answer by the plain model, the answer alone in its row."""
    ids = torch.tensor([answer.prompt + answer.completion])
    logits_TV = model(input_ids=ids).logits[0, len(answer.prompt) - 1 : -1].float()
    return logits_TV.log_softmax(-1)[range(len(answer.completion)), list(answer.completion)]


@bloom_warns
@pytest.mark.parametrize("family", MODELS)
def test_log_probabilities_and_gradients_are_those_of_each_sequence_alone(family: str) -> None:
    """The loss weighs every token differently, so that no mistake in places can cancel."""
    theirs, mine = plain(family), ours(family)
    weights = [torch.linspace(0.5, 2, len(each.completion)) * (1 + each.key) for each in ANSWERS]
    expected = [alone(theirs, each) for each in ANSWERS]
    torch.stack([(w * e).sum() for w, e in zip(weights, expected, strict=True)]).sum().backward()
    found: dict[int, Tensor] = {}
    for batch in pack(mine, ANSWERS, row_tokens=64, batch_tokens=128):
        logprob_N = token_logprobs(mine, batch, batch.hidden(mine), entropy=False).logprob_N
        weight_N = torch.stack([weights[batch.keys[o]][s] for o, s in zip(batch.owner_N, batch.step_N, strict=True)])
        (weight_N * logprob_N).sum().backward()
        for place, key in enumerate(batch.keys):
            found[key] = logprob_N[batch.owner_N == place].detach()
    for each, wanted_T in zip(ANSWERS, expected, strict=True):
        torch.testing.assert_close(found[each.key], wanted_T.detach(), atol=1e-4, rtol=0)
    gradients = dict(mine.model.named_parameters())
    for name, weight in theirs.named_parameters():
        assert weight.grad is not None
        off = (gradients[name].grad - weight.grad).norm() / weight.grad.norm()
        assert off < 1e-3, name


@bloom_warns
@pytest.mark.parametrize("family", MODELS)
def test_greedy_text_is_that_of_generate_with_slots_refilled(family: str) -> None:
    theirs, mine = plain(family), ours(family)
    settings = Sampling(max_tokens=12, temperature=0)
    for prompt, (made,) in zip(PROMPTS, generate(mine, PROMPTS, 1, settings, batch=2), strict=True):
        ids = torch.tensor([prompt])
        wanted = theirs.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=12, do_sample=False)
        assert list(made.token_ids) == wanted[0, len(prompt) :].tolist()


@bloom_warns
@pytest.mark.parametrize("family", MODELS)
def test_the_samplers_log_probabilities_are_the_trainers(family: str) -> None:
    mine = ours(family)
    made = [each for group in generate(mine, PROMPTS, 3, Sampling(max_tokens=10, seed=4), batch=5) for each in group]
    found = completion_logprobs(mine, [p for p in PROMPTS for _ in range(3)], [each.token_ids for each in made])
    for each, logprob_T in zip(made, found, strict=True):
        torch.testing.assert_close(torch.tensor(each.logprobs), logprob_T, atol=1e-4, rtol=0)


@pytest.mark.parametrize("family", PACKING)
def test_samples_through_the_models_own_modules_and_by_hand_are_the_same(
    family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = ours(family)
    settings = Sampling(max_tokens=10, seed=2)
    first = generate(mine, PROMPTS, 4, settings)
    others = [ModelDecoder, UncachedDecoder, *([FusedDecoder] if mine.by_hand else [])]
    for other in others:
        monkeypatch.setattr("accord.lm.engine.build_decoder", other)
        again = generate(mine, PROMPTS, 4, settings)
        assert [[s.token_ids for s in group] for group in again] == [[s.token_ids for s in group] for group in first]


def test_which_families_are_written_by_hand() -> None:
    fastest = FusedDecoder if compiled().functions is None else NativeDecoder
    for family in ("llama", "qwen3"):
        assert type(build_decoder(ours(family))) is fastest
        assert type(build_decoder(replace(ours(family), native=False))) is FusedDecoder
    assert type(build_decoder(ours("gpt2"))) is ModelDecoder


def test_a_model_that_cannot_be_reached_is_told() -> None:
    with pytest.warns(UserWarning, match="bloom: its attention cannot be reached .* which is slow"):
        assert not ours("bloom").packs


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_adapters_are_in_what_is_sampled(family: str) -> None:
    adapted = add_lora(ours(family), LoRA(rank=4), seed=1)
    with torch.no_grad():
        for name, weight in adapted.model.named_parameters():
            if "lora_B" in name:
                weight.normal_(generator=torch.Generator().manual_seed(len(name)))
    settings = Sampling(max_tokens=10, seed=4)
    made = [each for group in generate(adapted, PROMPTS, 2, settings) for each in group]
    found = completion_logprobs(adapted, [p for p in PROMPTS for _ in range(2)], [each.token_ids for each in made])
    for each, logprob_T in zip(made, found, strict=True):
        torch.testing.assert_close(torch.tensor(each.logprobs), logprob_T, atol=1e-4, rtol=0)
    bare = [each.token_ids for group in generate(ours(family), PROMPTS, 2, settings) for each in group]
    assert bare != [each.token_ids for each in made]


# -- tiny configurations of many families: read, written, trained whole and by adapters, saved and opened plainly --

STEP = Optim(lr=3e-2, warmup_steps=0, weight_decay=0.0)
LATE = (3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5)  # longer than every window of these configurations


def assert_reads_and_writes_as(mine: CausalModel, theirs: Any) -> None:
    """The trainer and the sampler give the plain model's log-probabilities, and greedy texts are its own."""
    prompts = [*PROMPTS, LATE]
    made = generate(mine, prompts, 2, Sampling(max_tokens=8, seed=4), batch=3)
    pairs = [(prompt, each) for prompt, group in zip(prompts, made, strict=True) for each in group]
    asked = [TokenizedCompletion(prompt, each.token_ids, 0) for prompt, each in pairs]
    trained = completion_logprobs(mine, [each.prompt for each in asked], [each.completion for each in asked])
    sampled = [torch.tensor(each.logprobs) for _, each in pairs]
    with torch.no_grad():
        for each, trained_T, sampled_T in zip(asked, trained, sampled, strict=True):
            wanted_T = alone(theirs, each)
            torch.testing.assert_close(trained_T, wanted_T, atol=1e-4, rtol=0)
            torch.testing.assert_close(sampled_T, wanted_T, atol=1e-4, rtol=0)
    for prompt, (text,) in zip(
        prompts[2:], generate(mine, prompts[2:], 1, Sampling(max_tokens=8, temperature=0)), strict=True
    ):
        ids = torch.tensor([prompt])
        wanted = theirs.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=8, do_sample=False)
        assert list(text.token_ids) == wanted[0, len(prompt) :].tolist()


def loss_of(mine: CausalModel) -> Tensor:
    return torch.stack(
        [
            -token_logprobs(mine, batch, batch.hidden(mine), entropy=False).logprob_N.sum()
            for batch in pack(mine, ANSWERS, row_tokens=64, batch_tokens=128)
        ]
    ).sum()


def assert_gradients_are(mine: CausalModel, theirs: Any) -> None:
    """Of one loss, weight by weight; what has next to none, as a bias of keys, is held against all."""
    loss_of(mine).backward()
    (-torch.stack([alone(theirs, each).sum() for each in ANSWERS]).sum()).backward()
    found = dict(mine.model.named_parameters())
    expected = {name: weight.grad for name, weight in theirs.named_parameters() if weight.grad is not None}
    most = max(float(gradient.norm()) for gradient in expected.values())
    for name, gradient in expected.items():
        off = (found[name].grad - gradient).norm() / max(float(gradient.norm()), 1e-3 * most)
        assert off < 2e-3, name


def train(mine: CausalModel) -> list[Tensor]:
    """A step; the log-probabilities that it led to."""
    optimiser = Optimiser(STEP, mine.trainable(), 1)
    optimiser.add(loss_of(mine) / 100)
    optimiser.step()
    return completion_logprobs(mine, [each.prompt for each in ANSWERS], [each.completion for each in ANSWERS])


@torch.no_grad()
def assert_saved(theirs: Any, trained: list[Tensor], before: list[Tensor]) -> None:
    for each, trained_T in zip(ANSWERS, trained, strict=True):
        torch.testing.assert_close(alone(theirs.eval(), each), trained_T, atol=2e-4, rtol=0)
    assert max(float((one - other).abs().max()) for one, other in zip(trained, before, strict=True)) > 1e-2


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("family", PACKED | PLAIN)
def test_a_family_is_what_transformers_makes_of_it(family: str, tmp_path: Path) -> None:
    theirs, mine = make(family), wrap(make(family), tiny_tokenizer(), family)
    assert mine.packs == (family in PACKED)
    assert_reads_and_writes_as(mine, theirs)
    assert_gradients_are(mine, theirs)
    mine.model.zero_grad()
    before = completion_logprobs(mine, [each.prompt for each in ANSWERS], [each.completion for each in ANSWERS])
    mine.save(tmp_path / "base")
    assert_saved(AutoModelForCausalLM.from_pretrained(tmp_path / "base"), before, [one + 1 for one in before])
    adapted = add_lora(load(tmp_path / "base"), LoRA(rank=4), seed=1)
    trained = train(adapted)
    adapted.save(tmp_path / "adapter")
    base = AutoModelForCausalLM.from_pretrained(tmp_path / "base")
    assert_saved(PeftModel.from_pretrained(base, tmp_path / "adapter"), trained, before)
    adapted.save(tmp_path / "merged", merge=True)
    assert_saved(AutoModelForCausalLM.from_pretrained(tmp_path / "merged"), trained, before)
    trained = train(mine)
    mine.save(tmp_path / "trained")
    assert_saved(AutoModelForCausalLM.from_pretrained(tmp_path / "trained"), trained, before)


@pytest.mark.parametrize("family", REFUSED)
def test_a_family_whose_logits_cannot_be_told_is_refused_in_one_line(family: str) -> None:
    with pytest.raises(ModelError, match=rf"^{family}: .*(not supported|use another causal language model)$") as caught:
        wrap(make(family), tiny_tokenizer(), family)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("family", "experts"), [("gpt_oss", "GptOssExperts"), ("jamba", "JambaExperts")])
@pytest.mark.filterwarnings("ignore:.*its attention cannot be reached")
def test_adapters_that_reach_a_part_say_so(family: str, experts: str) -> None:
    causal = wrap(make(family), tiny_tokenizer(), family)
    with pytest.warns(UserWarning, match=rf"{family}: its adapters reach \d+% .*{experts}.* train without lora"):
        add_lora(causal, LoRA(rank=2))
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        add_lora(ours("llama"), LoRA(rank=2))
