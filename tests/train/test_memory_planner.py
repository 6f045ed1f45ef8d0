"""Batches within a memory budget: what a graph keeps is counted rightly, and splitting changes no number."""

import logging
from pathlib import Path

import pytest
import torch

from accord.errors import ModelError
from accord.lm.loading import load
from accord.lm.logprobs import token_logprobs
from accord.lm.packed import TokenizedCompletion, pack
from accord.lm.settings import ModelSettings
from accord.lm.sizes import BATCH_TOKENS, default_row_tokens
from accord.policy import SFT
from accord.reward import BradleyTerry
from accord.run import RunDirectory
from accord.train import memory_planner
from accord.train.memory_planner import (
    ActivationBytes,
    measure_activation_bytes,
    plan_batch_limits,
    stage_batch_limits,
)
from accord.train.optimiser import Optim
from families import MODELS, ours
from small_data import letters_dataset

TINY = load("tiny")


def planned(
    held: float, allowed: float, longest: int, monkeypatch: pytest.MonkeyPatch, kept: ActivationBytes
) -> tuple[int, int]:
    monkeypatch.setattr("accord.train.memory_planner._held", lambda causal: held)
    monkeypatch.setattr("accord.train.memory_planner._to_come", lambda causal, moments: 0.0)
    monkeypatch.setattr("accord.train.memory_planner.default_row_tokens", lambda causal: 320)
    found = plan_batch_limits(TINY, kept, memory_gb=allowed, longest=longest, stage="sft")
    assert found.row_tokens is not None
    return found.row_tokens, found.batch_tokens


@pytest.mark.parametrize(("width", "row"), [(32, 64), (64, 64), (200, 200), (576, 320)])
def test_rows_are_no_longer_than_a_model_is_wide(width: int, row: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(TINY), "width", width)
    assert default_row_tokens(TINY) == row
    answers = [TokenizedCompletion((1, 2), (3,) * 9, key) for key in range(80)]
    widest = max(batch.input_ids.shape[1] for batch in pack(TINY, answers))
    assert row - 9 < widest <= row  # a prompt of 2 and as many answers of 9 as there is room for


def test_the_reckoning_written_out(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """A place keeps 1 MB and a row of 320 places 320 MB, of which 1.25 times are reckoned: 2 GB hold five rows."""
    flat = ActivationBytes(linear=1e6, square=0.0, head=0.0)
    with caplog.at_level(logging.INFO, "accord"):
        assert planned(1e9, 3.0, 100, monkeypatch, flat) == (320, 1600)
    assert "sft: batches of 1600 tokens in rows of 320, about 3.0 of the 3 GB allowed" in caplog.text
    assert planned(1e9, 90.0, 100, monkeypatch, flat) == (320, BATCH_TOKENS)
    assert planned(1e9, 1.2, 100, monkeypatch, flat) == (160, 160)
    assert planned(1e9, 1.2, 150, monkeypatch, flat) == (160, 160)
    assert planned(1e9, 3.0, 400, monkeypatch, flat) == (400, 1600)


def test_what_does_not_fit_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelError, match=r"sft: one sequence of 200 tokens needs about 1.2 GB, of which 1.0 for"):
        planned(1e9, 1.1, 200, monkeypatch, ActivationBytes(linear=1e6, square=0.0, head=0.0))


@pytest.mark.filterwarnings("ignore:bloom")
@pytest.mark.parametrize("family", MODELS)
def test_what_a_graph_keeps_is_foretold(family: str) -> None:
    """Measured on rows of 32 and 64 places, it must hold for one of 96."""
    causal = ours(family)
    found = measure_activation_bytes(causal, predicts=False)
    assert found.row(96) == pytest.approx(memory_planner._saved(causal, 96), rel=0.1)
    assert found.square > 0


def test_gradients_do_not_depend_on_how_batches_are_split_or_ordered() -> None:
    answers = [
        TokenizedCompletion(tuple(range(1, 4 + row)), tuple(range(5, 8 + 3 * k)), 4 * row + k)
        for row in range(5)
        for k in range(4)
    ]
    total = sum(len(answer.completion) for answer in answers)
    gradients = []
    for order, row_tokens, batch_tokens in ((1, 320, 2048), (1, 64, 64), (1, 16, 16), (-1, 320, 2048), (-1, 64, 200)):
        causal = load("tiny", seed=2)
        for batch in pack(causal, answers[::order], row_tokens=row_tokens, batch_tokens=batch_tokens):
            logprob_N = token_logprobs(causal, batch, batch.hidden(causal), entropy=False).logprob_N
            (-logprob_N.sum() / total).backward()
        gradients.append(torch.cat([weight.grad.flatten() for weight in causal.model.parameters()]))
    for other in gradients[1:]:
        assert float((other - gradients[0]).norm() / gradients[0].norm()) < 1e-4


def test_a_reward_model_learns_the_same_within_a_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scores that fill several batches are computed twice, and give the same steps."""
    data = letters_dataset()
    settings = BradleyTerry(base="tiny", dtype="float32", step_completions=20, optim=Optim(lr=1e-3, warmup_steps=1))
    made = {}
    monkeypatch.setattr("accord.train.memory_planner._held", lambda causal: 0.0)
    small = load("tiny")  # a budget that fits 60 places and not 120, whatever attention keeps on this machine
    allowed = memory_planner._to_come(small) + memory_planner.SLACK * measure_activation_bytes(
        small, predicts=False
    ).row(60)
    for name, budget in (("free", None), ("tight", allowed / memory_planner.GB)):
        with RunDirectory.create(tmp_path / name) as run:
            bounded = settings.model_copy(update={"memory_gb": budget})
            made[name] = [(step.metrics.loss, step.metrics.grad_norm) for step in bounded.steps(data, run)]
            assert run.has("reward/batches.json") == (budget is not None)
            if budget:
                assert run.read_json("reward/batches.json")["batch_tokens"] < 100
    assert [loss for loss, _ in made["tight"]] == pytest.approx([loss for loss, _ in made["free"]], rel=1e-4)
    assert [norm for _, norm in made["tight"]] == pytest.approx([norm for _, norm in made["free"]], rel=1e-3)


def test_a_stage_within_a_budget_keeps_its_plan_when_taken_up_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    causal = ModelSettings(memory_gb=0.002, dtype="float32").open("tiny", train=True)
    settings = SFT(base="tiny", dtype="float32", memory_gb=0.002)
    with RunDirectory.create(tmp_path / "run") as run:
        monkeypatch.setattr("accord.train.memory_planner._held", lambda causal: 0.0)
        first = stage_batch_limits(settings, causal, run, "sft", longest=40)
        monkeypatch.setattr("accord.train.memory_planner._held", lambda causal: 5e8)
        assert stage_batch_limits(settings, causal, run, "sft", longest=40) == first
        with pytest.raises(ModelError, match="memory_gb allows"):
            stage_batch_limits(settings, causal, run, "again", longest=40)
