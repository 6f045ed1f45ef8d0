"""Several processes that train one model: which of them this is, its share of a step, sums over all of them.

torchrun starts them, or Ray (`accord.cluster`), and torch.distributed carries what passes between them: gloo on the
CPU, nccl between GPUs. The first process, rank 0, does the run; the others take part in stages whose steps can be
shared. A step can be where it is a function of its number: every process finds the same pairs, texts and seeds, takes
its share of them, and adds to the gradient what of the whole step's loss is due to it. Gradients are summed before
their norm is taken, so all processes take the same step, from the same weights to the same weights.

Outside of a stage that is shared (`sharing`) everything here is what a process does that is alone.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar, TypeVar

from accord.deferred import deferred
from accord.errors import AccordError, RecipeError, TrainingStopped
from accord.run.launch import Launch, launch_of

with deferred():
    import psutil
    import torch
    from torch import Tensor, nn
    from torch import distributed as dist
    from torch.distributed.rendezvous import rendezvous

    from accord.train.host_reads import host_values

__all__ = [
    "FirstFailedError",
    "ProcessLostError",
    "Started",
    "StepsOver",
    "check_alike",
    "from_first",
    "gather",
    "hearing_others",
    "is_first",
    "is_sharding",
    "is_shared",
    "is_shared_kind",
    "meet",
    "meet_to_end",
    "next_task",
    "own_share",
    "process_count",
    "process_group",
    "rank_names",
    "report_problem",
    "shares_steps",
    "sharing",
    "started_count",
    "stop_sharing",
    "sum_gradients",
    "sum_numbers",
    "sum_tensor",
]

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])
PATIENCE = timedelta(days=300)
"""How long a process waits for another one: the first may evaluate for days. One that is gone is noticed at once."""
BUCKET = 1 << 24  # numbers summed in one message
LOOK = 0.5  # seconds between two looks after the first process
GATHERING = 20.0  # seconds that the first process waits for the others where it has to end; torchrun gives it 30
_MARK = "_shares_steps"


class FirstFailedError(Exception):
    """The first process could not do what all wait for. It says itself why, and whether this step alone is left out."""


class ProcessLostError(TrainingStopped):
    """Another process is heard no more, and did not say why: the last whole step is kept, and all may begin again."""


class StepsOver(Exception):  # noqa: N818 - it reads as what happened
    """All steps of a stage are made; what comes after them is the first process's."""


@dataclass(frozen=True)
class Started:
    """Which of the processes this is that something else than torchrun started, and the store by which they meet.

    Whoever started them ends them all where one is gone.
    """

    launch: Launch
    store: Any


@dataclass
class _Group:
    """The processes that were started together. `apart`: a step ended somewhere within, and they may wait anywhere.

    `shards`: those that share a stage hold its model in parts.
    """

    launch: Launch
    store: Any
    shares: bool = False
    shards: bool = False
    apart: bool = False

    @contextmanager
    def hearing(self) -> Iterator[None]:
        """Raises `TrainingStopped` where another process is heard no more."""
        try:
            yield
        except RuntimeError as error:  # what torch.distributed raises where a connection is gone
            self.apart = True
            raise self._why_lost(error) from error

    def _why_lost(self, error: RuntimeError) -> TrainingStopped:
        count = self.launch.count
        with suppress(RuntimeError):  # the store is torchrun's, and may be gone too
            for rank in range(count):
                if rank != self.launch.rank and self.store.check([f"problem/{rank}"]):
                    said = self.store.get(f"problem/{rank}").decode()
                    return TrainingStopped(f"process {rank + 1} of {count}: {said}")
        heard = str(error).partition("\n")[0].strip()
        return ProcessLostError(
            f"one of the {count} processes has ended ({heard}); start them again with --resume, as many as you like"
        )


class _Process:
    """What this process belongs to."""

    group: ClassVar[_Group | None] = None


# -- the processes ------------------------------------------------------------------------------------------------


@contextmanager
def process_group(started: Started | None = None) -> Iterator[Launch]:
    """Inside the block this process and the others of its launch hear one another; alone, nothing is set up.

    When the block of the first one ends, the others have no more to do (`next_task`). torchrun started them where
    `started` says nothing else. Raises `RecipeError` where there are more processes of torchrun than GPUs.
    """
    launch = launch_of() if started is None else started.launch
    if launch.count == 1:
        yield launch
        return
    backend = "gloo"
    if torch.cuda.is_available():
        if started is None:
            _take_own_gpu(launch)
        backend = "cpu:gloo,cuda:nccl"
    store = next(rendezvous("env://"))[0] if started is None else started.store
    own = dist.PrefixStore("accord", store)  # type: ignore[attr-defined]  # it is public all the same
    dist.init_process_group(backend, store=store, rank=launch.rank, world_size=launch.count, timeout=PATIENCE)
    launch = Launch(dist.get_rank(), dist.get_world_size())
    _Process.group = group = _Group(launch, own)
    if started is None:
        _look_after_first(group)
    try:
        yield launch
        if launch.is_first and not group.apart:
            _tell(group, None)
    finally:
        _Process.group = None
    dist.destroy_process_group()


def _take_own_gpu(launch: Launch) -> None:
    """Have this process work on the GPU of its number. Raises `RecipeError` where there are fewer than processes."""
    if launch.count > (gpus := torch.cuda.device_count()):
        raise RecipeError(
            f"{launch.count} processes share {gpus} GPU(s); give --nproc-per-node {gpus}, or hide the GPUs "
            "(CUDA_VISIBLE_DEVICES='')"
        )
    torch.cuda.set_device(launch.rank)


def _look_after_first(group: _Group) -> None:
    """End this process where the first one is gone, whatever it waits for then."""
    if group.launch.is_first:
        group.store.set("first", str(os.getpid()))
        return
    processes: Any = psutil
    first = processes.Process(int(group.store.get("first")))

    def look() -> None:
        while True:
            time.sleep(LOOK)
            try:
                gone = not first.is_running() or first.status() == psutil.STATUS_ZOMBIE
            except psutil.NoSuchProcess:
                gone = True
            if gone:
                os._exit(0)  # whatever ended the first one is for that one to say

    threading.Thread(target=look, daemon=True).start()


def _tell(group: _Group, task: object) -> None:
    with group.hearing():
        dist.broadcast_object_list([task], src=0, device=torch.device("cpu"))


def next_task() -> Any:
    """What the first process asks the others to take part in, when it does; None where nothing is left to do."""
    group = _Process.group
    assert group is not None
    task: list[Any] = [None]
    with group.hearing():
        dist.broadcast_object_list(task, src=0, device=torch.device("cpu"))
    group.shares = task[0] is not None
    group.shards = bool(getattr(task[0], "shards", False))
    return task[0]


@contextmanager
def hearing_others() -> Iterator[None]:
    """Raises `TrainingStopped` where a process that shares the stage is heard no more inside the block.

    Whoever talks to it there: with a model in parts that is FSDP, which raises what its connection does.
    """
    try:
        yield
    except RuntimeError as error:
        group = _sharing_group()
        if group is None or not (isinstance(error, dist.DistError) or "gloo" in str(error)):
            raise
        group.apart = True
        raise group._why_lost(error) from error


def started_count() -> int:
    """How many processes were started together, and hear one another."""
    return 1 if _Process.group is None else _Process.group.launch.count


def report_problem(problem: AccordError) -> None:
    """Leave word for the first process of what ends this one."""
    if _Process.group is None:
        return
    with suppress(RuntimeError):  # the first one is gone, and the store with it
        _Process.group.store.set(f"problem/{_Process.group.launch.rank}", str(problem))


@contextmanager
def sharing(task: object) -> Iterator[None]:
    """Inside the block the first process trains together with the others, who are handed `task`.

    Where the task has `shards`, models that are trained lie in parts with them.
    """
    group = _Process.group
    assert group is not None
    if group.apart:
        raise TrainingStopped("the processes that were started together are not together any more; start them again")
    _tell(group, task)
    group.shares, group.shards = True, bool(getattr(task, "shards", False))
    try:
        yield
    except BaseException:
        group.apart = True
        raise
    finally:
        group.shares = False


def stop_sharing() -> None:
    """The steps of a stage are made: what comes after them is the first process's alone.

    Raises `StepsOver` in the others.
    """
    first = is_first()
    if _Process.group is not None:
        _Process.group.shares = False
    if not first:
        raise StepsOver


def _sharing_group() -> _Group | None:
    group = _Process.group
    return group if group is not None and group.shares else None


# -- what a stage says ----------------------------------------------------------------------------------------------


def shares_steps(method: F) -> F:
    """Mark `steps`, or `update`, of settings whose steps several processes may share; who overrides it says so anew."""
    setattr(method, _MARK, True)
    return method


def is_shared(settings: object) -> bool:
    """Whether several processes may share the steps of these settings."""
    return is_shared_kind(type(settings)) and not getattr(settings, "trains_alone", False)


def is_shared_kind(kind: type) -> bool:
    """Whether several processes may share the steps of a class of settings, whatever they are."""
    methods = [method for name in ("steps", "update") if (method := getattr(kind, name, None)) is not None]
    return all(getattr(method, _MARK, False) for method in methods)


# -- within a step --------------------------------------------------------------------------------------------------


def process_count() -> int:
    """How many processes share the stage that is under way."""
    group = _sharing_group()
    return 1 if group is None else group.launch.count


def is_sharding() -> bool:
    """Whether the processes that share the stage under way are to hold its model in parts."""
    group = _sharing_group()
    return group is not None and group.shards


def is_first() -> bool:
    """Whether this is the first of them."""
    return _rank() == 0


def rank_names() -> tuple[int, ...]:
    """What tells the seeds of this process from the first one's, where each is to draw for itself (dropout)."""
    return (_rank(),) if _rank() else ()


def _rank() -> int:
    group = _sharing_group()
    return 0 if group is None else group.launch.rank


def own_share(parts: Sequence[T], cost: Callable[[T], float] = lambda part: 1.0) -> list[T]:
    """This process's parts of a step, consecutive ones; each process's cost about as much together."""
    if (count := process_count()) == 1:
        return list(parts)
    costs = [cost(part) for part in parts]
    total, before, own = sum(costs), 0.0, []
    for part, its_cost in zip(parts, costs, strict=True):
        if int(count * (before + its_cost / 2) / total) == _rank():
            own.append(part)
        before += its_cost
    return own


def sum_tensor(tensor: Tensor) -> Tensor:
    """The sum over processes of what each has of a tensor, in its place."""
    if (group := _sharing_group()) is not None:
        with group.hearing():
            dist.all_reduce(tensor)
    return tensor


def sum_numbers(numbers: Mapping[str, float | Tensor]) -> dict[str, float]:
    """The sums over processes of what each has of some numbers; tensors without dimensions are read all at once."""
    values = host_values(numbers.values())
    if process_count() == 1:
        return dict(zip(numbers, values, strict=True))
    total = sum_tensor(torch.tensor(values, dtype=torch.float64))
    return dict(zip(numbers, total.tolist(), strict=True))


def gather(value: T) -> list[T]:
    """What each process has, in their order."""
    group = _sharing_group()
    if group is None:
        return [value]
    values: list[Any] = [None] * group.launch.count
    with group.hearing():
        dist.all_gather_object(values, value)
    return values


def from_first(make: Callable[[], T]) -> T:
    """What the first process makes, in all of them: for what must be asked, drawn or measured once.

    Raises in the first one what `make` raises, `FirstFailedError` in the others.
    """
    group = _sharing_group()
    if group is None:
        return make()
    if not group.launch.is_first:
        heard: T = _heard_from_first(group)
        return heard
    try:
        value = make()
    except Exception:
        _tell(group, (False, None))
        raise
    _tell(group, (True, value))
    return value


def _heard_from_first(group: _Group) -> Any:
    heard: list[Any] = [None]
    with group.hearing():
        dist.broadcast_object_list(heard, src=0, device=torch.device("cpu"))
    made, value = heard[0]
    if not made:
        raise FirstFailedError
    return value


def meet(order: T | None = None) -> T | None:
    """Wait where all processes come to between two steps; returns what the first one says there, which gives it."""
    group = _sharing_group()
    if group is None:
        return order
    if group.launch.is_first:
        _tell(group, (True, order))
        return order
    if group.apart:
        raise TrainingStopped("the processes are not together any more")
    name = f"waits/{group.launch.rank}"
    with group.hearing():
        group.store.set(name, "yes")
        heard: T | None = _heard_from_first(group)
        group.store.set(name, "no")
    return heard


def meet_to_end(order: object) -> bool:
    """As `meet`, by the first process, which has to end: whether the others are all there to hear it.

    They are waited for a while; one that failed, or waits for something else that this one does not do any more, is
    not to be had.
    """
    group = _sharing_group()
    assert group is not None
    assert group.launch.is_first
    others = range(1, group.launch.count)
    until = time.monotonic() + GATHERING
    with suppress(RuntimeError):  # the store is torchrun's, and may be gone
        while not group.apart and time.monotonic() < until:
            if any(group.store.check([f"problem/{rank}"]) for rank in others):
                break
            names = [f"waits/{rank}" for rank in others]
            if all(group.store.check([name]) and group.store.get(name) == b"yes" for name in names):
                _tell(group, (True, order))
                return True
            time.sleep(LOOK / 10)
    return False


def check_alike(make: Callable[[], object], what: str) -> None:
    """Raises `TrainingStopped` where the processes do not all have the same of something."""
    if process_count() == 1:
        return
    values = gather(make())
    if any(each != values[0] for each in values):
        raise TrainingStopped(f"the processes differ in {what} ({', '.join(map(str, values))}); go on with --resume")


def sum_gradients(weights: Sequence[nn.Parameter]) -> None:
    """Give each weight the sum of its gradients over processes; none where no process has one."""
    if process_count() == 1:
        return
    has_W = sum_tensor(torch.tensor([float(weight.grad is not None) for weight in weights]))
    bucket: list[nn.Parameter] = []
    for weight, has in zip(weights, has_W.tolist(), strict=True):
        if not has:
            continue
        if bucket and (weight.device != bucket[0].device or sum(w.numel() for w in bucket) + weight.numel() > BUCKET):
            _sum_bucket(bucket)
            bucket = []
        bucket.append(weight)
    if bucket:
        _sum_bucket(bucket)


def _sum_bucket(weights: Sequence[nn.Parameter]) -> None:
    parts = [torch.zeros_like(weight) if weight.grad is None else weight.grad for weight in weights]
    flat = sum_tensor(torch.cat([part.reshape(-1) for part in parts]))
    for weight, part in zip(weights, flat.split([weight.numel() for weight in weights]), strict=True):
        weight.grad = part.view_as(weight)
