"""Two processes that hold a model in parts train it as one does that holds it whole (tests/sharded_training.py)."""

import shutil
from pathlib import Path

import pytest

from accord.lm.loading import load
from accord.lm.sharding import settle, sharded_of, whole, why_not_sharded
from accord.train.optimiser import Optim, Optimiser
from accord.train.sharding import end_sharding, evened, idle_batch, shard_model, with_idle
from torchrun import torchrun

TESTS = Path(__file__).parents[1]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_hold_parts_and_train_as_one(tmp_path: Path) -> None:
    """Families, adapters, frozen layers, bfloat16; what is written meanwhile; states kept and taken up either way."""
    shutil.copy(TESTS / "sharded_training.py", tmp_path)
    status, _, errors = torchrun([str(TESTS)], tmp_path, module="sharded_training")
    assert status == 0, errors
    assert errors.count("llama: not sharded (weights of one layer are of several dtypes)") == 1


def test_one_process_holds_all() -> None:
    """Where nothing is shared, nothing here does anything."""
    causal = load("tiny")
    before = list(causal.model.parameters())
    assert shard_model(causal) == {}
    assert sharded_of(causal.model) is None
    assert evened(causal, []) == []
    assert with_idle(causal, [1, 2], 0) == [1, 2]
    optimiser = Optimiser(Optim(), causal.trainable(), 1)
    end_sharding(optimiser, causal.model)
    with whole(causal.model):
        settle()
    assert all(weight is other for weight, other in zip(causal.model.parameters(), before, strict=True))
    assert not optimiser.is_sharded


def test_an_idle_batch_asks_nothing() -> None:
    """Its loss is 0 and so is the gradient of every weight that its pass goes through."""
    causal = load("tiny")
    batch = idle_batch(causal)
    hidden_XD = batch.hidden(causal)
    (hidden_XD[batch.source_N].sum() + hidden_XD[batch.last_A].sum()).backward()
    gradients = [weight.grad for weight in causal.backbone.parameters()]
    assert all(gradient is not None and not gradient.any() for gradient in gradients)


def test_weights_that_two_layers_share_are_not_dealt_out() -> None:
    causal = load("tiny")
    layers = list(causal.backbone.layers)
    assert why_not_sharded(causal.model, layers) == ""
    layers[1].mlp = layers[0].mlp
    assert why_not_sharded(causal.model, layers) == "layers share weights"
