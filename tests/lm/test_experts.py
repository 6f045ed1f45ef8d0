"""Mixtures of experts: what of them is trained, and that what is left out is said."""

import logging
from pathlib import Path

import pytest
import torch
from transformers import MixtralConfig, MixtralForCausalLM

from accord.lm.loading import load
from accord.lm.settings import ModelSettings
from accord.lm.tiny import tiny_tokenizer
from accord.policy import SFT
from accord.policy.materials import Materials
from accord.run import RunDirectory
from accord.train import Optim
from families import SIZES
from plainly import opened, plain_logprobs
from small_data import letters_dataset

TEXTS = [((5, 6, 7), (97, 98, 99, 257)), ((30,), (1, 2, 3, 4, 5, 6))]


@pytest.fixture(scope="module")
def mixtral(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("experts") / "mixtral"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = MixtralConfig(**SIZES, num_local_experts=4, num_experts_per_tok=2, router_aux_loss_coef=0.02)
        MixtralForCausalLM(config).save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder


def test_routers_and_experts_are_trained_and_the_loss_left_out_is_named(
    mixtral: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = SFT(base=str(mixtral), dtype="float32", batch_size=8, optim=Optim(lr=1e-2, warmup_steps=0))
    with RunDirectory.create(tmp_path / "run") as run, caplog.at_level(logging.WARNING, "accord"):
        list(settings.train_on(Materials(data=letters_dataset(prompts=3, texts=4)).examples, run))
        folder = run.verified("sft/model")
    assert "its router's auxiliary loss (router_aux_loss_coef = 0.02) is left out" in caplog.text
    before, after = (load(each).model.state_dict() for each in (mixtral, folder))
    moved = {name for name, weight in before.items() if not torch.equal(weight, after[name])}
    assert {name for name in before if "experts" in name or "gate" in name} <= moved
    assert not torch.allclose(plain_logprobs(opened(folder), TEXTS), plain_logprobs(opened(mixtral), TEXTS), atol=1e-3)


def test_a_model_without_experts_has_nothing_left_out(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "accord"):
        ModelSettings(dtype="float32").open("tiny", train=True)
    assert caplog.text == ""
