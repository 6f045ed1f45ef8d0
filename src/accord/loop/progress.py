"""What a person sees while a run goes on: the stage, the step, the time left.

On a terminal a bar; elsewhere (a log file, CI) a plain line now and then.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

__all__ = ["ProgressDisplay"]

T = TypeVar("T")
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

    def steps(self, items: Iterable[T], name: str) -> Iterator[T]:
        """Pass on steps that carry `step` and `total`, showing numbers of theirs and the time left."""
        return self._bar(items, name) if self.console.is_terminal else self._lines(items, name)

    def track(self, items: Iterable[T], name: str, total: int) -> Iterator[T]:
        """Pass on `total` items, counting."""
        for item in self.steps((_Counted(item, i, total) for i, item in enumerate(items, 1)), name):
            yield item.item

    def _bar(self, items: Iterable[T], name: str) -> Iterator[T]:
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
                at: Any = item
                progress.update(task, completed=at.step, total=at.total, numbers=_numbers(at))
                yield item

    def _lines(self, items: Iterable[T], name: str) -> Iterator[T]:
        began = last = monotonic()
        first = None
        for item in items:
            at: Any = item
            now = monotonic()
            if first is None:
                first, began = at.step, now
            done = at.step == at.total
            if done or now - last >= EVERY:
                pace = (now - began) / max(1, at.step - first)
                left = "" if done or at.step == first else f", {_clock(pace * (at.total - at.step))} left"
                self.say(f"  {name} {at.step}/{at.total}{left}  {_numbers(at)}".rstrip())
                last = now
            yield item


class _Counted:
    def __init__(self, item: Any, step: int, total: int) -> None:
        self.item, self.step, self.total = item, step, total


def _numbers(at: Any) -> str:
    """The few numbers of a step that a person watches."""
    shown = {"loss": "loss {:.3f}", "accuracy": "accuracy {:.2f}", "reward": "reward {:+.2f}", "kl": "KL {:.1f}"}
    values = [(form, getattr(at, name, None)) for name, form in shown.items()]
    return "  ".join(form.format(value) for form, value in values if value is not None)


def _clock(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
