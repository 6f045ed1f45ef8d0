"""Tokens a second, peak memory and waits of each stage, by accord's own stage classes as a recipe runs them."""

import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from accord.lm import load
from accord.lm.adapters import LoRA
from accord.lm.engine import Engine, Request
from accord.lm.memory import peak_gb, release_memory, reset_peak
from accord.policy import DPO, GRPO, SFT
from accord.policy.materials import Materials, SupervisedExample
from accord.records import Sampling
from accord.reward import BradleyTerry
from accord.run import RunDirectory
from accord.train.optimiser import Optim
from benchmarks.gpu.work import Work, dataset, items, tokens_of
from benchmarks.ours import LengthJudge

if TYPE_CHECKING:
    from accord.lm.causal import CausalModel

__all__ = ["STAGES", "Measured", "clock", "stage"]

LATER = 10_000  # no checkpoint in between
READS = ("_local_scalar_dense", "nonzero")  # operations whose result the processor waits for
MOVES = (torch.Tensor.tolist, torch.Tensor.cpu, torch.Tensor.numpy)  # and what becomes of whole tensors


@dataclass
class Measured:
    """Tokens a step and seconds of each, the peak of memory in GB, and waits for the device a step."""

    tokens: float
    seconds: list[float]
    peak_gb: float | None
    waits: float | None = None

    @property
    def row(self) -> dict[str, Any]:
        """As it is kept: the first step is warm-up."""
        seconds = median(self.seconds[1:] or self.seconds)
        return {
            "tokens_a_second": self.tokens / seconds,
            "seconds_a_step": seconds,
            "peak_gb": self.peak_gb,
            "waits_a_step": self.waits,
        }


def stage(name: str, work: Work) -> Measured:
    """A stage of `STAGES`; its waits are counted in a run of their own, for counting takes time."""
    measure = STAGES[name]
    return replace(measure(work), waits=_waits(measure, work))


def clock(work: Work, make: Callable[[], tuple[float, list[float]]]) -> Measured:
    """What `make` gives (tokens a step, seconds of each), with the peak of memory meanwhile."""
    release_memory()
    on_gpu = work.device != "cpu"
    if on_gpu:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    else:
        reset_peak()
    tokens, seconds = make()
    return Measured(tokens, seconds, torch.cuda.max_memory_allocated() / 1e9 if on_gpu else peak_gb())


def _trained(work: Work, steps_of: Callable[[dict[str, Any], RunDirectory], Iterator[Any]], tokens: float) -> Measured:
    common = {
        "base": str(work.source),
        "dtype": work.dtype,
        "device": work.device,
        "save_every": LATER,
        "optim": Optim(lr=1e-5, warmup_steps=0, lr_schedule="constant"),
    }

    def make() -> tuple[float, list[float]]:
        with tempfile.TemporaryDirectory() as folder, RunDirectory.create(Path(folder) / "run") as run:
            return tokens, [step.metrics.seconds for step in steps_of(common, run)]

    return clock(work, make)


def _tokens_a_step(work: Work, answers: int) -> float:
    texts = items(work.batch * work.steps, work, answers=answers)
    return tokens_of(load(work.source, device=work.device), texts) / work.steps


def _sft(work: Work) -> Measured:
    texts = [item.records() for item in items(work.batch * work.steps, work, answers=1)]
    examples = [SupervisedExample(prompt, answer) for prompt, (answer,) in texts]

    def steps(common: dict[str, Any], run: RunDirectory) -> Iterator[Any]:
        return SFT(**common, batch_size=work.batch, max_shared_prompt=1).train_on(examples, run)

    return _trained(work, steps, _tokens_a_step(work, 1))


def _reward(work: Work) -> Measured:
    data = dataset(items(work.batch * work.steps, work, answers=2))

    def steps(common: dict[str, Any], run: RunDirectory) -> Iterator[Any]:
        return BradleyTerry(**common, step_completions=2 * work.batch).steps(data, run)

    return _trained(work, steps, _tokens_a_step(work, 2))


def _dpo(work: Work, **how: Any) -> Measured:
    data = dataset(items(work.batch * work.steps, work, answers=2))

    def steps(common: dict[str, Any], run: RunDirectory) -> Iterator[Any]:
        return DPO(**common, **how, batch_size=work.batch).steps(Materials(data=data), run)

    return _trained(work, steps, _tokens_a_step(work, 2))


def _grpo(work: Work) -> Measured:
    prompts = [item.records()[0] for item in items(work.batch * work.steps, work, answers=1)]
    materials = Materials(prompts=prompts, judge=LengthJudge())
    written: list[float] = []

    def steps(common: dict[str, Any], run: RunDirectory) -> Iterator[Any]:
        settings = GRPO(
            **common,
            prompts_per_step=work.batch,
            group_size=work.group,
            max_steps=work.steps,
            sampling=Sampling(max_tokens=work.new_tokens),
            kl_coef=0.0,
            watch_kl=False,
        )
        for step in settings.steps(materials, run):
            written.append(step.metrics.length * work.batch * work.group)
            yield step

    measured = _trained(work, steps, 0.0)
    return replace(measured, tokens=median(written[1:] or written))


def _write(work: Work) -> Measured:
    """Texts of one length, each of a prompt of its own; reading the prompts is part of the time."""
    causal: CausalModel = load(work.source, dtype=work.dtype, device=work.device)  # type: ignore[arg-type]
    prompts = [tuple(causal.encode_prompt(item.records()[0])) for item in items(2 * work.batch, work, answers=1)]
    room = max(map(len, prompts)) + work.new_tokens

    def make() -> tuple[float, list[float]]:
        seconds, counts = [], []
        for seed in range(work.steps):
            engine = Engine(causal, slots=len(prompts), length=room)
            for number, prompt in enumerate(prompts):
                sampling = Sampling(max_tokens=work.new_tokens, seed=seed)
                engine.submit(Request(number, prompt, sampling, stream=number))
            began, count = perf_counter(), 0
            while engine.busy:
                count += len(engine.step())
            seconds.append(perf_counter() - began)
            counts.append(count)
        return median(counts), seconds

    return clock(work, make)


STAGES: dict[str, Callable[[Work], Measured]] = {
    "sft": _sft,
    "sft, checkpointing": lambda work: _checkpointed(work),
    "reward": _reward,
    "dpo": _dpo,
    "dpo, lora": lambda work: _dpo(work, lora=LoRA()),
    "grpo": _grpo,
    "writing": _write,
}


def _checkpointed(work: Work) -> Measured:
    texts = [item.records() for item in items(work.batch * work.steps, work, answers=1)]
    examples = [SupervisedExample(prompt, answer) for prompt, (answer,) in texts]

    def steps(common: dict[str, Any], run: RunDirectory) -> Iterator[Any]:
        return SFT(**common, batch_size=work.batch, max_shared_prompt=1, checkpointing=True).train_on(examples, run)

    return _trained(work, steps, _tokens_a_step(work, 1))


class _Reads(TorchDispatchMode):
    """Counts operations whose result the processor waits for: on a GPU each stops it until the GPU has caught up."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += func.overloadpacket.__name__ in READS
        return func(*args, **(kwargs or {}))


class _Moves(TorchFunctionMode):
    """Counts tensors that become lists, arrays or tensors of the processor's own."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += func in MOVES
        return func(*args, **(kwargs or {}))


def _waits(measure: Callable[[Work], Measured], work: Work) -> float:
    """Waits a step: the difference between two steps and one, so that what is done once falls out.

    On a GPU what torch itself calls synchronising; on a CPU values that are read, which would be.
    """
    one, two = (_waited(measure, replace(work, steps=steps)) for steps in (1, 2))
    return float(two - one)


def _waited(measure: Callable[[Work], Measured], work: Work) -> int:
    if work.device == "cpu":
        with _Reads() as reads, _Moves() as moves:
            measure(work)
        return reads.count + moves.count
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            measure(work)
        finally:
            torch.cuda.set_sync_debug_mode("default")
    return sum("synchronizing CUDA operation" in str(each.message) for each in caught)
