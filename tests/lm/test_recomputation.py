"""Activation checkpointing: the same gradients bit for bit, on every family, whatever drops out; less is kept."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch

from accord.artefacts import MODEL
from accord.lm.adapters import LoRA, add_lora
from accord.lm.causal import CausalModel
from accord.lm.dropout import dropping
from accord.lm.loading import load
from accord.lm.logprobs import token_logprobs
from accord.lm.packed import TokenizedCompletion, pack
from accord.lm.recomputation import keeping_everything, recompute_layers, recomputes
from accord.policy import SFT
from accord.policy.materials import SupervisedExample
from accord.records import Completion, Prompt
from accord.reward import BradleyTerry
from accord.run import RunDirectory
from accord.train import memory_planner
from accord.train.checkpointing import weights_digest
from accord.train.memory_planner import measure_activation_bytes
from accord.train.optimiser import Optim
from families import MODELS, ours
from small_data import letters_dataset

ANSWERS = [
    TokenizedCompletion(tuple(range(1, 4 + row)), tuple(range(5, 8 + 3 * k)), 4 * row + k)
    for row in range(3)
    for k in range(3)
]


def gradients(causal: CausalModel, *, drops: bool = False) -> list[torch.Tensor]:
    """Of packed rows, the backward pass made where nothing drops out any more, as trainers make it."""
    causal.model.zero_grad()
    for batch in pack(causal, ANSWERS, row_tokens=64, batch_tokens=64):
        torch.manual_seed(3)
        with dropping(causal, own=drops):
            hidden_XD = batch.hidden(causal)
        (-token_logprobs(causal, batch, hidden_XD, entropy=False).logprob_N.sum()).backward()
    return [weight.grad.clone() for weight in causal.trainable() if weight.grad is not None]


@pytest.mark.filterwarnings("ignore:bloom")
@pytest.mark.parametrize("drops", [False, True], ids=["plain", "dropout"])
@pytest.mark.parametrize("adapted", [False, True], ids=["whole", "lora"])
@pytest.mark.parametrize("family", MODELS)
def test_gradients_are_the_same_bit_for_bit(family: str, adapted: bool, drops: bool) -> None:
    causal = ours(family)
    for module in causal.model.modules():
        if isinstance(getattr(module, "attention_dropout", None), float):
            module.attention_dropout = 0.3
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.3
    if adapted:
        causal = add_lora(causal, LoRA(rank=2, dropout=0.3 if drops else 0.0))
        for name, weight in causal.model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.constant_(weight, 0.05)
    before = gradients(causal, drops=drops)
    if drops:  # with another draw these are others
        assert not all(torch.equal(one, other) for one, other in zip(before, gradients(causal), strict=True))
    recompute_layers(causal)
    assert recomputes(causal)
    after = gradients(causal, drops=drops)
    assert len(after) == len(before) > 0
    assert all(torch.equal(mine, other) for mine, other in zip(after, before, strict=True))
    assert not any(module.training for module in causal.model.modules())


@pytest.mark.filterwarnings("ignore:bloom")
@pytest.mark.parametrize("family", MODELS)
def test_the_planner_knows_what_is_kept(family: str) -> None:
    """What goes into each layer, and one layer whole: here of two, so more than half is left."""
    causal = ours(family)
    everything = memory_planner._saved(causal, 96)
    recompute_layers(causal)
    kept = memory_planner._of_graph(causal, 96)
    assert kept < 0.1 * everything
    assert memory_planner._saved(causal, 96) == pytest.approx(kept + (everything - kept) / 2)
    assert measure_activation_bytes(causal, predicts=False).row(96) == pytest.approx(
        memory_planner._saved(causal, 96), rel=0.1
    )
    with keeping_everything(causal):
        assert memory_planner._of_graph(causal, 96) == everything


def test_a_copy_recomputes_and_a_pass_without_gradients_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    causal = ours("llama")
    recompute_layers(causal)
    twin = copy.deepcopy(causal.model)
    assert type(twin.model.layers[0]).__name__ == "LlamaDecoderLayer"
    monkeypatch.setattr("accord.lm.recomputation.checkpoint", None)
    with torch.no_grad():
        causal.hidden(input_ids=torch.tensor([[5, 6, 7]]))
    with pytest.raises(TypeError):
        causal.hidden(input_ids=torch.tensor([[5, 6, 7]]))


def test_stages_make_the_same_model_and_may_change_their_mind(tmp_path: Path) -> None:
    """A reward whose members have layers of their own, and supervised training that is taken up half way."""
    common: dict[str, Any] = {"base": "tiny", "dtype": "float32", "optim": Optim(lr=1e-2, warmup_steps=0)}
    data = letters_dataset()
    made = []
    for checkpointing in (False, True):
        settings = BradleyTerry(
            **common, step_completions=40, ensemble_size=2, ensemble_layers=1, checkpointing=checkpointing
        )
        with RunDirectory.create(tmp_path / f"reward-{checkpointing}") as run:
            judge = settings.fit(data, run)
            made.append(weights_digest(judge.causal.model) + weights_digest(judge.head))
    assert made[0] == made[1]
    examples = [SupervisedExample(Prompt.ask("a"), Completion(prompt="p", text="b" * (3 + n))) for n in range(12)]
    made = []
    for second in (False, True):
        with RunDirectory.create(tmp_path / f"sft-{second}") as run:
            sft = SFT(**common, batch_size=4, save_every=1, epochs=1)
            next(sft.train_on(examples, run))
            list(sft.model_copy(update={"checkpointing": second}).train_on(examples, run))
            made.append(weights_digest(load(MODEL.verified(run, "sft")).model))
    assert made[0] == made[1]
