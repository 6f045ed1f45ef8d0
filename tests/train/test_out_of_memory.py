"""Memory that is not enough: told with the stage and what to lower; the last whole step is kept, and goes on."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from accord.artefacts import SupervisedMetrics
from accord.errors import ModelError, TrainingStopped
from accord.lm.loading import load
from accord.lm.out_of_memory import is_out_of_memory, memory_lacked
from accord.loop.stage import Context, Stage, perform
from accord.policy import GRPO, SFT
from accord.policy.materials import SupervisedExample
from accord.recipe import parse
from accord.records import Completion, Prompt
from accord.run import RunDirectory
from accord.train.loop import StepResult
from accord.train.optimiser import Optim

ENOUGH_FOR_NOBODY = 1 << 52  # bytes: more than there are addresses, so that the allocator itself refuses
EXAMPLES = [SupervisedExample(Prompt.ask("a"), Completion(prompt="p", text="b" * (3 + n))) for n in range(12)]
SETTINGS = SFT(base="tiny", dtype="float32", batch_size=4, save_every=9, optim=Optim(lr=1e-2, warmup_steps=0))


def lacked() -> RuntimeError:
    """What torch raises on this machine."""
    with pytest.raises(RuntimeError) as caught:
        torch.empty(ENOUGH_FOR_NOBODY, dtype=torch.uint8)
    return caught.value


def test_failed_allocations_are_told_from_other_errors() -> None:
    cuda = torch.OutOfMemoryError(
        "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79 GiB"
    )
    cublas = RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`")
    assert all(map(is_out_of_memory, (lacked(), cuda, cublas, MemoryError())))
    others = (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), ValueError("out of memory"), TrainingStopped())
    assert not any(map(is_out_of_memory, others))
    assert memory_lacked(cuda).startswith("the memory of the GPU was not enough (it asked for 2.00 GiB more); ")
    assert "(it asked for 4,503,599.6 GB more)" in memory_lacked(lacked())


def test_what_to_lower_are_settings_that_there_are_and_that_are_not_low() -> None:
    said = memory_lacked(MemoryError(), GRPO(base="tiny", group_size=8, prompts_per_step=4, memory_gb=3.0))
    assert "set checkpointing = true and go on with --resume; or begin the stage again with less: " in said
    for remedy in ("memory_gb below 3", "group_size below 8", "prompts_per_step below 4", "lora", 'moments = "8bit"'):
        assert remedy in said
    tight = {"checkpointing": True, "lora": {"rank": 2}, "optim": {"moments": "8bit"}}
    said = memory_lacked(MemoryError(), SFT.model_validate({"base": "tiny", **tight}))
    assert "checkpointing" not in said
    assert "lora" not in said
    assert "8bit" not in said
    assert "memory_gb = " in said
    assert "(now unset)" in said


@pytest.mark.parametrize("at", [1, 3])
def test_the_last_whole_step_is_kept_and_goes_on_with_less(
    at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The allocation fails in the middle of a step, for real; the run goes on under `checkpointing`, to the same."""
    from accord.train.loop import TrainingLoop

    own = TrainingLoop.steps

    def failing(self: TrainingLoop, step_of: Any, save: Any) -> Iterator[Any]:
        def step(number: int) -> StepResult[SupervisedMetrics]:
            if number == at:
                torch.empty(ENOUGH_FOR_NOBODY, dtype=torch.uint8)
            return step_of(number)  # type: ignore[no-any-return]

        return own(self, step, save)

    made = []
    with RunDirectory.create(tmp_path / "whole") as run:
        list(SETTINGS.train_on(EXAMPLES, run))
        made.append(load(run.verified("sft/model")).model.state_dict())
    with RunDirectory.create(tmp_path / "short") as run:
        with monkeypatch.context() as short:
            short.setattr(TrainingLoop, "steps", failing)
            with pytest.raises(TrainingStopped, match=rf"^sft: the memory of .*; step {at - 1} is kept in .*short$"):
                list(SETTINGS.train_on(EXAMPLES, run))
        checkpoint = run.last_checkpoint("sft")
        assert (0 if checkpoint is None else checkpoint.step) == at - 1
        list(SETTINGS.model_copy(update={"checkpointing": True}).train_on(EXAMPLES, run))
        made.append(load(run.verified("sft/model")).model.state_dict())
    assert all(torch.equal(made[0][name], made[1][name]) for name in made[0])


def test_a_stage_that_does_not_train_says_it_too(tmp_path: Path) -> None:
    def evaluate(context: Context) -> None:
        torch.empty(ENOUGH_FOR_NOBODY, dtype=torch.uint8)

    recipe = parse('[data]\nledger = "a.db"\n[sft]\nbase = "tiny"\n')
    with (
        RunDirectory.create(tmp_path / "run") as run,
        pytest.raises(ModelError, match=r"^rounds/02/sft: the memory of"),
    ):
        perform(Stage("sft", (), "sft", evaluate), Context(recipe, run, stage="rounds/02/sft"))


def test_a_model_is_not_run_plainly_because_memory_lacked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fast path that was not tried for want of memory is not one that gives other numbers."""
    monkeypatch.setattr("accord.lm.proofs.fuse", lambda model: torch.empty(ENOUGH_FOR_NOBODY, dtype=torch.uint8))
    with pytest.raises(RuntimeError, match="allocate memory"):
        load("tiny")
