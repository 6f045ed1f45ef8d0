"""Members that share a decoder: one pass for all against one for each, their gradients, files, training, resuming."""

import itertools
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from accord.errors import ModelError, RecipeError
from accord.lm.adapter_ensemble import AdapterEnsemble
from accord.lm.adapters import LoRA
from accord.lm.loading import load, wrap
from accord.lm.packed import TokenizedCompletion, pack
from accord.lm.reward_model_files import load_reward_model
from accord.lm.tiny import tiny_tokenizer
from accord.reward import BradleyTerry, accuracy, score_split
from accord.reward.heads import Heads
from accord.reward.terms.answering import Answering
from accord.reward.terms.comparisons import Comparisons
from accord.run import RunDirectory
from accord.train.optimiser import Optim
from family_configs import make
from small_data import letters_dataset

ANSWERS = [
    TokenizedCompletion((5, 6, 7), (8, 9, 10, 11), 0),
    TokenizedCompletion((5, 6, 7), (18, 19), 1),
    TokenizedCompletion((5,), (28,) * 9, 2),
]


def ensemble_of(name: str, layers: int) -> AdapterEnsemble:
    """Three members whose adapters are random, over a family that nothing here was written for."""
    causal = load("tiny", dtype="float32") if name == "tiny" else wrap(make(name), tiny_tokenizer(), name)
    form: dict[str, Any] = {"members": 3, "components": ("a", "b"), "layers": layers, "rank": 2, "alpha": 4.0}
    judge = AdapterEnsemble.over(causal, name=name, seed=0, **form)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in judge.adapters.parameters():
            weight.copy_(torch.randn(weight.shape, generator=generator) * 0.3)
    return judge


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("name", ["tiny", "llama", "gemma3", "gpt2", "qwen2 with windows", "mixtral", "opt"])
@torch.no_grad()
def test_one_pass_for_all_is_a_pass_for_each(name: str, layers: int) -> None:
    judge = ensemble_of(name, layers)
    for row_tokens in (12, 60):
        for batch in pack(judge.causal, ANSWERS, row_tokens=row_tokens):
            fast_AM, slow_AM = judge.at_end(batch), judge.slow(batch)
            assert fast_AM.shape == (len(batch.keys), 6)
            assert float((fast_AM - slow_AM).abs().max()) < 1e-4
            assert float(slow_AM.reshape(-1, 2, 3).std(2).min()) > 1e-4  # members differ
            before_NM, last_AM = judge.along(batch)
            assert float((last_AM - fast_AM).abs().max()) < 1e-4
            assert before_NM.shape == (len(batch.source_N), 6)


def test_its_gradients_are_those_of_a_pass_for_each() -> None:
    judge = ensemble_of("llama", 1)
    (batch,) = pack(judge.causal, ANSWERS, row_tokens=60)
    weights = judge.trainable()
    gradients = [
        torch.autograd.grad(raw.square().sum(), weights, allow_unused=True)
        for raw in (judge.at_end(batch), judge.slow(batch))
    ]
    for fast, slow in zip(*gradients, strict=True):
        assert (fast is None) == (slow is None)
        if fast is not None and slow is not None:
            assert float((fast - slow).norm()) <= 1e-3 * float(slow.norm()) + 1e-6
    assert sum(each is not None for each in gradients[0]) > len(judge.adapters.parameters())


@pytest.mark.parametrize("name", ["bloom", "mamba"])
def test_a_decoder_that_cannot_is_refused_and_left_as_it_was(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is run plainly
        causal = wrap(make(name), tiny_tokenizer(), name)
    ids = torch.tensor([[5, 6, 7, 8]])
    before, names = causal.hidden(input_ids=ids), [each for each, _ in causal.model.named_parameters()]
    with pytest.raises(ModelError, match="cannot be run for several members in one pass"):
        AdapterEnsemble.over(causal, name=name, seed=0, members=2, layers=1, rank=2, alpha=4.0)
    assert torch.equal(causal.hidden(input_ids=ids), before)
    assert [each for each, _ in causal.model.named_parameters()] == names


@torch.no_grad()
def test_what_was_saved_is_what_is_loaded(tmp_path: Path) -> None:
    judge = ensemble_of("tiny", 2)
    judge.save(tmp_path)
    again = load_reward_model(tmp_path, name="again", dtype="float32")
    assert isinstance(again, AdapterEnsemble)
    (batch,) = pack(judge.causal, ANSWERS, row_tokens=60)
    assert float((again.at_end(batch) - judge.at_end(batch)).abs().max()) < 1e-6
    plain = load(tmp_path, dtype="float32")  # the shared decoder opens as any other
    with judge.adapters.out():
        wanted = batch.hidden(judge.causal)
    assert float((batch.hidden(plain) - wanted).abs().max()) < 1e-5
    assert not again.causal.trainable()


SETTINGS = BradleyTerry(
    base="tiny",
    dtype="float32",
    ensemble="adapters",
    ensemble_size=3,
    ensemble_layers=1,
    ensemble_rank=2,
    epochs=12,
    step_completions=16,
    save_every=5,
    optim=Optim(lr=5e-3, warmup_steps=3),
)


def test_adapters_of_members_learn_at_the_rate_of_heads_and_the_shared_decoder_at_its_own() -> None:
    """They begin at nothing: at the rate of a decoder that is fine-tuned members would hardly come to differ."""
    settings = BradleyTerry(
        base="tiny",
        dtype="float32",
        ensemble="adapters",
        ensemble_size=3,
        optim=Optim(lr=1e-4, warmup_steps=0),
        head_lr_scale=7,
        term_lr=0.02,
        ties="davidson",
    )
    judge = settings.new_judge(load("tiny", dtype="float32"), Heads(members=3), seed=2, stage="reward")
    assert isinstance(judge, AdapterEnsemble)
    terms = nn.ModuleDict({"comparison": Comparisons(Answering(ties="davidson"))})
    optimiser = settings.new_optimiser(judge, terms, steps=1)
    fresh = [*judge.adapters.parameters(), *judge.head.parameters()]
    shared = [weight for weight in judge.causal.trainable() if not any(weight is each for each in fresh)]
    before = {id(each): each.detach().clone() for each in (*fresh, *shared, *terms.parameters())}
    optimiser.add(sum((each.sum() for each in (*fresh, *shared, *terms.parameters())), torch.zeros(())))
    optimiser.step()
    for weights, rate in ((fresh, 7e-4), (shared, 1e-4), (list(terms.parameters()), 0.02)):
        assert weights
        for each in weights:
            torch.testing.assert_close(
                before[id(each)] - each.detach(), torch.full_like(each, rate), rtol=0.02, atol=1e-7
            )


def test_it_learns_is_kept_and_goes_on_to_the_same_numbers(tmp_path: Path) -> None:
    data = letters_dataset(prompts=12)
    with RunDirectory.create(tmp_path / "whole") as run:
        judge = SETTINGS.fit(data, run)
        wanted = score_split(judge, data, "held_out")
    assert isinstance(judge, AdapterEnsemble)
    assert accuracy(wanted.values, data.pairs["held_out"]).value > 0.75
    assert wanted.judged is not None
    assert wanted.judged.std_N is not None
    assert (wanted.judged.std_N > 0).all()
    assert max(float(each.abs().max()) for each in judge.adapters.parameters()) > 0
    with RunDirectory.create(tmp_path / "cut") as run:
        list(itertools.islice(SETTINGS.steps(data, run), 7))
    with RunDirectory.open(tmp_path / "cut") as run:
        assert score_split(SETTINGS.fit(data, run), data, "held_out") == wanted


@pytest.mark.parametrize(
    ("more", "error", "said"),
    [
        ({"ensemble_size": 1}, RecipeError, "needs members"),
        ({"doubt": "laplace"}, RecipeError, "heads that read the same states"),
        ({"ensemble_layers": 9}, ModelError, "layers, not 9"),
        ({"lora": LoRA(rank=2)}, ModelError, "leave lora out"),
    ],
)
def test_settings_that_contradict_are_refused(
    more: dict[str, Any], error: type[Exception], said: str, tmp_path: Path
) -> None:
    with RunDirectory.create(tmp_path / "run") as run, pytest.raises(error, match=said):
        SETTINGS.model_copy(update=more).fit(letters_dataset(), run)
