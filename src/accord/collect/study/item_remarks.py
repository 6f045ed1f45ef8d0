"""What may be a mistake in a file of items and is none by itself: said when they are loaded, refused never."""

from collections.abc import Hashable, Iterator, Sequence

from accord.collect.study.items import StudyItem
from accord.feedback.dataset.same_texts import normalised

__all__ = ["remarks_on"]

COUNTED = ("overlap", "priority", "warning", "gold", "known", "explanation", "reference")


def remarks_on(items: Sequence[StudyItem]) -> list[str]:
    """Of the lines of one file: the same item twice, and texts that differ in blanks or Unicode forms alone."""
    remarks: list[str] = []
    first: dict[Hashable, StudyItem] = {}
    alike: dict[Hashable, StudyItem] = {}
    for item in items:
        remarks += _alike_within(item)
        texts = item.completions
        same = first.setdefault((item.prompt.id, frozenset(text.id for text in texts)), item)
        near = alike.setdefault(
            (normalised(item.prompt.text), frozenset(normalised(text.text) for text in texts)), item
        )
        if same is not item:
            remarks.append(_same_twice(item, same))
        elif near is not item:
            remarks.append(f"{item.place}: differs from {near.place} in blanks or Unicode forms alone; both are asked")
    return remarks


def _alike_within(item: StudyItem) -> Iterator[str]:
    first_places: dict[str, int] = {}
    for number, completion in enumerate(item.completions, start=1):
        other = first_places.setdefault(normalised(completion.text), number)
        if other != number:
            yield f"{item.place}: completions {other} and {number} differ in blanks or Unicode forms alone"


def _same_twice(item: StudyItem, first: StudyItem) -> str:
    others = [name for name in COUNTED if getattr(item.line, name) != getattr(first.line, name)]
    lost = f" (its {', '.join(others)} not)" if others else ""
    return f"{item.place}: the same item as {first.place}, which counts{lost}"
