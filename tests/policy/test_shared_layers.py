"""Stages whose policy and reference share frozen layers: the numbers of stages that do not, and the same ones again."""

from pathlib import Path
from typing import Any

import pytest

from accord.lm.adapters import LoRA
from accord.policy import GRPO, KTO, PPO, online_trainer, pairwise
from accord.policy.materials import Materials
from accord.records import Sampling
from accord.run import RunDirectory
from accord.train.optimiser import Optim
from small_data import LetterJudge, letters_dataset

DATA = letters_dataset()
FORM: dict[str, Any] = {
    "dtype": "float32",
    "trained_layers": 1,
    "save_every": 1,
    "optim": Optim(lr=2e-3, warmup_steps=0, lr_schedule="constant"),
}
PAIRS: dict[str, Any] = {"batch_size": 8, "max_pairs": 24}
ONLINE: dict[str, Any] = {
    "max_steps": 3,
    "prompts_per_step": 2,
    "group_size": 4,
    "sampling": Sampling(max_tokens=8),
}
SETTINGS: dict[str, Any] = {
    "kto, adapters": KTO(**FORM, **PAIRS, beta=0.5, lora=LoRA(rank=2)),
    "ppo, adapters": PPO(**FORM, **ONLINE, minibatches=2, lora=LoRA(rank=2)),
    "grpo, planned": GRPO(**FORM, **ONLINE, memory_gb=8),
}


def numbers(settings: Any, start: Path, folder: Path, *, first: int = 0) -> list[dict[str, Any]]:
    """What each step logs, those after a break of the stage from its last checkpoint on."""
    materials = Materials(data=DATA, start=start, prompts=DATA.prompts_of("train"), judge=LetterJudge())
    with RunDirectory.create(folder) as run:
        steps = [step.metrics for _, step in zip(range(first), settings.steps(materials, run), strict=False)]
        steps += [step.metrics for step in settings.steps(materials, run)]
    found = {step.step: step.model_dump(exclude={"seconds"}) for step in steps}
    return [found[number] for number in sorted(found)]


@pytest.mark.parametrize("case", SETTINGS)
def test_steps_are_those_of_separate_passes_and_the_same_again(
    case: str, start: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = SETTINGS[case]
    shared = numbers(settings, start, tmp_path / "shared")
    assert numbers(settings, start, tmp_path / "broken", first=1) == shared
    for room in (online_trainer, pairwise):
        monkeypatch.setattr(room, "share_prefix", lambda *_: None)
    separate = numbers(settings, start, tmp_path / "separate")
    assert len(shared) == 3
    for one, other in zip(shared, separate, strict=True):
        for name, value in other.items():
            if isinstance(value, float) and name != "accuracy":  # of margins that are 0 but for rounding at first
                assert one[name] == pytest.approx(value, abs=2e-5, rel=1e-4), name
