"""The arithmetic of docs/large-machines.md: against published numbers, cases by hand, and the page itself."""

from pathlib import Path

import pytest
from benchmarks import large_machines as machines
from benchmarks.large_machines import COUNTS, H100, JOB, MODELS, STATE_BYTES
from benchmarks.paper import BEGIN, END, PAGE, tables

SMALL, LARGE = MODELS


def test_the_models_have_as_many_weights_as_their_files() -> None:
    """Llama 3.1's files hold 8,030,261,248 and 70,553,706,496 weights."""
    assert (SMALL.weights, LARGE.weights) == (8_030_261_248, 70_553_706_496)


def test_the_count_of_weights_is_that_of_a_real_model() -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        num_hidden_layers=3, hidden_size=32, intermediate_size=48, num_attention_heads=4, num_key_value_heads=2,
        vocab_size=100, tie_word_embeddings=False,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    assert sum(weight.numel() for weight in model.parameters()) == machines.Shape("x", 3, 32, 48, 16, 100).weights


def test_a_trained_weight_takes_what_the_optimiser_keeps() -> None:
    """Of bfloat16 weights: masters, their gradients and two moments in float32, counted on accord's own optimiser."""
    import torch

    from accord.train.optimiser import Optim, Optimiser

    weight = torch.nn.Parameter(torch.ones(1000, dtype=torch.bfloat16))
    optimiser = Optimiser(Optim(lr=1e-3), [weight], steps=2)
    for _ in range(2):  # one alone stays as it is
        optimiser.add((weight.float() ** 2).mean())
    (master,) = optimiser._masters
    kept = [weight, master, master.grad]
    optimiser.step()
    kept += [value for value in optimiser._adam.state[master].values() if value.numel() == 1000]
    in_passing = weight.nbytes  # the gradient of a micro-batch, until it was added
    assert sum(each.nbytes for each in kept if each is not None) + in_passing == 1000 * STATE_BYTES


def test_cases_worked_out_by_hand() -> None:
    assert SMALL.kv_bytes == 2 * 32 * 8 * 128 * 2
    assert SMALL.activation_bytes(checkpointed=False) == 32 * 2 * (6 * 4096 + 2 * 1024 + 4 * 14336)
    assert SMALL.logit_bytes(1000, 1000) == 128_256 * 8000
    assert machines.shard_bytes(SMALL, 1) == 20 * SMALL.weights + 4 * SMALL.layer_weights
    assert machines.sharded_traffic(SMALL, 2) == 3 * SMALL.weights
    assert (machines.samplers(SMALL), machines.samplers(LARGE)) == (1, 8)
    assert machines.comparison_tokens() == 768e6
    assert machines.sample_tokens() == 100_000 * 2304
    assert machines.training_seconds(SMALL, 1e9, 8) == pytest.approx(6e9 * SMALL.weights / (8 * 989.4e12 * 0.4))


def test_writing_is_bound_by_reading_and_halves_with_twice_the_gpus() -> None:
    one = machines.decode_seconds(SMALL, 8)
    step = (2 * SMALL.weights + 256 * 384 * SMALL.kv_bytes) / 3.35e12 / 0.6
    assert one == pytest.approx(100_000 * 8 * 256 / 256 / 8 * step)
    assert machines.decode_seconds(SMALL, 16) == pytest.approx(one / 2)


def test_what_the_page_says_of_the_tables() -> None:
    hours = {(s.name, n): {name: sec / 3600 for name, sec in machines.works(s, n)} for s in MODELS for n in COUNTS}
    whole = {key: sum(v for name, v in each.items() if not name.startswith("DPO")) for key, each in hours.items()}
    assert round(max(whole.values())) == 45
    assert min(whole.values()) < 1
    assert machines.people_hours() == 12_500
    for each in hours.values():
        update, writing = each["online: one update by each"], each["online: writing the samples"]
        assert 2 < update / writing < 4
        assert 2 * each["online: the reward reads them"] / update == pytest.approx(2 / 3)
    steps = JOB.prompts / JOB.prompts_per_step
    assert steps * 2 * LARGE.weights / (8 * H100.network) < 300
    assert steps * 2 * SMALL.weights / 1.25e9 / 3600 / hours["8B", 8]["online: writing the samples"] == pytest.approx(
        7, abs=0.5
    )
    tokens = machines.covering_tokens(LARGE, 64, 12.5e9)
    assert round(tokens, -3) == 31_000
    assert tokens * LARGE.activation_bytes(checkpointed=True) / 1e9 == pytest.approx(51, abs=0.5)
    assert machines.shard_bytes(LARGE, 8) > 2 * H100.memory
    assert 20 * SMALL.weights > 2 * H100.memory
    left = H100.memory - sum(number for _, number in machines.roles(SMALL, 8))
    assert left / (256 * 512 * SMALL.kv_bytes) == pytest.approx(2, abs=0.1)


def test_the_page_holds_the_tables() -> None:
    """Where it does not: python -m benchmarks.paper --write."""
    assert f"{BEGIN}\n{tables()}\n{END}" in Path(PAGE).read_text()
