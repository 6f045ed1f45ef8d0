"""What a person sees while a run goes on: the stage, the step, the time left.

On a terminal a bar; elsewhere (a log file, CI) a plain line now and then.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Generic, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from accord.interfaces import Step

__all__ = ["ProgressDisplay"]

T = TypeVar("T")
S = TypeVar("S", bound=Step)
EVERY = 20.0  # seconds between plain lines


class ProgressDisplay:
    """Prints to `console`; nothing at all where `quiet`."""

    def __init__(self, console: Console | None = None, *, quiet: bool = False) -> None:
        self.console = Console(quiet=quiet) if console is None else console

    def say(self, text: str) -> None:
        """A line."""
        self.console.print(text, highlight=False)

    @contextmanager
    def busy(self, text: str) -> Iterator[None]:
        """A sign of life during work of a minute at most whose length is not known."""
        if self.console.is_terminal:
            with self.console.status(text):
                yield
        else:
            self.say(text)
            yield

    def steps(self, items: Iterable[S], name: str) -> Iterator[S]:
        """Pass on the steps of a training loop, showing numbers of theirs and the time left."""
        return self._bar(items, name) if self.console.is_terminal else self._lines(items, name)

    def track(self, items: Iterable[T], name: str, total: int) -> Iterator[T]:
        """Pass on `total` items, counting."""
        for item in self.steps((_Counted(item, i, total) for i, item in enumerate(items, 1)), name):
            yield item.item

    def _bar(self, items: Iterable[S], name: str) -> Iterator[S]:
        columns = (
            TextColumn("  {task.description:<10}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[numbers]}"),
        )
        with Progress(*columns, console=self.console, transient=True) as progress:
            task = progress.add_task(name, total=None, numbers="")
            for item in items:
                progress.update(task, completed=item.step, total=item.total, numbers=_numbers(item))
                yield item

    def _lines(self, items: Iterable[S], name: str) -> Iterator[S]:
        began = printed = monotonic()
        first: int | None = None
        for item in items:
            now = monotonic()
            if first is None:
                first, began = item.step, now
            done = item.step == item.total
            if done or now - printed >= EVERY:
                pace = (now - began) / max(1, item.step - first)
                left = "" if done or item.step == first else f", {_clock(pace * (item.total - item.step))} left"
                self.say(f"  {name} {item.step}/{item.total}{left}  {_numbers(item)}".rstrip())
                printed = now
            yield item


@dataclass(frozen=True)
class _Counted(Generic[T]):
    item: T
    step: int
    total: int


def _numbers(step: Step) -> str:
    """The few numbers of a step that a person watches; none where nothing is trained."""
    metrics = getattr(step, "metrics", None)
    forms = {"loss": "loss {:.3f}", "accuracy": "accuracy {:.2f}", "reward": "reward {:+.2f}", "kl": "KL {:.1f}"}
    numbers = [(form, getattr(metrics, name, None)) for name, form in forms.items()]
    return "  ".join(form.format(number) for form, number in numbers if number is not None)


def _clock(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
