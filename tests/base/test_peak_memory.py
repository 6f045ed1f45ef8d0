"""The most memory of a stage: since it began, of all goes at it, and what is told of it."""

import json
from mmap import mmap
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from accord.report.words import memory
from accord.run import RunDirectory, peak_memory
from accord.run.peak_memory import Peak, PeakWatch

LARGE, SMALL = 160_000_000, 40_000_000  # bytes
needs_marks = pytest.mark.skipif(
    not peak_memory.SET_BACK.exists(), reason="the kernel keeps no mark of a process's memory that can be set back"
)


def hold(size: int) -> None:
    """Hold so many bytes for a moment, and let them go; of pages that the process did not have before."""
    with mmap(-1, size) as pages:
        held = np.frombuffer(pages, np.uint8)
        held[:] = 1
        del held


def of(watch: PeakWatch) -> int:
    assert watch.peak.memory is not None
    return watch.peak.memory


@needs_marks
def test_the_peak_is_that_since_the_watch_began() -> None:
    before = PeakWatch()
    hold(LARGE)
    watch = PeakWatch()
    started = of(watch)
    hold(SMALL)
    assert SMALL / 2 < of(watch) - started < LARGE / 2
    assert of(before) - started > LARGE / 2
    watch.close()
    hold(LARGE)
    assert of(watch) - started < LARGE / 2
    before.close()


@needs_marks
def test_one_within_another_takes_nothing_from_it() -> None:
    outer = PeakWatch()
    start = of(outer)
    hold(LARGE)
    inner = PeakWatch()
    hold(SMALL)
    inner.close()
    assert of(outer) - start > LARGE / 2
    assert of(inner) < of(outer)
    outer.close()


def test_where_no_mark_is_kept_it_is_that_of_the_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("STATUS", "SET_BACK"):
        monkeypatch.setattr(peak_memory, name, tmp_path / "nothing/here")
    usage = SimpleNamespace(ru_maxrss=5_000)
    monkeypatch.setattr(peak_memory.resource, "getrusage", lambda _: usage)
    watch = PeakWatch()
    usage.ru_maxrss = 7_000
    assert watch.peak == Peak(7_000 * peak_memory.RU_MAXRSS)
    watch.close()


class Cuda:
    """Of torch.cuda, what is asked: two GPUs, and the most that was held on each."""

    def __init__(self) -> None:
        self.peaks = [900, 90]

    def is_initialized(self) -> bool:
        return True

    def device_count(self) -> int:
        return len(self.peaks)

    def reset_peak_memory_stats(self, device: int) -> None:
        self.peaks[device] = 0

    def max_memory_allocated(self, device: int) -> int:
        return self.peaks[device]


def test_memory_of_gpus_is_that_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = Cuda()
    monkeypatch.setattr(peak_memory, "_cuda", lambda: cuda)
    watch = PeakWatch()
    cuda.peaks = [500, 70]
    assert watch.peak.gpu_memory == 570
    cuda.peaks = [100, 10]
    assert watch.peak.gpu_memory == 570
    watch.close()


def test_the_most_of_all_goes_is_kept_and_told(tmp_path: Path) -> None:
    path = tmp_path / "run"
    with RunDirectory.create(path) as run:
        run.begin("sft")
        hold(LARGE)
        run.pause("sft")
        first = run.manifest.spent["sft"].memory
    with RunDirectory.open(path) as run:
        run.begin("sft")
        run.finish("sft", "settings", 1.0)
        entry = run.manifest.stages["sft"]
    assert first is not None
    assert entry.memory is not None
    assert entry.memory >= first > LARGE
    told: dict[str, Any] = json.loads((path / "manifest.json").read_text())["stages"]["sft"]
    assert told["memory"] == entry.memory
    assert "gpu_memory" not in told
    with RunDirectory.open(path, write=False) as run:
        assert run.manifest.stages["sft"] == entry


def test_words_of_memory() -> None:
    assert memory(None, None) == ""
    assert memory(560_300_000, None) == "560.3 MB"
    assert memory(2_100_000_000, 11_000_000_000) == "2.1 GB and 11.0 GB on the GPU"
