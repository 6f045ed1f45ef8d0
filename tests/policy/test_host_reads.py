"""How often the host waits for a device in a step of training: a fixed number of times, however much the step does."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from host_reads import host_reads

from accord.lm import TokenizedCompletion, load, pack
from accord.policy import DPO, GRPO, PPO, SFT
from accord.policy.materials import Materials
from accord.policy.online_trainer import OnlineTrainer
from accord.policy.rollout import measure
from accord.records import Sampling
from accord.reward import BradleyTerry
from accord.run import RunDirectory
from accord.train.memory_planner import BatchLimits
from accord.train.optimiser import Optim
from small_data import LetterJudge, letters_dataset

if TYPE_CHECKING:
    from collections import Counter

DATA = letters_dataset()
OFFLINE: dict[str, Any] = {"base": "tiny", "dtype": "float32", "optim": Optim(lr=1e-3, warmup_steps=1)}
ONLINE: dict[str, Any] = {**OFFLINE, "prompts_per_step": 3, "sampling": Sampling(max_tokens=10), "max_steps": 2}


@pytest.fixture(autouse=True)
def as_where_a_device_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without what is compiled for this processor, which reads numbers where nobody waits for them."""
    monkeypatch.setattr("accord.train.optimiser.adamw_pass", lambda: None)
    monkeypatch.setattr("accord.lm.native.proven.layer_kernels", lambda dtype: None)


def offline(kind: str, size: int, run: RunDirectory) -> Iterator[Any]:
    """The steps of a stage that learns `size` texts or pairs at a time."""
    if kind == "sft":
        return SFT(**OFFLINE, batch_size=size, epochs=9).train_on(Materials(data=DATA).examples, run)
    if kind == "dpo":
        return DPO(**OFFLINE, batch_size=size, epochs=9).steps(Materials(data=DATA), run)
    return BradleyTerry(**OFFLINE, step_completions=size).steps(DATA, run)


def few_places(monkeypatch: pytest.MonkeyPatch, places: int) -> None:
    """Batches of so many places: the fewer, the more batches."""
    monkeypatch.setattr(BatchLimits.__init__, "__defaults__", (48, places))


@pytest.mark.parametrize(("kind", "most"), [("sft", 3), ("dpo", 3), ("reward", 5)])
def test_a_step_reads_as_often_however_many_batches_it_has(
    kind: str, most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[Counter[str]] = []
    for size, places in ((8, 2048), (20, 2048), (20, 96)):
        few_places(monkeypatch, places)
        with RunDirectory.create(tmp_path / f"{size}-{places}") as run:
            steps = offline(kind, size, run)
            next(steps)
            with host_reads() as counts:
                next(steps)
            found.append(counts)
    assert found[0] == found[1] == found[2]
    assert 0 < found[0].total() <= most, found[0]


@pytest.mark.parametrize(("settings", "most"), [(GRPO, 4), (PPO, 13)])
def test_an_update_of_a_policy_reads_as_often_however_many_batches_it_has(
    settings: Any, most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sampling apart, of which the host has to see every token."""
    found: list[Counter[str]] = []
    exact = settings.update

    def counted(self: Any, trainer: OnlineTrainer, *others: Any, **named: Any) -> Any:
        with host_reads() as counts:
            numbers = exact(self, trainer, *others, **named)
        found.append(counts)
        return numbers

    monkeypatch.setattr(settings, "update", counted)
    for group, places in ((2, 2048), (12, 2048), (12, 96)):
        few_places(monkeypatch, places)
        materials = Materials(prompts=DATA.prompts_of("train"), judge=LetterJudge())
        with RunDirectory.create(tmp_path / f"{group}-{places}") as run:
            next(settings(**ONLINE, group_size=group).steps(materials, run))
    assert found[0] == found[1] == found[2]
    assert 0 < found[0].total() <= most, found[0]


@pytest.mark.parametrize("places", [2048, 96])
def test_measuring_reads_nothing(places: int) -> None:
    causal = load("tiny", seed=1)
    answers = [TokenizedCompletion((1, 2, 3 + n % 5), tuple(range(n, n + 20)), n) for n in range(30)]
    with host_reads() as counts:
        measure(causal, answers, 20, 1.0)
        for batch in pack(causal, answers, row_tokens=48, batch_tokens=places):
            batch.hidden(causal)
    assert not counts
