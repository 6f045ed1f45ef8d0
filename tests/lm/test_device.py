"""What is said of GPUs that are not there, not reached, too old or idle: one line each, before anything is begun.

No GPU is needed: what torch would say of one is put into its mouth.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from accord.cli import run
from accord.errors import ModelError
from accord.lm import device
from accord.lm.device import device_notes, device_problem, resolve_device
from accord.lm.settings import ModelSettings
from accord.loop.devices import check_devices
from accord.loop.preflight import preflight
from accord.recipe import parse

RECIPE = '[data]\nledger = "feedback.db"\n[sft]\nbase = "tiny"\ndevice = "cuda"\n'


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    device._why_not_computing.cache_clear()
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    yield
    device._why_not_computing.cache_clear()


def raising(error: Exception) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> None:
    """A build for CUDA on a machine whose GPUs torch does not reach."""
    monkeypatch.setattr(torch.version, "cuda", "12.8")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "init", raising(RuntimeError("No CUDA GPUs are available.\nMore of it.")))


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch, built: None) -> Callable[..., None]:
    """So many GPUs of a kind, which say something to a first sum."""

    def there(count: int = 1, *, bfloat16: bool = True, says: str = "") -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Some GPU")
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: bfloat16)
        monkeypatch.setattr(device, "_why_not_computing", _Said(says))

    return there


class _Said:
    """What a first sum says, where there is no GPU to ask."""

    def __init__(self, says: str) -> None:
        self.says = says

    def __call__(self) -> str:
        return self.says

    def cache_clear(self) -> None:
        """Nothing is kept."""


def test_a_build_without_cuda_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "cuda", None)
    assert "is built without it; install a build of torch for CUDA" in device_problem("cuda")
    assert (device_problem("cpu"), device_problem("auto"), resolve_device("auto")) == ("", "", "cpu")
    with pytest.raises(ModelError, match='set device = "cpu", or leave it out'):
        ModelSettings(device="cuda").open("tiny")


def test_gpus_that_are_not_reached_are_told_with_torchs_reason(built: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "torch reaches no GPU (No CUDA GPUs are available); see what nvidia-smi says" in device_problem("cuda")
    assert device_notes([("auto", "bfloat16")]) == [
        "device: auto is the CPU: torch reaches no GPU (No CUDA GPUs are available)"
    ]
    assert device_notes([("cpu", "bfloat16")]) == []
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")  # hidden on purpose, which is nothing to remark on
    assert "CUDA_VISIBLE_DEVICES is empty" in device_problem("cuda")
    assert device_notes([("auto", "bfloat16")]) == []


def test_a_gpu_that_does_not_compute_is_told(gpus: Callable[..., None]) -> None:
    gpus(says="CUDA error: no kernel image is available for execution on the device")
    for asked in ("cuda", "auto"):
        assert "a first sum on the GPU failed (CUDA error: no kernel image" in device_problem(asked)
    assert device_problem("cpu") == ""


def test_a_first_sum_is_tried_for_real(monkeypatch: pytest.MonkeyPatch) -> None:
    if torch.cuda.is_available():
        assert device._why_not_computing() == ""
        return
    monkeypatch.setattr(torch, "ones", lambda *_, **__: raising(RuntimeError("CUDA driver is too old. More"))())
    assert device._why_not_computing() == "CUDA driver is too old. More"


def test_a_card_without_bfloat16_and_idle_ones_are_noted(gpus: Callable[..., None]) -> None:
    gpus(1)
    assert device_notes([("auto", "bfloat16")]) == []
    gpus(1, bfloat16=False)
    assert device_notes([("cuda", "float32")]) == []
    (note,) = device_notes([("cuda", "bfloat16")])
    assert note.startswith("dtype: Some GPU has no arithmetic in bfloat16")
    gpus(2)
    (note,) = device_notes([("auto", "float32")])
    assert "2 GPUs are visible to 1 process: 1 of them lies idle; `torchrun --standalone --nproc-per-node 2" in note
    gpus(4)
    assert "4 GPUs are visible to 2 processes: 2 of them lie idle" in device_notes([("auto", "float32")], 2)[0]
    assert device_notes([("auto", "float32")], 4) == []


def test_check_and_run_say_it_before_anything_is_begun(
    built: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("recipe.toml").write_text(RECIPE)
    assert run(["check", "recipe.toml"]) == 2
    assert "problem: recipe.sft.device: cuda, and torch reaches no GPU" in capsys.readouterr().out
    assert run(["run", "recipe.toml", "--out", "out"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "recipe.sft.device: cuda, and torch reaches no GPU" in said
    assert not Path("out").exists()


def test_notes_stand_in_the_check_and_nothing_is_said_of_what_runs_on_a_cpu(gpus: Callable[..., None]) -> None:
    gpus(2)
    recipe: Any = parse(RECIPE)
    (note,) = check_devices(recipe)
    assert "lies idle" in note
    assert check_devices(parse(RECIPE.replace('"cuda"', '"cpu"'))) == []


def test_what_takes_an_extra_is_a_problem_of_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accord.loop.preflight.lacking", lambda extra: f"the extra '{extra}'")
    text = RECIPE.replace('device = "cuda"', '[sft.optim]\nmoments = "8bit"\n[sft.lora]\nquantised = "nf4"')
    found = [problem for problem in preflight(parse(text)).problems if "extra" in problem]
    assert found == [
        "recipe.sft.optim.moments = \"8bit\": the extra 'quantised'",
        "recipe.sft.lora.quantised = \"nf4\": the extra 'quantised'",
    ]
