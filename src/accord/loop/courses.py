"""When the steps of a stage, and other things that are counted, began and ended: a display that shows nothing."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from time import monotonic

from accord.interfaces import Step
from accord.loop.progress import ProgressDisplay, S

__all__ = ["Course", "CourseDisplay"]


@dataclass
class Course:
    """Things of one kind that a stage did one after the other.

    name     what they are, as the progress is told it
    total    how many there are, of which not all may have been done
    began    when the first of them did, in seconds of a clock that only goes on
    ended    when the last was done
    seconds  what each of them took
    """

    name: str
    total: int = 0
    began: float = 0.0
    ended: float = 0.0
    seconds: list[float] = field(default_factory=list)


class CourseDisplay(ProgressDisplay):
    """Keeps the courses of a run, and prints nothing."""

    def __init__(self) -> None:
        super().__init__(quiet=True)
        self.courses: list[Course] = []

    def steps(self, items: Iterable[S], name: str) -> Iterator[S]:
        """Pass on the steps of a training loop, or what is tracked."""
        course = Course(name)
        self.courses.append(course)
        for item in items:
            now, own = monotonic(), _own_seconds(item)
            if not course.total:
                course.began = now - (own or 0.0)
            course.total = item.total
            yield item
            # A step is over when it is passed on; of what is tracked the work is done by whoever took it.
            course.ended = now if own is not None else monotonic()
            course.seconds.append(course.ended - now if own is None else own)


def _own_seconds(item: Step) -> float | None:
    """What a step says it took; None of what is done by whoever it is passed on to."""
    seconds = getattr(getattr(item, "metrics", None), "seconds", None)
    return None if seconds is None else float(seconds)
